package trainer

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/trainertest"
)

var updateTable = flag.Bool("update", false, "write the table of docs/memory.md anew")

// memoryTable is a table of docs/memory.md: what fits, and the settings it takes.
func memoryTable(prompt, completion int, sizes []int64) string {
	var b strings.Builder
	fmt.Fprint(&b, "| model | trained | as it is |")
	for _, gib := range sizes {
		fmt.Fprintf(&b, " %d GiB |", gib)
	}
	fmt.Fprintln(&b, "\n|---|---|---|"+strings.Repeat("---|", len(sizes)))
	for _, m := range []struct {
		name   string
		config *checkpoint.Config
	}{
		{"Qwen2.5-0.5B", trainertest.Qwen25Half},
		{"Qwen2.5-1.5B", trainertest.Qwen25One},
		{"Qwen2.5-7B", trainertest.Qwen25Seven},
		{"Llama-3.1-8B", trainertest.Llama31},
	} {
		for _, trained := range []struct {
			name string
			rank int
			base blockwise.Code
		}{{"all weights", 0, blockwise.None}, {"LoRA, rank 16", 16, blockwise.None},
			{"LoRA, rank 16, `lora.base` nf4", 16, blockwise.NF4}} {
			c := defaults()
			c.Loss.Beta, c.LoRA.Rank, c.LoRA.Base = 0, trained.rank, trained.base
			w := c.workload(m.config, "float32", prompt+completion, prompt)
			plan := w.Plan()
			fmt.Fprintf(&b, "| %s | %s | %.1f GiB |", m.name, trained.name, float64(plan.Total)/(1<<30))
			for _, gib := range sizes {
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

// TestMemoryTable: the tables in the docs are what the planner says today. With
// -update they are written anew.
func TestMemoryTable(t *testing.T) {
	for _, x := range []struct {
		prompt, completion int
		sizes              []int64
	}{{512, 1536, []int64{24, 48, 80}}, {1024, 4096, []int64{24, 32, 80}}} {
		begin := fmt.Sprintf("<!-- table of %d + %d tokens: go test ./trainer -run TestMemoryTable -update -->\n",
			x.prompt, x.completion)
		checkTable(t, "../docs/memory.md", begin, memoryTable(x.prompt, x.completion, x.sizes))
	}
}
