package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/go-text/typesetting/font"

	"github.com/stele-lm/stele/eval/language"
)

// ownFont is a font that a user's language names.
type ownFont struct {
	data []byte
	face *font.Face
}

// ownFonts are those that were read, by file.
var ownFonts sync.Map

// readFont reads a TrueType font file once.
func readFont(path string) (*ownFont, error) {
	if f, ok := ownFonts.Load(path); ok {
		return f.(*ownFont), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	face, err := font.ParseTTF(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: not a TrueType font: %w", path, err)
	}
	f, _ := ownFonts.LoadOrStore(path, &ownFont{data, face})
	return f.(*ownFont), nil
}

// hasGlyphs reports whether a font has all letters of a text.
func hasGlyphs(face *font.Face, text string) bool {
	shaping.Lock()
	defer shaping.Unlock()
	for _, r := range text {
		if _, ok := face.NominalGlyph(r); !ok {
			return false
		}
	}
	return true
}

// isEmbedded reports whether the embedded fonts have all letters of a text.
func isEmbedded(text string) bool {
	for _, run := range fontRuns(text) {
		if !hasGlyphs(faceOf()[run.font+"-Regular"], string(run.text)) {
			return false
		}
	}
	return true
}

// fontOf returns the font for a language's own name, which the embedded ones cannot write;
// bold falls back on the regular one. The error says what is missing.
func fontOf(l *language.Language, bold bool) (*ownFont, error) {
	path := l.Font
	if bold && l.Bold != "" {
		path = l.Bold
	}
	if path == "" {
		return nil, fmt.Errorf("the program has no font for %s: name a file as font", l.Native)
	}
	f, err := readFont(path)
	if err != nil {
		return nil, err
	}
	if !hasGlyphs(f.face, l.Native) {
		return nil, fmt.Errorf("%s has not all letters of %s", path, l.Native)
	}
	return f, nil
}

// drawnName returns how a picture writes the name of a language: in its own words, in the
// embedded fonts or in own, else in English.
func drawnName(l *language.Language, bold bool) (text string, own *font.Face) {
	if isEmbedded(l.Native) {
		return l.Native, nil
	}
	f, err := fontOf(l, bold)
	if err != nil {
		return l.Name, nil // remarks say so
	}
	return l.Native, f.face
}

// ownFontCSS embeds the fonts of users' languages into a style sheet, for the letters of
// their names alone.
func ownFontCSS(languages []*language.Language) string {
	var b strings.Builder
	for _, l := range languages {
		if isEmbedded(l.Native) {
			continue
		}
		for i, bold := range []bool{false, true} {
			f, err := fontOf(l, bold)
			if err != nil {
				continue
			}
			var codes []string
			for _, r := range l.Native {
				if code := fmt.Sprintf("U+%04X", r); !slices.Contains(codes, code) {
					codes = append(codes, code)
				}
			}
			fmt.Fprintf(&b, "@font-face { font-family: \"Stele Sans\"; font-weight: %d; unicode-range: "+
				"%s; src: url(data:font/ttf;base64,%s); }\n",
				400+300*i, strings.Join(codes, ", "), base64.StdEncoding.EncodeToString(f.data))
		}
	}
	return b.String()
}

// remarks say which languages' names PNG figures write in English, and why.
func (t knownLanguages) remarks() []string {
	var said []string
	for _, l := range t.known().Own() {
		if l.Native == "" || isEmbedded(l.Native) {
			continue
		}
		if _, err := fontOf(l, false); err != nil {
			said = append(said, fmt.Sprintf("PNG figures write %s, not %s: %v", l.Name, l.Native, err))
		}
	}
	return said
}
