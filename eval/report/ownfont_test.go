package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/language"
)

// TestOwnFont: a name that the embedded fonts cannot write is drawn in the user's font,
// from right to left with its letters joined, or in English where there is none.
func TestOwnFont(t *testing.T) {
	file, err := filepath.Abs("testdata/arabic.ttf")
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.ttf")
	if err := os.WriteFile(broken, []byte("no font"), 0o644); err != nil {
		t.Fatal(err)
	}
	arabic := func(font string) *language.Language {
		return &language.Language{Code: "ar", Name: "Arabic", Native: "العربية", Scripts: []string{"Arabic"},
			Font: font}
	}
	text, own := drawnName(arabic(file), true)
	glyphs, width := shapeIn(own, text, 1000, true)
	var ids []uint32
	for _, g := range glyphs {
		ids = append(ids, uint32(g.id))
	}
	// What HarfBuzz 11 makes of it (third_party/name-font.py): the last letter is leftmost.
	if fmt.Sprint(ids) != "[17 29 15 18 21 23 1]" || math.Abs(width-2732.91) > 0.01 {
		t.Errorf("glyphs %v of width %g", ids, width)
	}
	for _, c := range []struct{ font, name, remark string }{
		{file, "العربية", ""}, {"", "Arabic", "has no font for العربية"}, {broken, "Arabic",
			"not a TrueType font"},
		{"gone.ttf", "Arabic", "no such file"}, {filepath.Join("fonts", "Thai-Regular.ttf"), "Arabic",
			"has not all letters"},
	} {
		l := arabic(c.font)
		if text, _ := drawnName(l, false); text != c.name {
			t.Errorf("with font %q the name is %q, want %q", c.font, text, c.name)
		}
		results := &eval.Results{Settings: eval.Spec{OwnLanguages: []*language.Language{l}}}
		remarks := strings.Join(knownLanguagesOf(evaluation{results: results}).remarks(), "\n")
		if !strings.Contains(remarks, c.remark) || (remarks == "") != (c.remark == "") {
			t.Errorf("with font %q: %q, want %q", c.font, remarks, c.remark)
		}
		css := ownFontCSS([]*language.Language{l})
		if (strings.Count(css, "@font-face") == 2 &&
			strings.Contains(css, "unicode-range: U+0627, U+0644,")) != (c.remark == "") {
			t.Errorf("with font %q the style is %.200q", c.font, css)
		}
	}
	if text, own := drawnName(&language.Language{Name: "Indonesian", Native: "Bahasa Indonesia"},
		false); text != "Bahasa Indonesia" || own != nil {
		t.Errorf("a name in Latin letters is %q in %v", text, own)
	}
}
