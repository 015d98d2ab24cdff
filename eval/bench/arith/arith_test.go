package arith

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestNumerals compares with values from the Python package num2words where it
// knows the language (testdata/numerals.json, its Telugu left out because it joins
// vowel signs in another way, its Japanese zero replaced by the usual word), and
// asks that no two numbers of a language are written alike.
func TestNumerals(t *testing.T) {
	data, err := os.ReadFile("testdata/numerals.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference map[string][]string
	if err := json.Unmarshal(data, &reference); err != nil {
		t.Fatal(err)
	}
	for _, language := range Languages() {
		seen := map[string]int{}
		for n := range 100 {
			word := numerals[language](n)
			if before, ok := seen[word]; ok || word == "" {
				t.Errorf("%s: %d and %d are both %q", language, before, n, word)
			}
			seen[word] = n
			if want := reference[language]; want != nil && word != want[n] &&
				!(language == "bn" && bengaliVariants[n]) {
				t.Errorf("%s: %d is %q, num2words says %q", language, n, word, want[n])
			}
		}
	}
}

// bengaliVariants are the numbers that Bengali spells in more than one way: we
// write ঊ where num2words has উ in the numbers one short of a ten, and the standard
// forms of ষোলো, সাঁইত্রিশ, চুয়াল্লিশ, ছেষট্টি, অষ্টআশি and their like.
var bengaliVariants = map[int]bool{
	15: true, 16: true, 17: true, 19: true, 29: true, 35: true, 37: true, 39: true, 44: true, 49: true,
	59: true, 66: true, 69: true, 79: true, 88: true, 89: true,
}

// TestBengaliWords: the table has no rule to be checked by, but its size.
func TestBengaliWords(t *testing.T) {
	if len(bengaliWords) != 100 {
		t.Errorf("%d words, want 100", len(bengaliWords))
	}
}

func TestCounts(t *testing.T) {
	want := map[string][]int{"arith": {100, 572, 1000, 364, 500}, "chain": {1779, 2000},
		"chain-short": {1779}, "chain-long": {2000}}
	for _, task := range tasks {
		for i, level := range task.levels {
			all, err := task.Generate([]int{level}, All, []string{"en"})
			if err != nil {
				t.Fatal(err)
			}
			train, _ := task.Generate([]int{level}, Train, []string{"en"})
			test, _ := task.Generate([]int{level}, Test, []string{"en"})
			if len(all) != want[task.Name][i] || len(train)+len(test) != len(all) {
				t.Errorf("%s, level %d: %d questions, %d + %d split; want %d", task.Name, level, len(all),
					len(train), len(test), want[task.Name][i])
			}
			if share := float64(len(test)) / float64(len(all)); share < 0.1 || share > 0.3 {
				t.Errorf("%s, level %d: %.0f %% are for testing", task.Name, level, 100*share)
			}
		}
	}
}

// TestParallel: the same ids and answers in the same order in every language, no
// question of the test split in the training split.
func TestParallel(t *testing.T) {
	for _, task := range tasks {
		test, err := task.Generate(nil, Test, Languages())
		if err != nil {
			t.Fatal(err)
		}
		train, err := task.Generate(nil, Train, Languages())
		if err != nil {
			t.Fatal(err)
		}
		trained := map[string]bool{}
		for _, p := range train {
			trained[p.Language+p.Text] = true
		}
		n := len(test) / len(Languages())
		for i, p := range test {
			if first := test[i%n]; p.ID != first.ID || p.Answer != first.Answer ||
				p.Language != Languages()[i/n] {
				t.Fatalf("question %d: %+v does not go with %+v", i, p, first)
			}
			if trained[p.Language+p.Text] {
				t.Errorf("%s is trained on: %s", p.ID, p.Text)
			}
			if strings.ContainsAny(p.Text+p.Solution, "{}") && strings.Count(p.Solution, "{") != 1 ||
				!strings.HasSuffix(p.Solution, `\boxed{`+p.Answer+`}`) {
				t.Errorf("%s: solution %q", p.ID, p.Solution)
			}
			if r, err := strconv.Atoi(p.Answer); err != nil || r < 0 || r > 99 {
				t.Errorf("%s: answer %q", p.ID, p.Answer)
			}
		}
	}
}

// TestChain: a solution says each step, with operands in words and results in digits.
func TestChain(t *testing.T) {
	q := question{level: 2, ops: "+-", numbers: []int{7, 8, 3}, chain: true}
	for language, want := range map[string][2]string{
		"en": {"What is seven plus eight minus three?", `seven plus eight is 15. 15 minus three is 12. \boxed{12}`},
		"zh": {"七加八减三等于多少？", `七加八等于15。 15减三等于12。 \boxed{12}`},
	} {
		p := q.in(language, phrasebook[language])
		if p.Text != want[0] || p.Solution != want[1] || p.ID != "chain-2-7+8-3" || p.Answer != "12" {
			t.Errorf("%s: %+v, want %q", language, p, want)
		}
	}
	task, _ := Find("chain")
	all, err := task.Generate(nil, All, []string{"en"})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range all {
		if seen[p.Text] || strings.Count(p.Solution, ". ") != p.Level {
			t.Errorf("%s: %q, %q", p.ID, p.Text, p.Solution)
		}
		seen[p.Text] = true
	}
}

func TestRefuses(t *testing.T) {
	task, _ := Find("arith")
	chain, _ := Find("chain-long")
	for name, call := range map[string]func() ([]Problem, error){
		"level":       func() ([]Problem, error) { return task.Generate([]int{6}, All, []string{"en"}) },
		"chain level": func() ([]Problem, error) { return chain.Generate([]int{2}, All, []string{"en"}) },
		"split":       func() ([]Problem, error) { return task.Generate(nil, "dev", []string{"en"}) },
		"language":    func() ([]Problem, error) { return task.Generate(nil, All, []string{"xx"}) },
	} {
		if _, err := call(); err == nil {
			t.Errorf("a wrong %s was taken", name)
		}
	}
	if _, ok := Find("chains"); ok {
		t.Error("a task that is not there was found")
	}
}
