package report

import (
	"cmp"
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
	axis  string   // what the curves run along; "" is steps
	// low and high are the least and most of several runs, where the steps are their means.
	low, high []Step
	looks     []int // of the curves, where they are models'
}

// look returns that of a curve.
func (p *curvePanel) look(i int) int {
	if p.looks != nil {
		return p.looks[i]
	}
	return lineLooks[i%styles]
}

// curvePanels are the pictures of a training run; those without data are left out.
var curvePanels = []curvePanel{
	{title: "Evaluation: accuracy, mean ± SE", keys: []string{evalAccuracy}, band: evalAccuracySE},
	{title: "Evaluation: off-target", keys: []string{evalOff}},
	{title: "Reward, mean ± standard deviation", keys: []string{"reward"}, band: "reward_std"},
	{title: "Questions by their rollouts, share",
		keys:  []string{groupsWrong, groupsMixed, groupsRight},
		names: []string{"all wrong", "mixed", "all right"}},
	{title: "Groups of equal rewards, share", keys: []string{"frac_reward_zero_std"}},
	{title: "Completion length, tokens",
		keys: []string{"completions/mean_length", "completions/mean_terminated_length",
			"completions/min_length", "completions/max_length"},
		names: []string{"mean", "ended", "min", "max"}},
	{title: "Truncated completions, share", keys: []string{"completions/clipped_ratio"}},
	{title: "Dynamic sampling",
		keys: []string{"train/num_gen_batches", "train/kept_groups"}, names: []string{"batches", "kept"}},
	{title: "Loss", keys: []string{"loss", "actor/pg_loss"}, names: []string{"loss", "policy"}},
	{title: "KL to the reference, nats a token", keys: []string{"kl"}},
	{title: "KL in the reward", keys: []string{"actor/reward_kl_penalty"}},
	{title: "Coefficient of the KL", keys: []string{"actor/kl_coef", "actor/reward_kl_penalty_coeff"},
		names: []string{"loss", "reward"}},
	{title: "Entropy, nats a token", keys: []string{"entropy"}},
	{title: "Gradient norm", keys: []string{"grad_norm"}},
	{title: "Learning rate", keys: []string{"learning_rate"}},
	{title: "Clipped tokens, share",
		keys:  []string{"clip_ratio/low_mean", "clip_ratio/high_mean", "actor/pg_clipfrac_lower"},
		names: []string{"low", "high", "dual"}},
	{title: "Importance ratio, mean", keys: []string{"actor/ratio_mean"}},
	{title: "KL to the rollout's policy, nats", keys: []string{"actor/ppo_kl"}},
	{title: "|log-probability, engine − trainer|",
		keys:  []string{"sampling/sampling_logp_difference/mean", "sampling/sampling_logp_difference/max"},
		names: []string{"mean", "max"}},
	{title: "Mean token probability", keys: []string{"mean_token_probability"}},
	{title: "Seconds a step",
		keys: []string{"timing_s/step", "timing_s/gen", "timing_s/reward", "timing_s/ref",
			"timing_s/old_log_prob", "timing_s/update_actor",
			"timing_s/save_checkpoint"},
		names: []string{"step", "gen", "reward", "ref", "old", "update", "save"}},
	{title: "Tokens a second", keys: []string{"perf/throughput"}},
	{title: "Padding in gradient passes, share", keys: []string{"train/padding"}},
	{title: "Update: share of the device's peak", keys: []string{"perf/mfu/actor"}},
	{title: "Most memory, GiB", keys: []string{"perf/max_memory_allocated_gb"}},
	{title: "Tokens a step", keys: []string{"perf/total_num_tokens"}},
}

// undrawn are metrics that are in tables/steps.csv alone: extremes and deviations of
// what is drawn, and what hardly moves.
var undrawn = []string{
	"step", "clip_ratio/low_min", "clip_ratio/high_max", "clip_ratio/region_mean",
	"response_length/clip_ratio", "completions/min_terminated_length", "completions/max_terminated_length",
	"reward_group_std", "frac_reward_null",
	"critic/score/mean", "critic/score/min", "critic/score/max", "critic/rewards/mean", "critic/rewards/min",
	"critic/rewards/max",
	"critic/advantages/mean", "critic/advantages/min", "critic/advantages/max", "prompt_length/mean",
	"prompt_length/min",
	"prompt_length/max", "timing_s/adv", "timing_s/dump_rollout_generations",
}

