package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/multilingual"
)

// measuredBy runs stele metrics and reads what it wrote.
func measuredBy(t *testing.T, args ...string) (out map[string]json.RawMessage, said string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.json")
	var say strings.Builder
	c := newMetricsCommand(nil)
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetErr(&say)
	c.SetArgs(append(args, "--out", file))
	if err = c.Execute(); err != nil {
		return nil, say.String(), err
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out, say.String(), nil
}

// TestMeasures: runs of an older version, whose samples say no level, are measured as they lie.
func TestMeasures(t *testing.T) {
	const run = "../../eval/report/testdata/runs/grpo"
	out, said, err := measuredBy(t, "--measures", "all", run, run+"/eval/after")
	if err != nil || said != "" {
		t.Fatal(err, said)
	}
	var training trainingMeasures
	var after multilingual.Measures
	for name, to := range map[string]any{"grpo": &training, "after": &after} {
		if err := json.Unmarshal(out[name], to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if len(out) != 2 || len(training.Evaluations) != 2 || len(training.Steps) == 0 {
		t.Errorf("%d runs, %d evaluations, %d steps", len(out), len(training.Evaluations), len(training.Steps))
	}
	if after.Samples != 72 || *after.Words["arith"].Mean.Reasoning < 0.5 || after.Levels["arith"].Weights[1] != 1 ||
		after.Agreement["arith"].Same[0][1] == nil || after.Consistency["arith"].Mean.All == nil ||
		after.Switches["arith"].Mean.Mean == nil {
		t.Errorf("%+v", after)
	}
	one, err := json.Marshal(training.Evaluations["after"])
	if err != nil {
		t.Fatal(err)
	}
	if string(one) != string(out["after"]) {
		t.Error("the same evaluation has other numbers within its training run")
	}
	// Two of one name are told apart by their paths.
	again := filepath.Join(t.TempDir(), "after")
	if err := os.CopyFS(again, os.DirFS(run+"/eval/after")); err != nil {
		t.Fatal(err)
	}
	out, _, err = measuredBy(t, "--measures", "switches,levels", "--level-weights", "1=3", again, run+"/eval/after")
	if _, there := out[run+"/eval/after"]; err != nil || !there || len(out) != 2 {
		t.Errorf("%v: %d runs", err, len(out))
	}
}

func TestMeasuresAskedWrongly(t *testing.T) {
	const run = "../../eval/report/testdata/runs/grpo/eval/after"
	for _, c := range []struct{ args, want string }{
		{"--measures word " + run, `"word" is no measure`},
		{"--measures words", "at least one run"},
		{"--measures words --level-weights 1=1 " + run, "without levels"},
		{"--measures levels --level-weights 2=1 " + run, "level 1"},
		{"--measures levels --level-weights x " + run, "LEVEL=WEIGHT"},
		{"--level-weights 1=1 " + run, "without --measures"},
		{"--data x " + run, "without --measures"},
		{"--measures words " + t.TempDir(), "no samples to measure"},
		{"--measures words --in x", "measures"},
	} {
		if _, _, err := measuredBy(t, strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}
