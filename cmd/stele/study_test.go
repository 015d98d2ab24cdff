package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/study"
)

// smallStudy trains in seconds: an arm that starts from another, and models that arms share.
const smallStudy = `
evaluate: {benchmarks: [arith], levels: [1], languages: [en, te], limit: 4, samples: 2,
  template: plain, temperature: 1, max_tokens: 8}
train:
  steps: 3
  data: {bench: arith, levels: [1], template: plain}
  rollout: {questions: 2, group_size: 2, max_tokens: 6}
  update: {micro_tokens: 256}
  save: {every: 1, keep_last: 2}
  optimizer: {lr: 1e-3}
seeds: [1]
models:
- {name: nano, model: "builtin:nano"}
arms:
- {name: warm, model: nano, algorithm: sft, languages: [en, sw], update: {batch: 4}}
- {name: en, model: warm, languages: [en]}
report: {title: Small, in_distribution: [arith], comparisons: [{name: arms, runs: [en]}]}
`

// writeStudy writes a study's file, with a text replaced.
func writeStudy(t *testing.T, root, name, from, to string) string {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600") // reports have the day of runs, and studies are compared
	text := strings.ReplaceAll(smallStudy, from, to)
	if from != "" && text == smallStudy {
		t.Fatalf("%q is not in the study", from)
	}
	path := filepath.Join(root, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// replaceIn replaces a text in a file.
func replaceIn(path, from, to string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o644)
}

// studyFiles reads all that a study leaves, but for what the clock writes, with the
// study's own folder as STUDY.
func studyFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.Name() == "metrics.jsonl" {
			run := filepath.Dir(path)
			metrics, err := trainer.ReadMetrics(path)
			if err != nil {
				return err
			}
			for file, text := range trainedFiles(t, run, len(metrics)) {
				all[filepath.Join(filepath.Dir(name), file)] = strings.ReplaceAll(text, dir, "STUDY")
			}
			return nil
		}
		if strings.HasPrefix(entry.Name(), "events.out") || strings.HasSuffix(entry.Name(), ".lock") {
			return nil
		}
		data, err := os.ReadFile(path)
		all[name] = strings.ReplaceAll(string(data), dir, "STUDY")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// studyRun runs stele study and returns its exit code and what it printed and said.
func studyRun(t *testing.T, args ...string) (code int, out, said string) {
	t.Helper()
	c := program(nil, append([]string{"study", "--backend", "go"}, args...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	_ = c.Run()
	return c.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// TestStudyJobs: jobs run in any order, do what they need first and leave what a study
// that ran by itself does; two processes at one job do it once; a run that fails leaves
// the others and the report; a changed file is refused, and redone where it is asked.
func TestStudyJobs(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	file := writeStudy(t, root, "study.yaml", "", "")

	// The last first, by two processes.
	var logs [2]bytes.Buffer
	var both [2]*started
	for i := range both {
		both[i] = start(t, program(&logs[i], "study", "--backend", "go", file, "--out", at("jobs"), "--job",
			"eval/en.1"))
	}
	for _, c := range both {
		if err := c.end(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, logs[0].String(), logs[1].String())
		}
	}
	if n := strings.Count(logs[0].String()+logs[1].String(), "step 3/3"); n != 2 { // warm and en
		t.Errorf("%d trainings, want 2\n%s\n%s", n, logs[0].String(), logs[1].String())
	}
	if code, _, said := studyRun(t, file, "--out", at("jobs"), "--job", "report"); code != 0 ||
		!strings.Contains(said, "of 1 of 3 evaluations") {
		t.Errorf("exit code %d: %s", code, said)
	}
	for _, job := range []string{"1", "eval/warm.1", "0"} { // by number, too
		if code, _, said := studyRun(t, file, "--out", at("jobs"), "--job", job); code != 0 {
			t.Fatalf("job %s: %s", job, said)
		}
	}
	states := func(file, out string) map[string]study.State {
		_, text, said := studyRun(t, file, "--out", at(out), "--jobs", "--json")
		all := map[string]study.State{}
		for line := range strings.Lines(text) {
			var job listedJob
			if err := json.Unmarshal([]byte(line), &job); err != nil {
				t.Fatalf("%v: %s%s", err, text, said)
			}
			all[job.Job] = job.State
		}
		return all
	}
	done := map[string]study.State{"eval/nano": "done", "train/warm.1": "done", "eval/warm.1": "done",
		"train/en.1": "done", "eval/en.1": "done", "report": "ready"}
	if diff := cmp.Diff(done, states(file, "jobs")); diff != "" {
		t.Error(diff)
	}
	if code, _, said := studyRun(t, file, "--out", at("jobs"), "--job", "eval/ne.1"); code != exitUsage ||
		!strings.Contains(said, `no job "eval/ne.1", did you mean "eval/en.1"?`) {
		t.Errorf("exit code %d: %s", code, said)
	}
	for _, flag := range []string{"--job", "--out"} {
		args := []string{file, "--out", at("none"), "--job", "report", flag, ""}
		if code, _, said := studyRun(t, args...); code != exitUsage || !strings.Contains(said, flag+" is empty") {
			t.Errorf("%s without a value: exit code %d: %s", flag, code, said)
		}
	}

	// A changed file.
	other := writeStudy(t, root, "other.yaml", "languages: [en]}", "languages: [te]}")
	before := studyFiles(t, at("jobs"))
	code, _, said := studyRun(t, other, "--out", at("jobs"))
	if code != exitFailed || !strings.Contains(said, `train/en.1`) ||
		!strings.Contains(said, `data.languages was ["en"], is ["te"]`) || strings.Contains(said, "warm") {
		t.Errorf("exit code %d: %s", code, said)
	}
	_, text, said := studyRun(t, other, "--out", at("jobs"), "--dry-run", "--json")
	var plan study.Plan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var anew []string
	for _, j := range plan.Jobs {
		if j.Anew {
			anew = append(anew, j.Job)
		}
		if j.Anew != (j.Memory > 0) {
			t.Errorf("%s: done anew %v, %d bytes planned", j.Job, j.Anew, j.Memory)
		}
	}
	if diff := cmp.Diff([]string{"train/en.1", "eval/en.1"}, anew); diff != "" || plan.Tokens == 0 {
		t.Errorf("%d tokens; planned to be done anew:\n%s", plan.Tokens, diff)
	}
	if diff := cmp.Diff(before, studyFiles(t, at("jobs"))); diff != "" {
		t.Errorf("refused, it wrote:\n%s", diff)
	}
	code, _, said = studyRun(t, other, "--out", at("jobs"), "--update")
	if code != 0 || !strings.Contains(said, "eval/en.1: removed") ||
		!strings.Contains(said, "train/warm.1 is done") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if code, _, said := studyRun(t, other, "--out", at("whole")); code != 0 {
		t.Fatal(said)
	}
	if diff := cmp.Diff(studyFiles(t, at("whole")), studyFiles(t, at("jobs"))); diff != "" {
		t.Errorf("jobs and an update (-want +got):\n%.4000s", diff)
	}

	// A file that names less.
	less := writeStudy(t, root, "less.yaml", "- {name: en, model: warm, languages: [en]}",
		"- {name: en2, model: nano, languages: [en], steps: 1}")
	if err := replaceIn(less, "runs: [en]", "runs: [en2]"); err != nil {
		t.Fatal(err)
	}
	code, _, said = studyRun(t, less, "--out", at("whole"))
	if code != 0 || !strings.Contains(said, "also has eval/en.1, train/en.1, which the file does not name") {
		t.Errorf("exit code %d: %s", code, said)
	}

	// A run that fails.
	broken := writeStudy(t, root, "broken.yaml", "languages: [en, sw]",
		"languages: [en, sw], data: {bench: no.jsonl}")
	code, _, said = studyRun(t, broken, "--out", at("broken"))
	if code != exitFailed || !strings.Contains(said, "4 of 6 jobs were not done") ||
		!strings.Contains(said, "eval/warm.1: it needs train/warm.1") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if _, err := os.Stat(at("broken/report/report.html")); err != nil {
		t.Error(err)
	}
	if s := states(broken, "broken"); s["train/warm.1"] != study.Failed || s["eval/nano"] != study.Done ||
		s["eval/en.1"] != study.Waiting || s["report"] != study.Done {
		t.Error(s)
	}
	// It left nothing: put right, it runs.
	if code, _, said = studyRun(t, file, "--out", at("broken")); code != 0 {
		t.Errorf("exit code %d: %s", code, said)
	}
	if code, _, said = studyRun(t, file, "--out", at("whole/report")); code != exitFailed ||
		!strings.Contains(said, "holds no study") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

// TestStudyPlan: a plan names every job, what is missing and the command that gets it,
// memory, tokens and hours.
func TestStudyPlan(t *testing.T) {
	root := t.TempDir()
	t.Setenv("HF_HUB_CACHE", root)
	t.Chdir("../..") // as the examples name their files
	plan := func(file string, more ...string) (p study.Plan) {
		code, out, said := studyRun(t, append([]string{file, "--out", filepath.Join(root, "out"), "--dry-run",
			"--json"}, more...)...)
		if code != 0 {
			t.Fatal(said)
		}
		if err := json.Unmarshal([]byte(out), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := plan("examples/studies/tiny.yaml", "--tokens-per-second", "1000")
	if len(p.Jobs) != 16 || len(p.Missing) != 0 || p.Unmeasured != 0 || p.Disk == 0 || p.Refused() != 0 {
		t.Errorf("%+v", p)
	}
	sum := 0.0
	for _, j := range p.Jobs {
		sum += j.Hours
		switch j.Job {
		case "eval/tiny": // 14 questions × 11 languages × 8 samples × 40 tokens
			if j.Generated != 14*11*8*40 || j.Memory < 20<<20 || j.Hours != 14*11*8*40/1000.0/3600 {
				t.Errorf("%+v", j)
			}
		case "train/en.1": // 40 steps × 32 questions × 8 rollouts × 40 tokens
			if j.Generated != 40*32*8*40 || j.Tokens <= j.Generated || j.Memory < 1<<30 ||
				j.State != study.Waiting || j.Model != "train/warm.1" {
				t.Errorf("%+v", j)
			}
		}
	}
	if p.Hours != sum || sum == 0 {
		t.Errorf("%g hours, the jobs' are %g", p.Hours, sum)
	}
	if p = plan("examples/studies/tiny.yaml"); p.Unmeasured > 15 {
		t.Errorf("%d", p.Unmeasured)
	}
	p = plan("examples/studies/parallel.yaml")
	var missing []string
	for _, m := range p.Missing {
		missing = append(missing, fmt.Sprintf("%s, %s, %v", m.What, m.Get, m.Languages))
	}
	all := strings.Join(missing, "\n")
	for _, want := range []string{
		"model Qwen/Qwen2.5-7B-Instruct, stele pull Qwen/Qwen2.5-7B-Instruct, []",
		"math500 in en: not found as data/math500/en.jsonl: name the folder of benchmarks with " +
			"evaluate.data, , [en es ru de fr bn th sw zh ja te]",
		"math in en: not found as data/math/train/en.jsonl: name the folder of benchmarks with data.dir, " +
			", [en ru fr es de bn th zh]",
	} {
		if strings.Count(all, want) != 1 {
			t.Errorf("%q is not there once in\n%s", want, all)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "out")); err == nil {
		t.Error("a plan wrote something")
	}
}
