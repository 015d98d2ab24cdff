package gpucheck

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/markdown"
)

const reportFile = "gpu-check.md"

// goal is what a card should reach.
type goal struct {
	what string
	// reach is what was reached over what should be, from 1 on it is reached; false where a part that it needs has
	// no figure.
	reach func(value func(key string) (float64, bool)) (reached float64, ok bool)
	// says what is compared.
	says string
}

// atLeast is a goal for one figure.
func atLeast(what, key string, least float64, says string) goal {
	return goal{what, func(value func(string) (float64, bool)) (float64, bool) {
		v, ok := value(key)
		return v / least, ok
	}, says}
}

// ratio is a goal for one figure over another.
func ratio(what, over, under string, least float64, says string) goal {
	return goal{what, func(value func(string) (float64, bool)) (float64, bool) {
		a, ok := value(over)
		b, there := value(under)
		return a / b / least, ok && there && b > 0
	}, says}
}

// Bandwidth of the A800 of 80 GB whose speed nano-vllm's recipe is compared with, and that speed.
const (
	a800Bandwidth = 2039e9 // bytes a second, by NVIDIA's data sheet
	a800Queue     = 24000  // tokens a second
)

func goals() []goal {
	all := []goal{
		atLeast("decode, batch 1, 7B shape", "7B/share/1", 70, "at least 70 % of the bandwidth limit"),
		atLeast("decode, batch 1, 0.5B shape", "0.5B/share/1", 40, "at least 40 % of the bandwidth limit"),
	}
	for _, s := range shapes {
		all = append(all, ratio("decode, batch 256, "+s.name+" shape", s.name+"/decode/256",
			s.name+"/transformers/256", 5, "at least 5 × transformers"))
	}
	return append(all,
		goal{"nano-vllm's recipe, 0.5B shape", func(value func(string) (float64, bool)) (float64, bool) {
			rate, ok := value("0.5B/queue")
			bandwidth, there := value("bandwidth")
			return rate / (a800Queue * bandwidth * 1e9 / a800Bandwidth), ok && there && bandwidth > 0
		}, "at least 24,000 tokens/s × bandwidth ÷ 2,039 GB/s"},
		atLeast("update, 7B shape, LoRA", "7B/lora pass/mfu", 40, "an MFU of at least 40 %"),
		atLeast("update, 0.5B shape", "0.5B/step/update/mfu", 27, "an MFU of at least 27 %"),
		ratio("prefill that goes on exactly, 7B shape", "7B/prefill/exact", "7B/prefill/free", 1/1.2,
			"at most 1.2 × the free one's time"),
		ratio("prefill that goes on exactly, 0.5B shape", "0.5B/prefill/exact", "0.5B/prefill/free", 1/1.2,
			"at most 1.2 × the free one's time"),
	)
}

// report writes what is known now, whole or not at all.
func (c *check) report(parts []part) error {
	r := c.records
	var b strings.Builder
	card := r.Machine["card: name"]
	if kind := r.Machine["device"]; kind != "" {
		card = kind
	}
	fmt.Fprintf(&b, "# GPU check: %s\n\n", card)
	if c.Small {
		b.WriteString("SMALL SHAPES: this tries the check itself, its speeds are of nothing.\n\n")
	}
	table := markdown.Table{Head: []string{"machine", ""}}
	for _, name := range slices.Sorted(maps.Keys(r.Machine)) {
		value := r.Machine[name]
		if value == "" {
			value = "not there"
		}
		table.Rows = append(table.Rows, []string{name, value})
	}
	for _, f := range []string{"bandwidth", "product bfloat16", "product float32"} {
		if figure, ok := r.figure(f); ok {
			table.Rows = append(table.Rows, []string{figure.What, number(figure.Value) + " " + figure.Unit})
		}
	}
	table.Rows = append(table.Rows, []string{"time", fmt.Sprintf("%.0f s in %d calls", r.Seconds, r.Calls)})
	b.WriteString(table.Plain())

	b.WriteString("\n## Goals\n\n1 is the goal, more is better.\n\n")
	table = markdown.Table{Head: []string{"goal", "is", "reached", ""}, Right: []bool{false, false, true}}
	value := func(key string) (float64, bool) {
		f, ok := r.figure(key)
		return f.Value, ok
	}
	for _, g := range goals() {
		reached, verdict := "", "not measured"
		if v, ok := g.reach(value); ok {
			reached, verdict = fmt.Sprintf("%.2f", v), "MISSED"
			if v >= 1 {
				verdict = "reached"
			}
		}
		table.Rows = append(table.Rows, []string{g.what, g.says, reached, verdict})
	}
	b.WriteString(table.Plain())

	b.WriteString("\n## Parts\n\n")
	table = markdown.Table{Head: []string{"part", "", "s", "why"}, Right: []bool{false, false, true}}
	for _, p := range parts {
		row := []string{p.name, "not yet done", "", ""}
		if done := r.of(p.name); done != nil {
			row = []string{p.name, string(done.Outcome), fmt.Sprintf("%.1f", done.Seconds), done.Why}
		}
		table.Rows = append(table.Rows, row)
	}
	b.WriteString(table.Plain())

	b.WriteString("\n## Figures\n\nEach with the command that found it; WORK is the folder of models with random " +
		"weights, DATA what the check carries.\n\n")
	table = markdown.Table{Head: []string{"figure", "value", "unit", "command"}, Right: []bool{false, true}}
	for _, p := range r.Parts {
		for _, f := range p.Figures {
			command := ""
			if f.Command != "" {
				command = "`" + f.Command + "`"
			}
			table.Rows = append(table.Rows, []string{f.What, number(f.Value), f.Unit, command})
		}
	}
	b.WriteString(table.Plain())
	return jsonl.WriteBytes(filepath.Join(c.Out, reportFile), []byte(b.String()))
}

// number writes a figure with the digits that mean something.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 1000 || v <= -1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
