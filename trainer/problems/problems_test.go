package problems

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
			fmt.Fprintf(&b, `{"id": "q%d", "language": %q, "problem": %q, "answer": "1", "solution": "s %d",`+
				` "level": "Level %d", "type": %q}`+"\n",
				id, language, question, id, 1+id%5, []string{"algebra", "geometry"}[id%2])
		}
	}
	path := filepath.Join(t.TempDir(), "problems.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func loadSet(t *testing.T, d Options, sft bool) (*Set, error) {
	t.Helper()
	tokenizer, err := text.Load("../../testdata/models/tiny-qwen2")
	if err != nil {
		t.Fatal(err)
	}
	defer tokenizer.Close()
	d.Template = "plain"
	r := Reader{Options: d, Tokenizer: tokenizer, MaxPrompt: 64, Positions: 4096, MaxSolution: 4096,
		Solutions: sft, EOS: []int32{7}}
	return r.Load()
}

// idsOf are the questions of each language, in order.
func idsOf(set *Set) map[string][]string {
	ids := map[string][]string{}
	for _, p := range set.Problems {
		ids[p.Language] = append(ids[p.Language], p.ID)
	}
	return ids
}

func TestParallelSets(t *testing.T) {
	path := writeProblems(t, 40, "en", "ru", "fr")
	three := []string{"en", "ru", "fr"}
	whole, err := loadSet(t, Options{Bench: path, Languages: three}, false)
	if err != nil {
		t.Fatal(err)
	}
	ids := idsOf(whole)
	if len(ids["en"]) != 39 || whole.Long != 1 || slices.Contains(ids["en"], "q3") ||
		!slices.Equal(ids["en"], ids["ru"]) || !slices.Equal(ids["en"], ids["fr"]) {
		t.Errorf("a question too long in one language is not left out in all: %v", ids)
	}

	d := Options{Bench: path, Languages: three, Count: 10, Seed: 1}
	chosen, err := loadSet(t, d, false)
	if err != nil {
		t.Fatal(err)
	}
	ids = idsOf(chosen)
	if len(ids["en"]) != 10 || !slices.Equal(ids["en"], ids["ru"]) || !slices.Equal(ids["en"], ids["fr"]) {
		t.Errorf("the languages do not have the same 10 questions: %v", ids)
	}
	alone, err := loadSet(t, Options{Bench: path, Languages: []string{"en"}, Count: 9, Seed: 1}, false)
	if err != nil || !slices.Equal(idsOf(alone)["en"], ids["en"][:9]) {
		t.Errorf("the choice depends on its size or on the other languages: %v and %v, %v",
			idsOf(alone), ids, err)
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
	for _, p := range apart.Problems {
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
	set, err := loadSet(t, Options{
		Bench: path, Languages: []string{"en", "ru"}, Types: []string{"geometry"}, Count: 10,
		Shares: map[int]float64{1: 0.1, 2: 0.25, 5: 0.65},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	levels := map[int]int{}
	for _, p := range set.Problems {
		levels[p.Level]++
		if p.Type != "geometry" {
			t.Errorf("%s is %s", p.ID, p.Type)
		}
	}
	// 2.5 and 6.5 have the same remainder: the lower level comes first.
	if want := map[int]int{1: 2, 2: 6, 5: 12}; !maps.Equal(levels, want) {
		t.Errorf("levels %v, want %v", levels, want)
	}
	if _, err := loadSet(t, Options{Bench: path, Languages: []string{"en"}, Count: 50,
		Shares: map[int]float64{1: 1}}, false); err == nil ||
		!strings.Contains(err.Error(), "20 that fit") {
		t.Errorf("more questions of a level than there are: %v", err)
	}
	for _, d := range []Options{
		{Count: -1}, {Unparallel: true}, {Shares: map[int]float64{1: 1}},
		{Count: 4, Shares: map[int]float64{1: 0.4}},
		{Count: 4, Shares: map[int]float64{1: 2, 2: -1}}, {Languages: []string{"en", "en"}},
	} {
		if d.Validate() == nil {
			t.Errorf("%+v was taken", d)
		}
	}
}

func TestSolutions(t *testing.T) {
	path := writeProblems(t, 5, "en")
	set, err := loadSet(t, Options{Bench: path, Languages: []string{"en"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Problems {
		if n := len(p.SolutionIDs); n < 2 || p.SolutionIDs[n-1] != 7 {
			t.Errorf("the solution of %s is %v, want it to end with the end of sequence", p.ID, p.SolutionIDs)
		}
	}
}

// TestCurriculum: within an epoch levels never fall; which problem comes when
// within a level is still shuffled, and each epoch has every problem once.
func TestCurriculum(t *testing.T) {
	var problems []Problem
	for i := range 30 {
		problems = append(problems, Problem{Problem: bench.Problem{ID: fmt.Sprint(i), Level: 1 + i%3}})
	}
	o := Order{Problems: problems, Seed: 3, Curriculum: true}
	a, b := o.Take(0, 30), o.Take(30, 30)
	if !slices.IsSortedFunc(a, func(x, y Problem) int { return x.Level - y.Level }) {
		t.Error("levels fall within an epoch")
	}
	same := 0
	seen := map[string]bool{}
	for i := range a {
		if a[i].ID == b[i].ID {
			same++
		}
		seen[b[i].ID] = true
	}
	if same > 15 || len(seen) != 30 {
		t.Errorf("two epochs agree in %d places and the second has %d problems", same, len(seen))
	}
}