// smoothFrom is the number of steps from which curves get a moving mean.
const smoothFrom = 40

// window returns the number of steps in a moving mean.
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

// moving returns the mean of the last n points at each point.
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

// rewardPanels returns the components of the reward and, where there are several languages,
// the reward and each component by language.
func rewardPanels(metrics []string) []curvePanel {
	components := curvePanel{title: "Parts of the reward"}
	byComponent := map[string][]string{} // the languages of a component; "" is the whole reward
	for _, key := range metrics {
		if language, ok := strings.CutPrefix(key, "reward/"); ok {
			byComponent[""] = append(byComponent[""], language)
			continue
		}
		component, what, ok := strings.Cut(strings.TrimPrefix(key, "rewards/"), "/")
		switch {
		case !ok || !strings.HasPrefix(key, "rewards/"):
		case what == "mean":
			components.keys, components.names = append(components.keys, key), append(components.names,
				component)
		case what != "std":
			byComponent[component] = append(byComponent[component], what)
		}
	}
	panels := []curvePanel{components}
	for _, component := range sortedKeys(byComponent) {
		if len(byComponent[component]) < 2 {
			continue
		}
		p := curvePanel{title: "Reward by language"}
		prefix := "reward/"
		if component != "" {
			p.title = strings.ToUpper(component[:1]) + component[1:] + " of rollouts by language"
			prefix = "rewards/" + component + "/"
		}
		for _, language := range (knownLanguages{}).inOrder(byComponent[component]) {
			p.keys, p.names = append(p.keys, prefix+language), append(p.names, language)
		}
		panels = append(panels, p)
	}
	return panels
}

// wordsPanels returns the shares of words in the language asked for: the means and, where there are
// several languages, that of the reasoning by language.
func wordsPanels(metrics []string) []curvePanel {
	const prefix = reasoningWords
	whole := curvePanel{title: "Words in the language asked for, share",
		keys: []string{prefix + "mean", rolloutWords + "mean"}, names: []string{"reasoning", "rollout"}}
	by := curvePanel{title: "… of the reasoning, by language"}
	var languages []string
	for _, key := range metrics {
		if language, ok := strings.CutPrefix(key, prefix); ok && language != "mean" {
			languages = append(languages, language)
		}
	}
	for _, language := range (knownLanguages{}).inOrder(languages) {
		by.keys, by.names = append(by.keys, prefix+language), append(by.names, language)
	}
	if len(languages) < 2 {
		return []curvePanel{whole}
	}
	return []curvePanel{whole, by}
}

// switchesPanel is the number of switches between languages, the mean and by language.
func switchesPanel(metrics []string) curvePanel {
	p := curvePanel{title: "Switches between languages, a reasoning", keys: []string{switchesOf + "mean"},
		names: []string{"mean"}}
	var languages []string
	for _, key := range metrics {
		if language, ok := strings.CutPrefix(key, switchesOf); ok && language != "mean" {
			languages = append(languages, language)
		}
	}
	if len(languages) < 2 {
		p.names = nil
		return p
	}
	for _, language := range (knownLanguages{}).inOrder(languages) {
		p.keys, p.names = append(p.keys, switchesOf+language), append(p.names, language)
	}
	return p
}

// panelsOf returns the panels that have data: those that are known, and one for each
// metric that is not, such as a newer version's, under its own name.
func panelsOf(steps []Step) []curvePanel {
	all := map[string]bool{}
	for _, s := range steps {
		for key := range s {
			all[key] = true
		}
	}
	metrics := sortedKeys(all)
	after := 1 + slices.IndexFunc(curvePanels, func(p curvePanel) bool { return p.keys[0] == "reward" })
	panels := slices.Insert(slices.Clone(curvePanels), after,
		append(slices.Concat(rewardPanels(metrics), wordsPanels(metrics)), switchesPanel(metrics))...)
	known := map[string]bool{}
	for _, key := range undrawn {
		known[key] = true
	}
	for _, p := range panels {
		known[p.band] = true
		for _, key := range p.keys {
			known[key] = true
		}
	}
	for _, key := range metrics {
		byLanguage := strings.HasPrefix(key, "reward/") || strings.HasPrefix(key, "rewards/") ||
			strings.HasPrefix(key, "words/") || strings.HasPrefix(key, switchesOf)
		if !known[key] && !byLanguage {
			panels = append(panels, curvePanel{title: key, keys: []string{key}})
		}
	}
	return slices.DeleteFunc(panels, func(p curvePanel) bool {
		return !slices.ContainsFunc(p.keys, func(k string) bool { return len(seriesOf(steps, k)) > 0 })
	})
}

