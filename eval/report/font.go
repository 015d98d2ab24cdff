package report

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/harfbuzz"
)

// fontFiles are subsets of the Noto fonts: Latin, Cyrillic and Greek, and of the
// other scripts the names of the languages. fonts/README.md says how they are made.
//
//go:embed fonts/*.ttf
var fontFiles embed.FS

// fontSubset is one of the subsets that make up the font of figures.
type fontSubset struct {
	name    string
	unicode string // as CSS has it
	has     func(r rune) bool
}

// fontSubsets in the order in which a rune looks for its glyph.
var fontSubsets = []fontSubset{
	{"Bengali", "U+0980-09FF", func(r rune) bool { return r >= 0x980 && r <= 0x9ff }},
	{"Thai", "U+0E00-0E7F", func(r rune) bool { return r >= 0xe00 && r <= 0xe7f }},
	{"Telugu", "U+0C00-0C7F", func(r rune) bool { return r >= 0xc00 && r <= 0xc7f }},
	{"CJK", "U+3000-30FF, U+4E00-9FFF", func(r rune) bool {
		return r >= 0x3000 && r <= 0x30ff ||
			r >= 0x4e00 && r <= 0x9fff
	}},
	{"Signs", "U+2190-22FF, U+25CA", func(r rune) bool { return r >= 0x2190 && r <= 0x22ff || r == 0x25ca }},
	{"Latin", "U+0000-218F", func(rune) bool { return true }},
}

// faceOf parses the embedded fonts once.
var faceOf = sync.OnceValue(func() map[string]*font.Face {
	faces := map[string]*font.Face{}
	for _, s := range fontSubsets {
		for _, weight := range []string{"Regular", "Bold"} {
			name := s.name + "-" + weight
			face, err := font.ParseTTF(bytes.NewReader(fontData(name)))
			if err != nil {
				panic(fmt.Sprintf("embedded font %s: %v", name, err)) // a broken build
			}
			faces[name] = face
		}
	}
	return faces
})

func fontData(name string) []byte {
	data, err := fontFiles.ReadFile("fonts/" + name + ".ttf")
	if err != nil {
		panic(err) // a broken build
	}
	return data
}

// shaping is guarded: faces keep caches.
var shaping sync.Mutex

// glyph is an outline with its position, in pixels right of a text's start.
type glyph struct {
	id      font.GID
	outline font.GlyphOutline
	x, y    float64
	scale   float64 // pixels a font unit
}

// weightOf names a weight as the fonts' files do.
func weightOf(bold bool) string {
	if bold {
		return "Bold"
	}
	return "Regular"
}

// shape lays text out in the embedded fonts: the glyphs and the width, in pixels.
// Ligatures, vowel signs and marks are where the font's tables put them.
func shape(text string, size float64, bold bool) ([]glyph, float64) {
	return shapeIn(nil, text, size, bold)
}

// shapeIn lays text out in a font of the user's, or in the embedded ones where it is nil.
func shapeIn(own *font.Face, text string, size float64, bold bool) ([]glyph, float64) {
	shaping.Lock()
	defer shaping.Unlock()
	var glyphs []glyph
	x := 0.0
	for _, run := range fontRuns(text) {
		face := own
		if face == nil {
			face = faceOf()[run.font+"-"+weightOf(bold)]
		}
		buffer := harfbuzz.NewBuffer()
		buffer.AddRunes(run.text, 0, -1)
		buffer.GuessSegmentProperties()
		shaper := harfbuzz.NewFont(face)
		buffer.Shape(shaper, nil)
		scale := size / float64(face.Upem())
		for i, position := range buffer.Pos {
			id := buffer.Info[i].Glyph
			if outline, ok := face.GlyphData(id).(font.GlyphOutline); ok {
				glyphs = append(glyphs, glyph{id, outline, x + float64(position.XOffset)*scale,
					-float64(position.YOffset) * scale, scale})
			}
			x += float64(position.XAdvance) * scale
		}
	}
	return glyphs, x
}

// fontRun is a stretch of text in one font.
type fontRun struct {
	font string
	text []rune
}

func fontRuns(text string) []fontRun {
	var runs []fontRun
	for _, r := range text {
		name := ""
		for _, s := range fontSubsets {
			if s.has(r) {
				name = s.name
				break
			}
		}
		if n := len(runs); n > 0 && runs[n-1].font == name {
			runs[n-1].text = append(runs[n-1].text, r)
			continue
		}
		runs = append(runs, fontRun{name, []rune{r}})
	}
	return runs
}

// textWidth returns the width of a label at the size that most have.
func textWidth(s string) float64 { return widthAt(s, 12, false) }

func widthAt(s string, size float64, bold bool) float64 {
	_, w := shape(s, size, bold)
	return w
}

// fontCSS embeds the fonts into a style sheet, so that a page shows all names on a
// machine that has no font for them. Only subsets that some of the texts need are
// taken, Latin only when latin is set: every machine has a font for that.
func fontCSS(latin bool, texts ...string) string {
	var b strings.Builder
	for _, s := range fontSubsets {
		needed := latin
		if s.name != "Latin" {
			needed = false
			for _, t := range texts {
				needed = needed || strings.ContainsFunc(t, s.has)
			}
		}
		if !needed {
			continue
		}
		for i, weight := range []string{"Regular", "Bold"} {
			fmt.Fprintf(&b, "@font-face { font-family: \"Stele Sans\"; font-weight: %d; unicode-range: "+
				"%s; src: url(data:font/ttf;base64,%s); }\n",
				400+300*i, s.unicode, base64.StdEncoding.EncodeToString(fontData(s.name+"-"+weight)))
		}
	}
	return b.String()
}
