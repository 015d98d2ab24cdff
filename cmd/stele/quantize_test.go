package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/blockwise"
)

// TestScoreQuantised: stele score --quantize nf4 --adapter gives the log-probabilities of transformers,
// bitsandbytes and PEFT.
func TestScoreQuantised(t *testing.T) {
	var golden map[string]struct {
		Cases []json.RawMessage `json:"cases"`
	}
	var qlora []struct {
		Adapter  string      `json:"adapter"`
		LogProbs [][]float64 `json:"logprobs"`
	}
	for name, v := range map[string]any{"golden.json": &golden, "qlora.json": &qlora} {
		data, err := os.ReadFile(filepath.Join(adapterRoot, name))
		if err == nil {
			err = json.Unmarshal(data, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	in, out := filepath.Join(t.TempDir(), "in.jsonl"), filepath.Join(t.TempDir(), "out.jsonl")
	name, want := qlora[0].Adapter, qlora[0].LogProbs[1]
	line := strings.Join(strings.Fields(string(golden[name].Cases[1])), " ")
	if err := os.WriteFile(in, []byte(line+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	must0(t, "score", "-m", adapterModel, "--adapter", filepath.Join(adapterRoot, name), "--quantize", "nf4",
		"--in", in, "--out", out, "--backend", "go")
	var got struct {
		LogProbs []float64 `json:"logprobs"`
	}
	data, err := os.ReadFile(out)
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil || len(got.LogProbs) != len(want) {
		t.Fatalf("%s, %v: want %d log-probabilities", data, err, len(want))
	}
	for i, p := range want {
		if math.Abs(got.LogProbs[i]-p) > 1e-4 {
			t.Errorf("log-probability %d is %g, want %g", i, got.LogProbs[i], p)
		}
	}
}

// TestEvalQuantised: an evaluation's manifest says how the projections were held, and it goes on with them held
// so alone; what cannot be is refused.
func TestEvalQuantised(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	must0(t, evalAdapter(out, "--quantize", "int8")...)
	data, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil || !strings.Contains(string(data), `"dtype": "float32 over int8"`) {
		t.Errorf("the manifest is %s, %v", data, err)
	}
	said, err := saidBy(evalAdapter(out)...)
	if err == nil || !strings.Contains(said, "float32 over int8") {
		t.Errorf("it goes on unquantised: %v\n%s", err, said)
	}
	for arg, want := range map[string]string{
		"nf5": `--quantize "nf5": expected none, nf4, int8, did you mean "nf4"?`,
		"nf4": "projections in nf4 are multiplied in float32 or bfloat16: --dtype int8 does not go with --quantize",
	} {
		said, err := saidBy("generate", "-m", adapterModel, "-p", "x", "--raw", "--backend", "go", "--dtype", "int8",
			"--quantize", arg)
		if err == nil || !strings.Contains(said, want) {
			t.Errorf("--quantize %s: %v, %q, want it to say %q", arg, err, said, want)
		}
	}
}

// TestStudySaysBase: an adapter alone that was trained over a base in 4 bits is measured over the base as it is,
// and the study says so.
func TestStudySaysBase(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "study.yaml")
	if err := os.WriteFile(file, []byte(`
evaluate: {benchmarks: [arith], levels: [1], languages: [en], limit: 1, samples: 1, template: plain, max_tokens: 2}
train: {steps: 1, algorithm: sft, data: {bench: arith, levels: [1], template: plain}, update: {batch: 2},
  lora: {rank: 2, merge: false, base: nf4}, optimizer: {lr: 0.05}}
models:
- {name: base, model: builtin:nano}
arms:
- {name: trained, model: base, languages: [en]}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, said := studyRun(t, file, "--out", filepath.Join(dir, "study"))
	const want = "train/trained.0 was trained over a base in nf4 and is measured over the base as it is"
	if code != 0 || !strings.Contains(said, want) {
		t.Errorf("exit code %d, want it to say %q:\n%s", code, want, said)
	}
}

// TestEvalPlanMemory: eval --dry-run counts the weights as --dtype and --quantize hold them, and an adapter.
func TestEvalPlanMemory(t *testing.T) {
	c, err := checkpoint.LoadConfig(adapterModel)
	if err != nil {
		t.Fatal(err)
	}
	projections, factors := int64(0), int64(0)
	for _, spec := range c.Model().Tensors() {
		if spec.Kind == architecture.Matrix {
			projections += int64(spec.Len())
			if module := spec.Module(); module == "q_proj" || module == "v_proj" {
				factors += 4 * 4 * int64(spec.Shape[0]+spec.Shape[1]) // rank 4, float32
			}
		}
	}
	for _, x := range []struct {
		flags   []string
		weights int64
		adapter int64
	}{
		{nil, 4 * c.NumParameters(), 0},
		{[]string{"--dtype", "bfloat16"}, 2 * c.NumParameters(), 0},
		{[]string{"--quantize", "nf4"}, 4*c.NumParameters() - 4*projections +
			blockwise.Format{Code: blockwise.NF4, Double: true}.Bytes(int(projections)), 0},
		{[]string{"--dtype", "bfloat16", "--quantize", "int8", "--adapter", filepath.Join(adapterRoot, "plain")},
			2*c.NumParameters() - 2*projections +
				blockwise.Format{Code: blockwise.Int8, Double: true}.Bytes(int(projections)), factors},
	} {
		var out, said bytes.Buffer
		p := program(&said, append([]string{"eval", "--dry-run", "--json", "-m", adapterModel, "--bench", "arith",
			"--lang", "en", "--limit", "2", "--template", "plain", "--max-tokens", "20", "--batch", "4",
			"--backend", "go"}, x.flags...)...)
		p.Stdout = &out
		if err := p.Run(); err != nil {
			t.Fatalf("%v: %v\n%s", x.flags, err, said.String())
		}
		var plan evalPlan
		if err := json.Unmarshal(out.Bytes(), &plan); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		m := plan.Memory
		// What is quantised has a few numbers for each tensor beside its blocks.
		if d := m.Weights - x.weights; d < -4096 || d > 4096 || m.Adapter != x.adapter || m.KVPool == 0 ||
			m.Total != m.Weights+m.Adapter+m.KVPool {
			t.Errorf("%v: %+v, want weights of %d and an adapter of %d", x.flags, m, x.weights, x.adapter)
		}
	}
}