// layOut draws panels in rows of some columns, of one on a narrow page; nil where there are none.
func layOut(name string, width float64, panels []curvePanel, steps []Step, columns int) *canvas {
	if len(panels) == 0 {
		return nil
	}
	if width < figureWidth/2 {
		columns = 1
	}
	each := width / float64(columns)
	c := &canvas{name: name, width: width}
	for row := range slices.Chunk(panels, columns) {
		height := 210.0
		for _, p := range row {
			height = max(height, 80+labelGap*float64(len(p.names)))
		}
		for i, p := range row {
			p.draw(c, steps, float64(i)*each, c.height, each, height)
		}
		c.height += height
	}
	return c
}

// labelGap is between the names of curves that end near each other.
const labelGap = 13.0

func (p *curvePanel) draw(c *canvas, steps []Step, left, top, width, height float64) {
	c.text(left+4, top+16, "start", "head", "", cut(p.title, 0.9*width))
	x1 := left + width - 22
	var names []string
	if len(p.names) > 0 {
		longest := 0.0
		for _, name := range p.names {
			names = append(names, cut(name, 0.4*width))
			longest = max(longest, textWidth(names[len(names)-1]))
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
	bands := p.bands(steps)
	for _, q := range slices.Concat(bands...) {
		low, high = min(low, q[1]), max(high, q[1])
	}
	ay := newAxis(low, high, y0, y1, 4)
	x0 := left + 50
	for _, t := range ay.ticks {
		x0 = max(x0, left+14+widthAt(ay.label(t), 11, false))
	}
	ax := newAxis(first, max(last, first+1), x0, x1, 5)
	ax.low, ax.high = first, max(last, first+1) // the curve fills its frame
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
	c.text((x0+x1)/2, y0+31, "middle", "small", "", cmp.Or(p.axis, "step"))
	toPixels := func(points [][2]float64) [][2]float64 {
		out := make([][2]float64, len(points))
		for i, q := range points {
			out[i] = [2]float64{ax.at(q[0]), ay.at(q[1])}
		}
		return out
	}
	for i, band := range bands {
		c.path(toPixels(band), true, fmt.Sprintf("band f-c%d", paintOf(p.look(i))), "")
	}
	ends := make([]float64, len(curves))
	for i, points := range curves {
		if len(points) == 0 {
			continue
		}
		style := p.look(i)
		if len(points) == 1 {
			at := toPixels(points)[0]
			c.marker(at[0], at[1], style, "")
		}
		if n := len(points); n >= smoothFrom {
			c.path(toPixels(points), false, fmt.Sprintf("raw k%d", style), "")
			points = moving(points, window(n))
		}
		at := toPixels(points)
		c.path(at, false, fmt.Sprintf("curve k%d", style), "")
		ends[i] = at[len(at)-1][1]
	}
	if len(p.names) == 0 {
		return
	}
	for i, y := range spread(ends, labelGap, y1, y0) {
		if len(curves[i]) > 0 {
			c.text(x1+5, y+4, "start", fmt.Sprintf("n%d", paintOf(p.look(i))), "", names[i])
		}
	}
}

// mostBands is the number of curves up to which each has a band.
const mostBands = 2

// bands returns the outlines of mean ± deviation, or of the least and the most of several runs.
func (p *curvePanel) bands(steps []Step) [][][2]float64 {
	var bands [][][2]float64
	add := func(upper, lower [][2]float64) {
		if len(upper) > 0 && len(upper) == len(lower) {
			lower = slices.Clone(lower)
			slices.Reverse(lower)
			bands = append(bands, slices.Concat(upper, lower))
		}
	}
	if p.low != nil && len(p.keys) <= mostBands {
		for _, key := range p.keys {
			lower, upper := seriesOf(p.low, key), seriesOf(p.high, key)
			if n := len(lower); n >= smoothFrom {
				lower, upper = moving(lower, window(n)), moving(upper, window(n))
			}
			add(upper, lower)
		}
	}
	if p.band == "" {
		return bands
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
	add(upper, lower)
	return bands
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
