package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// curvePanel says what of a step is drawn together.
type curvePanel struct {
	title string
	keys  []string // of metrics.jsonl
	names []string // beside the curves; nil with a single one
	band  string   // key of a standard deviation around the first curve
}

// curvePanels are the pictures of a training run; those without data are left out.
var curvePanels = []curvePanel{
	{title: "Reward, mean ± deviation in a group", keys: []string{"reward"}, band: "reward_std"},
	{title: "Parts of the reward",
		keys:  []string{"rewards/accuracy/mean", "rewards/language/mean", "rewards/format/mean"},
		names: []string{"accuracy", "language", "format"}},
	{title: "Questions by their rollouts, share",
		keys: []string{groupsWrong, groupsMixed, groupsRight}, names: []string{"all wrong", "mixed", "all right"}},
	{title: "Completion length, tokens", keys: []string{"completions/mean_length"}},
	{title: "KL to the reference, nats a token", keys: []string{"kl"}},
	{title: "Entropy, nats a token", keys: []string{"entropy"}},
	{title: "Gradient norm", keys: []string{"grad_norm"}},
	{title: "Loss", keys: []string{"loss"}},
	{title: "Mean token probability", keys: []string{"mean_token_probability"}},
	{title: "Learning rate", keys: []string{"lr"}},
}

// smoothFrom is the number of steps from which curves get a moving mean.
const smoothFrom = 40

// window is how many steps a moving mean spans.
func window(steps int) int { return max(1, steps/15) }

// series is a curve: where it is defined.
func seriesOf(steps []Step, key string) (points [][2]float64) {
	for _, s := range steps {
		if y, ok := s[key]; ok && !math.IsNaN(y) && !math.IsInf(y, 0) {
			points = append(points, [2]float64{s["step"], y})
		}
	}
	return points
}

// moving is the mean of the last n points at each point.
func moving(points [][2]float64, n int) [][2]float64 {
	out := make([][2]float64, len(points))
	for i := range points {
		first := max(0, i-n+1)
		sum := 0.0
		for _, p := range points[first : i+1] {
			sum += p[1]
		}
		out[i] = [2]float64{points[i][0], sum / float64(i+1-first)}
	}
	return out
}

