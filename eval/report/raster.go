package report

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"github.com/go-text/typesetting/font/opentype"
	"golang.org/x/image/vector"
)

// pngScale is the number of pixels of a PNG for one of the picture: about 200 dots an
// inch when a figure is as wide as a text column.
const pngScale = 2

// raster paints a canvas into pixels.
type raster struct {
	image *image.RGBA
}

// png returns the picture as a PNG file, on white.
func (c *canvas) png() ([]byte, error) {
	r := &raster{image.NewRGBA(image.Rect(0, 0, int(math.Ceil(c.width*pngScale)),
		int(math.Ceil(c.height*pngScale))))}
	draw.Draw(r.image, r.image.Bounds(), image.White, image.Point{}, draw.Src)
	for i := range c.ops {
		r.paint(&c.ops[i])
	}
	var b bytes.Buffer
	err := png.Encode(&b, r.image)
	return b.Bytes(), err
}

func (r *raster) paint(o *op) {
	l := lookOf(o.element, o.class)
	if o.element == "text" {
		r.text(o, l)
		return
	}
	if o.hatch != nil {
		r.fill([][]point{o.points}, hatched{o.hatch, pngScale})
	} else if l.fill.A > 0 && o.closed {
		r.fill([][]point{o.points}, image.NewUniform(l.fill))
	}
	if l.stroke.A > 0 {
		r.stroke(o.points, o.closed, l)
	}
}

// fill covers closed shapes, in the picture's coordinates.
func (r *raster) fill(shapes [][]point, source image.Image) {
	low, high := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, shape := range shapes {
		for _, p := range shape {
			low = point{min(low[0], p[0]), min(low[1], p[1])}
			high = point{max(high[0], p[0]), max(high[1], p[1])}
		}
	}
	box := image.Rect(int(math.Floor(low[0]*pngScale)), int(math.Floor(low[1]*pngScale)),
		int(math.Ceil(high[0]*pngScale)), int(math.Ceil(high[1]*pngScale))).Intersect(r.image.Bounds())
	if box.Empty() {
		return
	}
	z := vector.NewRasterizer(box.Dx(), box.Dy())
	toPixels := func(p point) (float32, float32) {
		return float32(p[0]*pngScale) - float32(box.Min.X), float32(p[1]*pngScale) - float32(box.Min.Y)
	}
	for _, shape := range shapes {
		for i, p := range shape {
			if x, y := toPixels(p); i == 0 {
				z.MoveTo(x, y)
			} else {
				z.LineTo(x, y)
			}
		}
		z.ClosePath()
	}
	z.Draw(r.image, box, source, box.Min)
}

// stroke draws a line along points, with round joins. The pieces all turn the same
// way, so that where they overlap they are one shape.
func (r *raster) stroke(points []point, closed bool, l look) {
	if closed && len(points) > 0 {
		points = append(append([]point{}, points...), points[0])
	}
	half := l.width / 2
	var shapes [][]point
	for _, line := range dashes(points, l.dash) {
		for i := 1; i < len(line); i++ {
			a, b := line[i-1], line[i]
			dx, dy := b[0]-a[0], b[1]-a[1]
			length := math.Hypot(dx, dy)
			if length == 0 {
				continue
			}
			nx, ny := -dy/length*half, dx/length*half
			shapes = append(shapes, []point{{a[0] - nx, a[1] - ny}, {b[0] - nx, b[1] - ny},
				{b[0] + nx, b[1] + ny}, {a[0] + nx, a[1] + ny}})
			if i+1 < len(line) && half > 0.6 {
				shapes = append(shapes, circle(b, half, 12))
			}
		}
	}
	if len(shapes) > 0 {
		r.fill(shapes, image.NewUniform(l.stroke))
	}
}

// circle returns a polygon that turns as stroke's pieces do.
func circle(centre point, radius float64, corners int) []point {
	points := make([]point, corners)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(corners))
		points[i] = point{centre[0] + radius*cos, centre[1] + radius*sin}
	}
	return points
}

