package grade

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// TestQwenPlaces: of answers in a box, announced and at the end of a text, in the notations of several languages, the
// qwen grader extracts and judges what the Qwen2.5-Math code does (third_party/qwen-goldens.py), right or wrong.
func TestQwenPlaces(t *testing.T) {
	file, err := os.Open("testdata/qwen.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, right := 0, 0
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		var want struct {
			Output, Reference, Extracted string
			Verdict                      bool
		}
		if err := json.Unmarshal(scanner.Bytes(), &want); err != nil {
			t.Fatalf("testdata/qwen.jsonl: line %d: %v", rows+1, err)
		}
		got := Grade(want.Output, want.Reference, "", Qwen)
		if rows++; want.Verdict {
			right++
		}
		if got.Extracted != want.Extracted || got.Verdict != want.Verdict {
			t.Errorf("%q for %q: %q is %v, the reference has %q, %v", want.Output, want.Reference, got.Extracted,
				got.Verdict, want.Extracted, want.Verdict)
		}
	}
	if err := scanner.Err(); err != nil || right == 0 || right == rows {
		t.Errorf("%d rows, %d of them right: %v", rows, right, err)
	}
}
