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
	want := []int{100, 572, 1000, 364, 500}
	for level := 1; level <= Levels; level++ {
		all, err := Generate([]int{level}, All, []string{"en"})
		if err != nil {
			t.Fatal(err)
		}
		train, _ := Generate([]int{level}, Train, []string{"en"})
		test, _ := Generate([]int{level}, Test, []string{"en"})
		if len(all) != want[level-1] || len(train)+len(test) != len(all) {
			t.Errorf("level %d: %d questions, %d + %d split; want %d", level, len(all), len(train),
				len(test), want[level-1])
		}
		if share := float64(len(test)) / float64(len(all)); share < 0.1 || share > 0.3 {
			t.Errorf("level %d: %.0f %% are for testing", level, 100*share)
		}
	}
}

// TestParallel: the same ids and answers in the same order in every language, no
// question of the test split in the training split.
func TestParallel(t *testing.T) {
	test, err := Generate(nil, Test, Languages())
	if err != nil {
		t.Fatal(err)
	}
	train, err := Generate(nil, Train, Languages())
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

func TestRefuses(t *testing.T) {
	for name, call := range map[string]func() ([]Problem, error){
		"level":    func() ([]Problem, error) { return Generate([]int{6}, All, []string{"en"}) },
		"split":    func() ([]Problem, error) { return Generate(nil, "dev", []string{"en"}) },
		"language": func() ([]Problem, error) { return Generate(nil, All, []string{"xx"}) },
	} {
		if _, err := call(); err == nil {
			t.Errorf("a wrong %s was taken", name)
		}
	}
}
