package grade

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// strictPair is an answer, a reference, and whether a person would call it right.
type strictPair struct {
	Kind, Lang, Output, Reference string
	Want                          bool
}

// readStrictPairs reads testdata/strict.jsonl, which third_party/strict-goldens.py writes.
func readStrictPairs(t testing.TB) []strictPair {
	t.Helper()
	file, err := os.Open("testdata/strict.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var pairs []strictPair
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		var pair strictPair
		if err := json.Unmarshal(scanner.Bytes(), &pair); err != nil {
			t.Fatalf("testdata/strict.jsonl: line %d: %v", len(pairs)+1, err)
		}
		pairs = append(pairs, pair)
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return pairs
}

// TestStrictPairs compares strict verdicts with a person's, by kind and language.
func TestStrictPairs(t *testing.T) {
	var counts agreement
	for _, pair := range readStrictPairs(t) {
		got := Grade(pair.Output, pair.Reference, "math", Strict)
		right := got.Verdict == pair.Want
		counts.add("all", right)
		counts.add("kind "+pair.Kind, right)
		counts.add("language "+pair.Lang, right)
		if !right {
			t.Errorf("%s %s: %q for %q: %v via %s", pair.Kind, pair.Lang, pair.Output, pair.Reference,
				got.Verdict, got.Via)
		}
	}
	counts.report(t, "all", 100)
}

// TestStrictFaults holds answers that others reported, with a person's verdict.
func TestStrictFaults(t *testing.T) {
	var counts agreement
	for _, pair := range readGoldens(t, "../faults/grader_strict.jsonl") {
		got := Grade(pair.Output, pair.Reference, pair.DataName, Strict)
		counts.add("all", got.Verdict == pair.Want)
		counts.add("kind "+pair.Kind, got.Verdict == pair.Want)
		if got.Verdict != pair.Want {
			t.Logf("%s: %q for %q: %v via %s", pair.ID, pair.Output, pair.Reference, got.Verdict, got.Via)
		}
	}
	counts.report(t, "all", 100)
}
