package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval"
)

const adapterModel, adapterRoot = "../../testdata/models/tiny-qwen2", "../../testdata/adapters"

// TestScoreWithAdapter: stele score --adapter gives PEFT's log-probabilities, and stele generate what scoring
// gives of its tokens.
func TestScoreWithAdapter(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(adapterRoot, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Cases []struct {
			Prompt     []int32   `json:"prompt_ids"`
			Completion []int32   `json:"completion_ids"`
			LogProbs   []float64 `json:"logprobs"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	adapter := filepath.Join(adapterRoot, "rslora-patterns")
	c := golden["rslora-patterns"].Cases[2]
	line, err := json.Marshal(map[string]any{"prompt_ids": c.Prompt, "completion_ids": c.Completion})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, append(line, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	logprobs := func(path string) []float64 {
		t.Helper()
		var got struct {
			LogProbs []float64 `json:"logprobs"`
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, &got)
		}
		if err != nil {
			t.Fatal(err)
		}
		return got.LogProbs
	}
	for _, kernels := range []string{"host", "graph"} {
		must0(t, "score", "-m", adapterModel, "--adapter", adapter, "--in", in, "--out", out, "--kernels", kernels,
			"--backend", "go")
		got := logprobs(out)
		if len(got) != len(c.LogProbs) {
			t.Fatalf("%s: %d log-probabilities, want %d", kernels, len(got), len(c.LogProbs))
		}
		for i, want := range c.LogProbs {
			if math.Abs(got[i]-want) > 1e-4 {
				t.Fatalf("%s: log-probability %d is %g, want %g", kernels, i, got[i], want)
			}
		}
	}
	if err := os.WriteFile(in, []byte(`{"id": "a", "prompt_ids": [5, 6, 7]}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	sampled, scored := filepath.Join(dir, "sampled.jsonl"), filepath.Join(dir, "scored.jsonl")
	must0(t, "generate", "-m", adapterModel, "--adapter", adapter, "--in", in, "--out", sampled, "--backend", "go",
		"--max-tokens", "8", "--temperature", "1", "--top-p", "1", "--ignore-eos")
	must0(t, "score", "-m", adapterModel, "--adapter", adapter, "--in", sampled, "--out", scored, "--backend", "go")
	for i, d := range logprobs(scored) {
		if math.Abs(d-logprobs(sampled)[i]) > 1e-4 {
			t.Errorf("token %d: %g generated, %g scored", i, logprobs(sampled)[i], d)
		}
	}
}

// evalAdapter are the arguments of a short evaluation of the tiny model.
func evalAdapter(out string, more ...string) []string {
	return append([]string{"eval", "-v", "-m", adapterModel, "--bench", "arith", "--level", "1", "--lang", "en",
		"--limit", "3", "-n", "2", "--max-tokens", "5", "--template", "plain", "--backend", "go", "--out", out},
		more...)
}

// saidBy runs a command line in a process of its own and returns what it said.
func saidBy(args ...string) (string, error) {
	var said bytes.Buffer
	err := program(&said, args...).Run()
	return said.String(), err
}

// TestEvalOfAdapters: several adapters in one stele eval are measured over one loaded base, each as alone, and
// a study measures the same; the manifests tell them apart.
func TestEvalOfAdapters(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	plain, other := filepath.Join(adapterRoot, "plain"), filepath.Join(adapterRoot, "rslora-patterns")
	said, err := saidBy(evalAdapter(at("both"), "--adapter", plain, "--adapter", "other="+other)...)
	if err != nil || strings.Count(said, "loaded ") != 1 {
		t.Fatalf("%v: the model is not loaded once:\n%s", err, said)
	}
	if said, err := saidBy(evalAdapter(at("alone"), "--adapter", other)...); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	must0(t, evalAdapter(at("base"))...)
	samples := map[string]string{}
	weights := map[string]bool{}
	for _, name := range []string{"both/plain", "both/other", "alone", "base"} {
		data, err := os.ReadFile(at(name + "/samples.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		samples[name] = string(data)
		m, err := eval.ReadManifest(at(name))
		if err != nil {
			t.Fatal(err)
		}
		weights[m.Weights["adapter/adapter_model.safetensors"]+m.Weights["adapter/adapter_config.json"]] = true
	}
	if samples["both/other"] != samples["alone"] || samples["both/plain"] == samples["alone"] ||
		samples["base"] == samples["alone"] {
		t.Error("an adapter beside others is measured in another way than alone, or as the base")
	}
	if len(weights) != 3 {
		t.Errorf("the manifests know %d models, want 3", len(weights))
	}
	said, err = saidBy(evalAdapter(at("alone"), "--adapter", plain)...)
	if err == nil || !strings.Contains(said, "weights.adapter/") {
		t.Errorf("another adapter goes on with a run: %v\n%s", err, said)
	}

	file := at("study.yaml")
	text := `
evaluate: {benchmarks: [arith], levels: [1], languages: [en], limit: 3, samples: 2, template: plain, max_tokens: 5}
train: {steps: 1, algorithm: sft, data: {bench: arith, levels: [1], template: plain}, update: {batch: 2},
  lora: {rank: 2, merge: false}, optimizer: {lr: 0.05}}
models:
- {name: base, model: ` + adapterModel + `}
- {name: plain, model: ` + adapterModel + `, adapter: ` + plain + `, base: base}
- {name: other, model: ` + adapterModel + `, adapter: ` + other + `, base: base}
arms:
- {name: trained, model: base, languages: [en]}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, said := studyRun(t, file, "-v", "--out", at("study"))
	if code != 0 {
		t.Fatal(said)
	}
	// The three models, then the training, and what it made over the base.
	if n := strings.Count(said, "loaded "); n != 3 {
		t.Errorf("models were loaded %d times, want 3:\n%s", n, said)
	}
	for job, run := range map[string]string{"base": "base", "plain": "both/plain", "other": "alone"} {
		data, err := os.ReadFile(at("study/eval/" + job + "/samples.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(data), samples[run]); diff != "" {
			t.Errorf("%s: the study measures another: %s", job, diff)
		}
	}
	trained, err := os.ReadFile(at("study/eval/trained.0/samples.jsonl"))
	if err != nil || string(trained) == samples["base"] {
		t.Errorf("the adapter that was trained is measured as the base: %v", err)
	}
	// At the same time, over one set of weights.
	both := at("both.yaml")
	models, _, _ := strings.Cut(text, "arms:")
	if err := os.WriteFile(both, []byte(models), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, said = studyRun(t, both, "-v", "--workers", "2", "--kernels", "host", "--out", at("workers"))
	if n := strings.Count(said, "loaded "); code != 0 || n != 1 {
		t.Errorf("exit code %d, models were loaded %d times, want once:\n%s", code, n, said)
	}
	for _, job := range []string{"base", "plain", "other"} {
		for name, text := range studyFiles(t, at("workers/eval/"+job)) {
			if name == "samples.jsonl" && text != studyFiles(t, at("study/eval/"+job))[name] {
				t.Errorf("%s: beside others it is measured in another way", job)
			}
		}
	}
	// Arms that train an adapter further: that of another arm, and one that is given.
	more := strings.Replace(text, "arms:\n", `arms:
- {name: more, model: trained, languages: [en]}
- {name: given, model: plain, languages: [en], lora: {rank: 0}}
- {name: merged, model: given, languages: [en], lora: {rank: 4, merge: true}}
`, 1)
	if err := os.WriteFile(file, []byte(more), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, plan, said := studyRun(t, file, "--dry-run", "--out", at("study")); code != 0 ||
		strings.Contains(plan+said, "refused") {
		t.Errorf("exit code %d:\n%s%s", code, plan, said)
	}
	if code, _, said := studyRun(t, file, "--out", at("study")); code != 0 {
		t.Fatal(said)
	}
	adapterOf := func(arm string) []byte {
		data, err := os.ReadFile(at("study/train/" + arm + ".0/checkpoints/step-1/adapter/adapter_model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first, err := os.ReadFile(filepath.Join(plain, "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for arm, from := range map[string][]byte{"more": adapterOf("trained"), "given": first,
		"merged": adapterOf("given")} {
		if made := adapterOf(arm); bytes.Equal(made, from) || len(made) < len(from)/2 {
			t.Errorf("%s: its adapter is the one that it began with, or another kind", arm)
		}
	}
	if code, _, said := studyRun(t, file, "--out", at("study")); code != 0 ||
		!strings.Contains(said, "train/more.0 is done") {
		t.Errorf("exit code %d, again:\n%s", code, said)
	}
	for want, change := range map[string][2]string{
		"lora.rank is 3, and the adapter that it starts from, of train/trained.0, has 2": {"model: trained,",
			"model: trained, lora: {rank: 3},"},
		"lora.adapter is " + plain + ", and what an arm starts from is its model": {"name: more, model: trained,",
			"name: more, model: base, lora: {adapter: " + plain + "},"},
	} {
		if err := os.WriteFile(file, []byte(strings.Replace(more, change[0], change[1], 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if code, _, said := studyRun(t, file, "--out", at("refused")); code != exitUsage ||
			!strings.Contains(said, want) {
			t.Errorf("exit code %d, want %q:\n%s", code, want, said)
		}
	}
}

// TestAdapterFlags: what --adapter cannot mean is wrong usage, or refused before the model is loaded.
func TestAdapterFlags(t *testing.T) {
	plain := filepath.Join(adapterRoot, "plain")
	for want, more := range map[string][]string{
		"--adapter is empty": {"--adapter", ""},
		"are both called plain: name them, as in --adapter first=": {"--adapter", plain, "--adapter", plain},
		"name that with --model, and --adapter " + plain:           {"-m", plain},
		"no such folder": {"--adapter", "nowhere"},
		"lora_A.weight":  {"--adapter", filepath.Join(adapterRoot, "regex")},
	} {
		out := filepath.Join(t.TempDir(), "run")
		said, err := saidBy(evalAdapter(out, more...)...)
		if err == nil || !strings.Contains(said, want) || strings.Contains(said, "loaded ") {
			t.Errorf("%v: %v, want %q:\n%s", more, err, want, said)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v: a refused run has a folder", more)
		}
	}
}
