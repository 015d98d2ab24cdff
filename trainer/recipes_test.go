package trainer

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// recipeModels are the models of recipes.
var recipeModels = map[string]*checkpoint.Config{
	"Qwen/Qwen2.5-1.5B-Instruct": trainertest.Qwen25One,
	"Qwen/Qwen2.5-3B-Instruct":   trainertest.Qwen25Three,
	"Qwen/Qwen2.5-7B-Instruct":   trainertest.Qwen25Seven,
	"Qwen/Qwen2.5-7B":            trainertest.Qwen25Seven,
}

// recipeCommand is the line of a recipe that says how it is run.
var recipeCommand = regexp.MustCompile(`(?m)^#   stele train --config (\S+) --dtype (float32|bfloat16) --out runs/(\S+)$`)

// recipeSize ends a recipe's name.
var recipeSize = regexp.MustCompile(`-(24|48|80)gb$`)

// TestRecipes: each recipe in examples/recipes is a valid configuration with a command that runs it, its plan leaves
// the room that docs/memory.md promises on a GPU of its size, the plan is that of the table there, and with
// passes twice as large it would leave less: it makes use of the GPU. With -update the table is written anew.
func TestRecipes(t *testing.T) {
	files, err := filepath.Glob("../examples/recipes/*.yaml")
	if err != nil || len(files) < 9 {
		t.Fatal(files, err)
	}
	table := "| recipe | trained | `--dtype` | tokens | planned, GiB | twice the `update.micro_tokens`, GiB |\n" +
		"|---|---|---|---|---:|---:|\n"
	sizes := map[int]int{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		c, err := LoadConfig(file, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := c.validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		command, size := recipeCommand.FindStringSubmatch(string(text)), recipeSize.FindStringSubmatch(name)
		if command == nil || command[1] != "examples/recipes/"+name+".yaml" || command[3] != name || size == nil {
			t.Errorf("%s: command %q, size %q", name, command, size)
			continue
		}
		gib, err := strconv.Atoi(size[1])
		if err != nil || !strings.Contains(string(text), "GPU of "+size[1]+" GB") {
			t.Errorf("%s does not say that it is for a GPU of %s GB, %v", name, size[1], err)
		}
		sizes[gib]++
		model := recipeModels[c.Model]
		if model == nil {
			t.Errorf("%s: model %q is not known here", name, c.Model)
			continue
		}
		completion := c.Rollout.MaxTokens
		if !c.Samples() {
			completion = c.Data.MaxSolution
		}
		planned := func(c Config, completion int) float64 {
			total := c.workload(model, command[2], c.Rollout.MaxPrompt+completion, c.Rollout.MaxPrompt).Plan().Total
			return float64(total) / (1 << 30)
		}
		room := float64(gib) * 0.9 * 0.95
		fits := planned(c, completion)
		doubled := c
		doubled.Update.MicroTokens *= 2
		larger := planned(doubled, completion)
		if fits > room || larger <= room {
			t.Errorf("%s takes %.1f GiB and %.1f with twice the update.micro_tokens, expected %.1f to lie between",
				name, fits, larger, room)
		}
		trained := "all weights"
		if c.LoRA.Rank > 0 {
			trained = fmt.Sprintf("LoRA, rank %d", c.LoRA.Rank)
		}
		if c.LoRA.Format().Quantises() {
			trained += fmt.Sprintf(", base %v", c.LoRA.Base)
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %d + %d | %.1f | %.1f |\n", name, trained, command[2],
			c.Rollout.MaxPrompt, completion, fits, larger)
	}
	for _, gib := range []int{24, 48, 80} {
		if sizes[gib] < 3 {
			t.Errorf("%d recipes are for %d GB", sizes[gib], gib)
		}
	}
	checkTable(t, "../docs/memory.md", "<!-- table of recipes: go test ./trainer -run TestRecipes -update -->\n", table)
}

// checkTable compares a table in a document, after a line that begins it, with what it should be, or writes it.
func checkTable(t *testing.T, path, begin, want string) {
	t.Helper()
	const end = "<!-- end of table -->\n"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), begin)
	table, after, ended := strings.Cut(rest, end)
	switch {
	case !found || !ended:
		t.Fatalf("%s has no table between %q and %q", path, begin, end)
	case table != want && *updateTable:
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case table != want:
		t.Errorf("%s has\n%s, the planner says\n%s", path, table, want)
	}
}
