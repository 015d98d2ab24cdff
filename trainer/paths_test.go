package trainer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/trainer/reward"
)

// layOut makes empty files and folders (which end in a slash) in the current folder, a new one.
func layOut(t *testing.T, paths ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, path := range paths {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(path, "/") {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPathsAreBesideTheFile: every path in a file of settings is of what lies beside it, else of what is there from
// the current folder, which is said; names stay, and so do paths of --set.
func TestPathsAreBesideTheFile(t *testing.T) {
	layOut(t, "c/model/", "c/data/", "c/data/train.jsonl", "c/judge.py", "c/own.yaml", "both/", "c/both/", "here/",
		"here.py", "set.jsonl", "c/mgsm/", "c/gsm8k/", "c/test.jsonl", "c/Own/Adapter/", "c/mine/",
		"mgsm/")
	text := `
model: model
data: {bench: data/train.jsonl, dir: both, registry: own.yaml}
eval: {bench: "mgsm,test.jsonl,mine,none", dir: here, registry: nowhere.yaml}
lora: {adapter: Own/Adapter}
reward:
  commands:
  - {name: a, weight: 1, run: [sh, judge.py, --x, here.py, word]}
  - {name: b, weight: 1, run: [./judge.py]}
  - {name: c, weight: 1, run: [./none.sh, ../c/judge.py]}
`
	if err := os.WriteFile("c/run.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var said []string
	say := func(line string) { said = append(said, line) }
	c, err := defaults().with(Sources{File: "c/run.yaml", Say: say, Set: []string{"eval.registry="}})
	if err != nil && !strings.Contains(err.Error(), "registry") { // own.yaml is empty
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"model": "c/model", "data.bench": "c/data/train.jsonl", "data.dir": "c/both", "data.registry": "c/own.yaml",
		"eval.bench": "mgsm,c/test.jsonl,c/mine,none",
		"eval.dir":   "here", "eval.registry": "", "lora.adapter": "c/Own/Adapter",
	} {
		if got := *c.paths()[key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for i, want := range [][]string{{"sh", "c/judge.py", "--x", "here.py", "word"}, {"c/judge.py"},
		{"c/none.sh", "c/judge.py"}} {
		if got := c.Reward.Commands[i].Run; !slices.Equal(got, want) {
			t.Errorf("command %d runs %q, want %q", i, got, want)
		}
	}
	slices.Sort(said)
	for i, want := range []string{"data.dir: c/both is taken, beside the file of settings, and not both",
		"eval.dir: there is no c/here beside the file of settings: here from the current folder is taken",
		"reward.commands a: there is no c/here.py"} {
		if len(said) != 3 || !strings.Contains(said[i], want) {
			t.Fatalf("it said %q, want %q", said, want)
		}
	}
	// What another setting takes the place of is not spoken of, and paths of --set are from the current folder.
	said = nil
	c, err = defaults().with(Sources{File: "c/run.yaml", Say: say, Set: []string{"data.dir=", "eval.dir=",
		"data.bench=set.jsonl", "data.registry=", "eval.registry=", "lora.adapter=", "eval.bench=",
		"reward.commands=[]"}})
	if err != nil || len(said) != 1 || c.Data.Bench != "set.jsonl" || c.Model != "c/model" {
		t.Errorf("%q, %v, %+v", said, err, c.Data)
	}
}

// TestGoesOnFromElsewhere: a run goes on though its file of settings is named by another path.
func TestGoesOnFromElsewhere(t *testing.T) {
	c := tinyRun(t, 1)
	layOut(t, "c/judge.sh")
	script := "while read -r line; do echo '{\"reward\": 1}'; done"
	if err := os.WriteFile("c/judge.sh", []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Reward.Commands = []reward.Command{{Name: "mine", Weight: 1, Run: []string{"sh", "c/judge.sh"}}}
	c.Reward.Only = []string{"mine"}
	c.Rollout.Questions, c.Rollout.GroupSize, c.Update.MiniBatches = 1, 2, 1
	mustRun(t, c, "run", Options{})
	metrics, err := ReadMetrics("run/metrics.jsonl")
	if err != nil || metrics[0]["reward"] != 1 || metrics[0]["rewards/mine/mean"] != 1 {
		t.Errorf("%v: %v", err, metrics)
	}
	absolute, err := filepath.Abs("c/judge.sh")
	if err != nil {
		t.Fatal(err)
	}
	c.Reward.Commands[0].Run[1], c.Steps = absolute, 2
	if err := Run(context.Background(), c, "run", Options{Backend: "go", DType: "float32", Resume: true}); err != nil {
		t.Error(err)
	}
}
