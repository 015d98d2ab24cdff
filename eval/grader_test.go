package eval

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval/evaltest"
	"github.com/stele-lm/stele/eval/grade"
)

// TestAnotherGrader: a grader more in grade.Graders is judged by, counted and written with
// the others, and a run of before still reads.
func TestAnotherGrader(t *testing.T) {
	spec := testSpec()
	before := t.TempDir()
	if _, err := Run(t.Context(), spec, disputed(spec), testDeps(&script{}), before); err != nil {
		t.Fatal(err)
	}
	third := *grade.Strict
	third.Name = "third"
	known := grade.Graders
	grade.Graders = append(slices.Clone(known), &third)
	t.Cleanup(func() { grade.Graders = known })

	spec.Grader = "third"
	after := t.TempDir()
	r, err := Run(t.Context(), spec, disputed(spec), testDeps(&script{}), after)
	if err != nil {
		t.Fatal(err)
	}
	if a := r.Mean.Accuracies; a["third"] != a["strict"] || a["third"] != r.Mean.Accuracy || a["qwen"] == a["third"] {
		t.Errorf("accuracies %v, accuracy %g", a, r.Mean.Accuracy)
	}
	files := evaltest.Files(t, after)
	for _, want := range []string{`"accuracy_strict": `, `"accuracy_third": `, `"third_only": 0`} {
		if !strings.Contains(files["results.json"], want) {
			t.Errorf("results.json has no %s", want)
		}
	}
	if !strings.Contains(files["samples.jsonl"], `"verdict_strict":false,"verdict_third":false,"via":`) {
		t.Errorf("samples.jsonl is %.900s", files["samples.jsonl"])
	}
	old, err := ReadResults(before)
	if err != nil || old.Mean.Accuracies["qwen"] == 0 || old.Mean.Accuracies["third"] != 0 {
		t.Errorf("a run of before: %+v, %v", old, err)
	}
	if _, err := Regrade(t.Context(), before, "third", before+"/again", "1.0", identifyScript, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, evaltest.Files(t, before+"/again")); diff != "" {
		t.Errorf("judged again (-want +got):\n%s", diff)
	}
}