// dashes cuts a line by a pattern of strokes and gaps.
func dashes(points []point, pattern []float64) [][]point {
	period := 0.0
	for _, d := range pattern {
		period += d
	}
	if period <= 0 {
		return [][]point{points}
	}
	var lines [][]point
	var line []point
	k, left := 0, pattern[0]
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		length, at := math.Hypot(b[0]-a[0], b[1]-a[1]), 0.0
		for at < length {
			piece := min(left, length-at)
			from, to := at/length, (at+piece)/length
			if k%2 == 0 {
				if len(line) == 0 {
					line = append(line, point{a[0] + (b[0]-a[0])*from, a[1] + (b[1]-a[1])*from})
				}
				line = append(line, point{a[0] + (b[0]-a[0])*to, a[1] + (b[1]-a[1])*to})
			}
			at += piece
			if left -= piece; left <= 1e-9 {
				if len(line) > 0 {
					lines, line = append(lines, line), nil
				}
				k++
				left = pattern[k%len(pattern)]
			}
		}
	}
	if len(line) > 0 {
		lines = append(lines, line)
	}
	return lines
}

// hatched is the source of a hatching's pixels.
type hatched struct {
	hatch *hatch
	scale float64
}

func (h hatched) ColorModel() color.Model { return color.NRGBAModel }
func (h hatched) Bounds() image.Rectangle { return image.Rect(-1e6, -1e6, 1e6, 1e6) }
func (h hatched) At(x, y int) color.Color {
	return h.hatch.at((float64(x)+0.5)/h.scale, (float64(y)+0.5)/h.scale, 1/h.scale)
}

func (r *raster) text(o *op, l look) {
	glyphs, width := shape(o.text, l.size, l.bold)
	if o.language != nil {
		text, own := drawnName(o.language, l.bold)
		glyphs, width = shapeIn(own, text, l.size, l.bold)
	}
	start := o.points[0]
	shift := 0.0
	switch o.anchor {
	case "middle":
		shift = -width / 2
	case "end":
		shift = -width
	}
	sin, cos := 0.0, 1.0
	if o.turned {
		sin, cos = -1, 0
	}
	var shapes [][]point
	for _, g := range glyphs {
		at := func(p opentype.SegmentPoint) point {
			x := shift + g.x + float64(p.X)*g.scale
			y := g.y - float64(p.Y)*g.scale
			return point{start[0] + x*cos - y*sin, start[1] + x*sin + y*cos}
		}
		shapes = append(shapes, outline(g.outline.Segments, at)...)
	}
	if len(shapes) > 0 {
		r.fill(shapes, image.NewUniform(l.fill))
	}
}

// outline flattens a glyph's curves.
func outline(segments []opentype.Segment, at func(opentype.SegmentPoint) point) [][]point {
	var shapes [][]point
	var shape []point
	var pen point
	for _, s := range segments {
		a, b, c := at(s.Args[0]), at(s.Args[1]), at(s.Args[2])
		const pieces = 6
		switch s.Op {
		case opentype.SegmentOpMoveTo:
			if len(shape) > 0 {
				shapes = append(shapes, shape)
			}
			shape, pen = []point{a}, a
		case opentype.SegmentOpLineTo:
			shape, pen = append(shape, a), a
		case opentype.SegmentOpQuadTo:
			for i := 1; i <= pieces; i++ {
				t := float64(i) / pieces
				u := 1 - t
				shape = append(shape, point{u*u*pen[0] + 2*u*t*a[0] + t*t*b[0], u*u*pen[1] + 2*u*t*a[1] +
					t*t*b[1]})
			}
			pen = b
		case opentype.SegmentOpCubeTo:
			for i := 1; i <= pieces; i++ {
				t := float64(i) / pieces
				u := 1 - t
				shape = append(shape, point{
					u*u*u*pen[0] + 3*u*u*t*a[0] + 3*u*t*t*b[0] + t*t*t*c[0],
					u*u*u*pen[1] + 3*u*u*t*a[1] + 3*u*t*t*b[1] + t*t*t*c[1]})
			}
			pen = c
		}
	}
	if len(shape) > 0 {
		shapes = append(shapes, shape)
	}
	return shapes
}
