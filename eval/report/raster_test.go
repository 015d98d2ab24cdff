package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/stele-lm/stele/eval/language"
)

// checkPicture decodes a PNG and compares its size with the canvas; something must
// be drawn, and nothing right at the edge, where it would be cut.
func checkPicture(t *testing.T, name string, c *canvas, data []byte) {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	box := picture.Bounds()
	if want := image.Pt(int(math.Ceil(c.width*pngScale)),
		int(math.Ceil(c.height*pngScale))); box.Size() != want {
		t.Errorf("%s: %v, want %v", name, box.Size(), want)
	}
	white := func(x, y int) bool {
		r, g, b, _ := picture.At(x, y).RGBA()
		return r == 0xffff && g == 0xffff && b == 0xffff
	}
	for y := range box.Dy() {
		for _, x := range []int{0, box.Dx() - 1} {
			if !white(x, y) {
				t.Errorf("%s: something is cut at (%d, %d)", name, x, y)
				return
			}
		}
	}
	for x := range box.Dx() {
		for _, y := range []int{0, box.Dy() - 1} {
			if !white(x, y) {
				t.Errorf("%s: something is cut at (%d, %d)", name, x, y)
				return
			}
		}
	}
}

// TestNamesAreShaped: every language's name has glyphs in the embedded fonts, and
// Bengali, Thai and Telugu come out of the fonts' tables, not letter by letter.
func TestNamesAreShaped(t *testing.T) {
	for _, code := range language.Study() {
		tongue := language.Builtin().Lookup(code)
		for _, bold := range []bool{false, true} {
			for _, run := range fontRuns(tongue.Native) {
				face := faceOf()[run.font+map[bool]string{false: "-Regular", true: "-Bold"}[bold]]
				for _, r := range run.text {
					if _, ok := face.NominalGlyph(r); !ok {
						t.Errorf("%s: no glyph for %q in %s", tongue.Name, r, run.font)
					}
				}
			}
			glyphs, width := shape(tongue.Native, 12, bold)
			if len(glyphs) == 0 || width <= 0 {
				t.Errorf("%s has no outline", tongue.Name)
			}
		}
	}
	// What HarfBuzz 11 makes of the same fonts: glyphs, and the width in thousandths.
	for _, c := range []struct {
		text, glyphs string
		width        float64
	}{
		{"বাংলা", "[2 4 1 3 4]", 2297}, {"ไทย", "[1 2 3]", 1507},
		{"తెలుగు", "[7 3 4 1 4]", 2762}, // the first letter and its sign are one glyph
	} {
		glyphs, width := shape(c.text, 1000, false)
		var ids []uint32
		for _, g := range glyphs {
			ids = append(ids, uint32(g.id))
		}
		if fmt.Sprint(ids) != c.glyphs || math.Abs(width-c.width) > 0.01 {
			t.Errorf("%s: glyphs %v of width %g, HarfBuzz has %s, %g", c.text, ids, width, c.glyphs, c.width)
		}
	}
}

func TestEverySignOfFiguresHasAGlyph(t *testing.T) {
	for _, r := range "0123456789 ABCxyz Δ α β ² ± − – · × ¼ ½ ¾ … ≥ ⁻⁶ é ñ ß Кириллица" {
		if _, ok := faceOf()[fontRuns(string(r))[0].font+"-Regular"].NominalGlyph(r); !ok {
			t.Errorf("no glyph for %q", r)
		}
	}
}

func TestLookOf(t *testing.T) {
	for _, c := range []struct {
		element, class string
		want           look
	}{
		{"text", "", look{fill: hexColour("#1f2328"), width: 1, size: 12}},
		{"text", "head", look{fill: hexColour("#1f2328"), width: 1, size: 13, bold: true}},
		{"text", "small", look{fill: hexColour("#59636e"), width: 1, size: 11}},
		{"path", "curve k2", look{stroke: hexColour("#d55e00"), width: 2, size: 12, dash: []float64{7, 4}}},
		{"path", "marker m1", look{fill: hexColour("#1f2328"), stroke: hexColour("#1f2328"), width: 1.2,
			size: 12}},
		{"rect", "frame", look{stroke: hexColour("#1f2328"), width: 1.6, size: 12}},
	} {
		got := lookOf(c.element, c.class)
		if got.fill != c.want.fill || got.stroke != c.want.stroke || got.width != c.want.width ||
			got.size != c.want.size ||
			got.bold != c.want.bold || len(got.dash) != len(c.want.dash) {
			t.Errorf("%s.%s looks like %+v, want %+v", c.element, c.class, got, c.want)
		}
	}
}

// TestRasterPaints: fills, strokes, dashes and hatchings land where they should.
func TestRasterPaints(t *testing.T) {
	c := &canvas{name: "x", width: 100, height: 60}
	c.rect(10, 10, 20, 20, 1, "bar b1", "")
	c.rect(40, 10, 20, 20, 2, "bar b2", "")
	c.line(5, 50, 95, 50, "reference")
	data, err := c.png()
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	at := func(x, y float64) color.NRGBA {
		return color.NRGBAModel.Convert(picture.At(int(x*pngScale), int(y*pngScale))).(color.NRGBA)
	}
	if got, want := at(20, 20), lightColour("c1"); got != want {
		t.Errorf("the full bar is %v, want %v", got, want)
	}
	light, dark := 0, 0
	for x := 42.0; x < 58; x += 0.5 {
		for y := 12.0; y < 28; y += 0.5 {
			switch at(x, y) {
			case lightColour("paper"):
				light++
			case lightColour("c2"):
				dark++
			}
		}
	}
	if light < 200 || dark < 100 {
		t.Errorf("the hatched bar has %d light and %d dark places", light, dark)
	}
	ink, gaps := 0, 0
	for x := 5.0; x < 95; x += 0.5 {
		if at(x, 49.9).R < 200 {
			ink++
		} else {
			gaps++
		}
	}
	if ink < 50 || gaps < 80 {
		t.Errorf("the dashed line has %d places with ink and %d without", ink, gaps)
	}
}
