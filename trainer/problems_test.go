package trainer

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
)

// writeProblems makes a file of n problems in each language, levels 1 to 5 and two
// types in turn; the prompt of problem 3 is long in the second language.
func writeProblems(t *testing.T, n int, languages ...string) string {
	t.Helper()
	var b strings.Builder
	for i, language := range languages {
		for id := range n {
			question := fmt.Sprintf("%d in %s", id, language)
			if id == 3 && i == 1 {
				question = strings.Repeat("long ", 100)
			}
			fmt.Fprintf(&b, `{"id": "q%d", "language": %q, "problem": %q, "answer": "1", "solution": "s %d", "level": "Level %d", "type": %q}`+"\n",
				id, language, question, id, 1+id%5, []string{"algebra", "geometry"}[id%2])
		}
	}
	path := filepath.Join(t.TempDir(), "problems.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func loadSet(t *testing.T, d Data, sft bool) (*dataset, error) {
	t.Helper()
	tokenizer, err := text.Load("../testdata/models/tiny-qwen2")
	if err != nil {
		t.Fatal(err)
	}
	defer tokenizer.Close()
	d.Template = "plain"
	r := reader{data: d, tokenizer: tokenizer, maxPrompt: 64, positions: 4096, maxSolution: 4096, sft: sft, eos: []int32{7}}
	return r.load()
}

// idsOf are the questions of each language, in order.
func idsOf(set *dataset) map[string][]string {
	ids := map[string][]string{}
	for _, p := range set.problems {
		ids[p.Language] = append(ids[p.Language], p.ID)
	}
	return ids
}

func TestParallelSets(t *testing.T) {
	path := writeProblems(t, 40, "en", "ru", "fr")
	three := []string{"en", "ru", "fr"}
	whole, err := loadSet(t, Data{Bench: path, Languages: three}, false)
	if err != nil {
		t.Fatal(err)
	}
	ids := idsOf(whole)
	if len(ids["en"]) != 39 || whole.long != 1 || slices.Contains(ids["en"], "q3") || !slices.Equal(ids["en"], ids["ru"]) || !slices.Equal(ids["en"], ids["fr"]) {
		t.Errorf("a question too long in one language is not left out in all: %v", ids)
	}

	d := Data{Bench: path, Languages: three, Count: 10, Seed: 1}
	chosen, err := loadSet(t, d, false)
	if err != nil {
		t.Fatal(err)
	}
	ids = idsOf(chosen)
	if len(ids["en"]) != 10 || !slices.Equal(ids["en"], ids["ru"]) || !slices.Equal(ids["en"], ids["fr"]) {
		t.Errorf("the languages do not have the same 10 questions: %v", ids)
	}
	alone, err := loadSet(t, Data{Bench: path, Languages: []string{"en"}, Count: 9, Seed: 1}, false)
	if err != nil || !slices.Equal(idsOf(alone)["en"], ids["en"][:9]) {
		t.Errorf("the choice depends on its size or on the other languages: %v and %v, %v", idsOf(alone), ids, err)
	}
	d.Seed = 2
	if other, err := loadSet(t, d, false); err != nil || slices.Equal(idsOf(other)["en"], ids["en"]) {
		t.Errorf("another seed makes the same choice (%v)", err)
	}

	d.Unparallel = true
	apart, err := loadSet(t, d, false)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range apart.problems {
		if seen[p.ID] {
			t.Errorf("question %s is there in two languages", p.ID)
		}
		seen[p.ID] = true
	}
	if len(seen) != 30 {
		t.Errorf("%d questions, want 30", len(seen))
	}
}

func TestSelection(t *testing.T) {
	path := writeProblems(t, 100, "en", "ru")
	set, err := loadSet(t, Data{
		Bench: path, Languages: []string{"en", "ru"}, Types: []string{"geometry"}, Count: 10, Shares: map[int]float64{1: 0.1, 2: 0.25, 5: 0.65},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	levels := map[int]int{}
	for _, p := range set.problems {
		levels[p.Level]++
		if p.Type != "geometry" {
			t.Errorf("%s is %s", p.ID, p.Type)
		}
	}
	// 2.5 and 6.5 have the same remainder: the lower level comes first.
	if want := map[int]int{1: 2, 2: 6, 5: 12}; !maps.Equal(levels, want) {
		t.Errorf("levels %v, want %v", levels, want)
	}
	if _, err := loadSet(t, Data{Bench: path, Languages: []string{"en"}, Count: 50, Shares: map[int]float64{1: 1}}, false); err == nil ||
		!strings.Contains(err.Error(), "20 that fit") {
		t.Errorf("more questions of a level than there are: %v", err)
	}
	for _, d := range []Data{
		{Count: -1}, {Unparallel: true}, {Shares: map[int]float64{1: 1}}, {Count: 4, Shares: map[int]float64{1: 0.4}},
		{Count: 4, Shares: map[int]float64{1: 2, 2: -1}}, {Languages: []string{"en", "en"}},
	} {
		if d.validate() == nil {
			t.Errorf("%+v was taken", d)
		}
	}
}

func TestSolutions(t *testing.T) {
	path := writeProblems(t, 5, "en")
	set, err := loadSet(t, Data{Bench: path, Languages: []string{"en"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.problems {
		if n := len(p.solution); n < 2 || p.solution[n-1] != 7 {
			t.Errorf("the solution of %s is %v, want it to end with the end of sequence", p.ID, p.solution)
		}
	}
}

// TestCurriculum: within an epoch levels never fall; which problem comes when
// within a level is still shuffled, and each epoch has every problem once.
func TestCurriculum(t *testing.T) {
	var problems []problem
	for i := range 30 {
		problems = append(problems, problem{Problem: bench.Problem{ID: fmt.Sprint(i), Level: 1 + i%3}})
	}
	o := order{problems: problems, seed: 3, curriculum: true}
	a, b := o.take(0, 30), o.take(30, 30)
	if !slices.IsSortedFunc(a, func(x, y problem) int { return x.Level - y.Level }) {
		t.Error("levels fall within an epoch")
	}
	same := 0
	seen := map[string]bool{}
	for i := range a {
		same += int(indicator(a[i].ID == b[i].ID))
		seen[b[i].ID] = true
	}
	if same > 15 || len(seen) != 30 {
		t.Errorf("two epochs agree in %d places and the second has %d problems", same, len(seen))
	}
}

// TestDynamicSampling: groups without contrast are left out and replaced; the
// bound holds; what was left out is still in the record.
func TestDynamicSampling(t *testing.T) {
	c := richRun(t, 2)
	c.Rollout.MaxGenBatches = 3
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, c, dir, Options{})
	metrics, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics {
		if m["train/num_gen_batches"] > 3 || m["train/kept_groups"] > 3 ||
			m["train/num_gen_batches"] < 3 && m["train/kept_groups"] < 3 {
			t.Errorf("%v", m)
		}
		if m["frac_reward_zero_std"] > 0 && m["train/num_gen_batches"] == 1 && m["train/kept_groups"] == 3 {
			t.Errorf("a group without contrast was kept: %v", m)
		}
	}
	group := func(rewards ...float64) []*rollout {
		var all []*rollout
		for _, x := range rewards {
			o := &rollout{}
			o.score.Total = x
			o.score.Accuracy = float64(int(x))
			all = append(all, o)
		}
		return all
	}
	for _, c := range []struct {
		group []*rollout
		by    string
		want  bool
	}{
		{group(1, 1), FilterByReward, false}, {group(1, 0.9), FilterByReward, true},
		{group(0.2, 0.9), FilterByAccuracy, false}, {group(1, 0.9), FilterByAccuracy, true},
	} {
		if got := contrast(c.group, c.by); got != c.want {
			t.Errorf("contrast by %s is %v, want %v", c.by, got, c.want)
		}
	}
	for _, c := range [][5]int{{2, 0, 8, 8, 8}, {2, 4, 8, 8, 4}, {1, 7, 8, 8, 2}, {6, 2, 8, 8, 8}} { // missing, kept, all, most, want
		if got := refill(c[0], c[1], c[2], c[3]); got != c[4] {
			t.Errorf("refill%v is %d", c, got)
		}
	}
}