// languagePanel is the accuracy of rollouts by language, when there are several.
func languagePanel(steps []Step) curvePanel {
	const prefix = "rewards/accuracy/"
	var codes []string
	for _, s := range steps {
		for key := range s {
			if code, ok := strings.CutPrefix(key, prefix); ok && code != "mean" && code != "std" && !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	p := curvePanel{title: "Accuracy of rollouts by language"}
	if len(codes) < 2 {
		return p
	}
	for _, code := range inOrder(codes) {
		p.keys = append(p.keys, prefix+code)
		p.names = append(p.names, code)
	}
	return p
}

// drawCurves lays the panels that have data out in three columns.
func drawCurves(name string, steps []Step) *canvas {
	panels := slices.Clone(curvePanels)
	if p := languagePanel(steps); len(p.keys) > 0 {
		panels = slices.Insert(panels, 2, p)
	}
	panels = slices.DeleteFunc(panels, func(p curvePanel) bool {
		return !slices.ContainsFunc(p.keys, func(k string) bool { return len(seriesOf(steps, k)) > 0 })
	})
	if len(panels) == 0 {
		return nil
	}
	const columns, height = 3, 210.0
	width := figureWidth / columns
	rows := (len(panels) + columns - 1) / columns
	c := &canvas{name: name, width: figureWidth, height: float64(rows) * height}
	for i, p := range panels {
		p.draw(c, steps, float64(i%columns)*width, float64(i/columns)*height, width, height)
	}
	return c
}

func (p *curvePanel) draw(c *canvas, steps []Step, left, top, width, height float64) {
	c.text(left+4, top+16, "start", "head", "", p.title)
	x0, x1 := left+50, left+width-22
	if len(p.names) > 0 {
		longest := 0.0
		for _, name := range p.names {
			longest = max(longest, textWidth(name))
		}
		x1 = min(x1, left+width-longest-14)
	}
	y0, y1 := top+height-42, top+30
	first, last := steps[0]["step"], steps[len(steps)-1]["step"]
	low, high := math.Inf(1), math.Inf(-1)
	var curves [][][2]float64
	for _, key := range p.keys {
		points := seriesOf(steps, key)
		curves = append(curves, points)
		for _, q := range points {
			low, high = min(low, q[1]), max(high, q[1])
		}
	}
	band := p.bandPoints(steps)
	for _, q := range band {
		low, high = min(low, q[1]), max(high, q[1])
	}
	ax := newAxis(first, max(last, first+1), x0, x1, 5)
	ax.low, ax.high = first, max(last, first+1) // the curve fills its frame
	ay := newAxis(low, high, y0, y1, 4)
	for _, t := range ay.ticks {
		c.line(x0, ay.at(t), x1, ay.at(t), "grid")
		c.text(x0-6, ay.at(t)+4, "end", "small", "", ay.label(t))
	}
	for _, t := range ax.ticks {
		if t >= first && t <= last && t == math.Trunc(t) {
			c.line(ax.at(t), y0, ax.at(t), y0+4, "axis")
			c.text(ax.at(t), y0+16, "middle", "small", "", ax.label(t))
		}
	}
	c.line(x0, y0, x1, y0, "axis")
	c.text((x0+x1)/2, y0+31, "middle", "small", "", "step")
	place := func(points [][2]float64) [][2]float64 {
		out := make([][2]float64, len(points))
		for i, q := range points {
			out[i] = [2]float64{ax.at(q[0]), ay.at(q[1])}
		}
		return out
	}
	if len(band) > 0 {
		c.path(place(band), true, "band", "")
	}
	ends := make([]float64, len(curves))
	for i, points := range curves {
		if len(points) == 0 {
			continue
		}
		style := i % styles
		if len(points) == 1 {
			at := place(points)[0]
			c.marker(at[0], at[1], i, "")
		}
		if len(steps) >= smoothFrom {
			c.path(place(points), false, fmt.Sprintf("raw k%d", style), "")
			points = moving(points, window(len(steps)))
		}
		at := place(points)
		c.path(at, false, fmt.Sprintf("curve k%d", style), "")
		ends[i] = at[len(at)-1][1]
	}
	if len(p.names) == 0 {
		return
	}
	for i, y := range spread(ends, 13, y1, y0) {
		if len(curves[i]) > 0 {
			c.text(x1+5, y+4, "start", fmt.Sprintf("n%d", i%styles), "", p.names[i])
		}
	}
}

// bandPoints is the outline of mean ± deviation.
func (p *curvePanel) bandPoints(steps []Step) [][2]float64 {
	if p.band == "" {
		return nil
	}
	var upper, lower [][2]float64
	for _, s := range steps {
		y, ok := s[p.keys[0]]
		d, too := s[p.band]
		if ok && too {
			upper = append(upper, [2]float64{s["step"], y + d})
			lower = append(lower, [2]float64{s["step"], y - d})
		}
	}
	slices.Reverse(lower)
	return append(upper, lower...)
}

// spread moves labels apart so that each has gap pixels, as near as may be to
// where they were and between top and bottom.
func spread(ys []float64, gap, top, bottom float64) []float64 {
	order := make([]int, len(ys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case ys[a] < ys[b]:
			return -1
		case ys[a] > ys[b]:
			return 1
		}
		return 0
	})
	out := slices.Clone(ys)
	last := top - gap
	for _, i := range order {
		out[i] = max(ys[i], last+gap)
		last = out[i]
	}
	next := bottom + gap
	for _, i := range slices.Backward(order) {
		out[i] = min(out[i], next-gap)
		next = out[i]
	}
	return out
}
