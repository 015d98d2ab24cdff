package trainer

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/trainer/memory"
)

var updateTable = flag.Bool("update", false, "write the table of docs/memory.md anew")

// qwen25 is the shape of a Qwen2.5.
func qwen25(hidden, intermediate, layers, heads, kvHeads, vocabulary int, tied bool) *checkpoint.Config {
	return &checkpoint.Config{Config: architecture.Config{
		Architecture: architecture.Qwen2, VocabSize: vocabulary, HiddenSize: hidden,
		IntermediateSize: intermediate, NumLayers: layers,
		NumHeads: heads, NumKVHeads: kvHeads, HeadDim: hidden / heads, MaxPositions: 32768,
		TieEmbeddings: tied,
	}}
}

// memoryTable is the table of docs/memory.md: what fits, and the settings it takes.
func memoryTable() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| model | trained | as it is | 24 GiB | 48 GiB | 80 GiB |\n|---|---|---|---|---|---|")
	for _, m := range []struct {
		name   string
		config *checkpoint.Config
	}{
		{"Qwen2.5-0.5B", qwen25(896, 4864, 24, 14, 2, 151936, true)},
		{"Qwen2.5-1.5B", qwen25(1536, 8960, 28, 12, 2, 151936, true)},
		{"Qwen2.5-7B", qwen25(3584, 18944, 28, 28, 4, 152064, false)},
	} {
		for _, rank := range []int{0, 16} {
			c := defaults()
			c.Loss.Beta, c.LoRA.Rank = 0, rank
			const prompt, completion = 512, 1536
			trained := "all weights"
			if rank > 0 {
				trained = fmt.Sprintf("LoRA, rank %d", rank)
			}
			w := c.workload(m.config, "float32", prompt+completion, prompt)
			plan := w.Plan()
			fmt.Fprintf(&b, "| %s | %s | %.1f GiB |", m.name, trained, float64(plan.Total)/(1<<30))
			for _, gib := range []int64{24, 48, 80} {
				settings, p, ok := w.Fit(gib<<30*95/100, func(r memory.Remedy) bool {
					return !strings.Contains(r.Setting, "lora")
				})
				switch {
				case !ok:
					fmt.Fprintf(&b, " no: %.1f |", float64(p.Total)/(1<<30))
				case len(settings) == 0:
					fmt.Fprint(&b, " as it is |")
				default:
					for i, s := range settings {
						settings[i] = "`" + strings.ReplaceAll(s, "--set ", "") + "`"
					}
					fmt.Fprintf(&b, " %.1f: %s |", float64(p.Total)/(1<<30), strings.Join(settings, " "))
				}
			}
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}

// TestMemoryTable: the table in the docs is what the planner says today. With
// -update it is written anew.
func TestMemoryTable(t *testing.T) {
	const path, begin, end = "../docs/memory.md", "<!-- table: go test ./trainer -run TestMemoryTable " +
		"-update -->\n", "<!-- end of table -->\n"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no table between its marks", path)
	}
	want := memoryTable()
	if *updateTable {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("%s has\n%s, the planner says\n%s", path, table, want)
	}
}
