package eval

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval/evaltest"
)

// disputed is a benchmark on whose answers the graders differ.
func disputed(spec Spec) []Question {
	questions := testQuestions(spec)
	for i := range questions {
		questions[i].Answer = "1.00001" // qwen's tolerance takes 1 for it, a person does not
	}
	return questions
}

func TestRegradeIsTheRunWithThatGrader(t *testing.T) {
	runs := map[string]string{}
	for _, grader := range []string{"qwen", "strict"} {
		spec := testSpec()
		spec.Grader = grader
		runs[grader] = t.TempDir()
		if _, err := Run(t.Context(), spec, disputed(spec), testDeps(&script{}), runs[grader]); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := evaltest.Files(t, runs["qwen"])["results.json"],
		evaltest.Files(t, runs["strict"])["results.json"]; a == b || !strings.Contains(a, `"right": "qwen"`) {
		t.Fatal("the graders do not differ")
	}
	for from := range runs {
		for _, to := range []string{"qwen", "strict", ""} {
			out := filepath.Join(t.TempDir(), "out")
			var log bytes.Buffer
			results, err := Regrade(t.Context(), runs[from], to, out, "1.0", identifyScript, &log)
			if err != nil {
				t.Fatal(err)
			}
			want := to
			if to == "" {
				want = from
			}
			if diff := cmp.Diff(evaltest.Files(t, runs[want]), evaltest.Files(t, out)); diff != "" {
				t.Errorf("from %s to %q (-want +got):\n%s", from, to, diff)
			}
			dry, err := Regrade(t.Context(), runs[from], to, "", "1.0", identifyScript, nil)
			if err != nil || dry.Mean.Accuracy != results.Mean.Accuracy || dry.Settings.Grader != want {
				t.Errorf("from %s to %q without a folder: %+v, %v", from, to, dry, err)
			}
		}
	}
}

func TestRegradeSaysWho(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
		dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Regrade(t.Context(), dir, "", out, "1.1", identifyScript, nil); err != nil {
		t.Fatal(err)
	}
	if m := evaltest.Files(t, out)["manifest.json"]; !strings.Contains(m, `"graded_by": "1.1"`) ||
		!strings.Contains(m, `"stele": "1.0"`) {
		t.Errorf("manifest %s", m)
	}
}

func TestRegradeRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
		dir); err != nil {
		t.Fatal(err)
	}
	shard := shards(t, 2)[0]
	torn := t.TempDir()
	good := evaltest.Files(t, dir)
	writeRun(t, torn, good["manifest.json"], good["samples.jsonl"][:len(good["samples.jsonl"])/2])
	unsorted := t.TempDir()
	lines := strings.SplitAfter(good["samples.jsonl"], "\n")
	lines[0], lines[40] = lines[40], lines[0]
	writeRun(t, unsorted, good["manifest.json"], strings.Join(lines, ""))
	for name, c := range map[string]struct{ dir, grader, out, want string }{
		"the run itself": {dir, "strict", dir, "is the run itself"},
		"grader":         {dir, "kind", "", "unknown grader"},
		"a part":         {shard, "", "", "merge the parts first"},
		"torn":           {torn, "", "new", "finish the run"},
		"unsorted":       {unsorted, "", "new", "finish the run"},
		"no run":         {t.TempDir(), "", "", "holds no manifest.json"},
	} {
		out := c.out
		if out == "new" {
			out = filepath.Join(t.TempDir(), "out")
		}
		_, err := Regrade(t.Context(), c.dir, c.grader, out, "1.0", identifyScript, nil)
		if err == nil || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if _, err := os.Stat(out); c.out == "new" && err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
}
