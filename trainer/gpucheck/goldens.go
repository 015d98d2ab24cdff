package gpucheck

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// The bounds of the tests that compare with the same goldens, in float32.
const (
	logprobBound  = 1e-4
	lossBound     = 1e-5
	gradientBound = 1e-3 // relative
	weightBound   = 2e-6
)

// Goldens compares a backend's graphs with the values that transformers, verl and torch gave: the tokens, forward
// passes, and steps of GRPO of models whose folders are in data/testdata.
func Goldens(ctx context.Context, name, data string) (*Found, error) {
	f := &Found{}
	for _, tiny := range []string{"tiny-qwen2", "tiny-llama31"} {
		if err := f.forward(ctx, name, filepath.Join(data, "testdata"), tiny); err != nil {
			return f, fmt.Errorf("%s: %w", tiny, err)
		}
	}
	if err := f.steps(name, filepath.Join(data, "testdata")); err != nil {
		return f, fmt.Errorf("grpo.json: %w", err)
	}
	return f, nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// forward compares greedy tokens and the log-probabilities of prompts.
func (f *Found) forward(ctx context.Context, name, testdata, tiny string) error {
	e, err := engine.Load(filepath.Join(testdata, "models", tiny), engine.Options{
		Backend: name, Kernels: engine.KernelsGraph})
	if err != nil {
		return err
	}
	defer e.Close()
	var golden struct {
		Cases []struct {
			Prompt   []int32   `json:"prompt_ids"`
			Greedy   []int32   `json:"greedy_ids"`
			LogProbs []float32 `json:"token_logprobs"`
		} `json:"cases"`
	}
	if err := readJSON(filepath.Join(testdata, tiny+".forward.json"), &golden); err != nil {
		return err
	}
	var requests []engine.Request
	var pairs []dense.Pair
	var want [][]float32
	for i, c := range golden.Cases {
		requests = append(requests, engine.Request{
			ID: fmt.Sprint(i), Prompt: c.Prompt, MaxTokens: len(c.Greedy), IgnoreEOS: true})
		if len(c.Prompt) > 1 {
			pairs = append(pairs, dense.Pair{Prompt: c.Prompt[:1], Completion: c.Prompt[1:]})
			want = append(want, c.LogProbs)
		}
	}
	same := 0
	if err := e.Generate(ctx, requests, func(c engine.Completion) error {
		if slices.Equal(c.Tokens, golden.Cases[c.Request].Greedy) {
			same++
		} else {
			f.fault("%s, case %d: greedy tokens are %v, want %v", tiny, c.Request, c.Tokens,
				golden.Cases[c.Request].Greedy)
		}
		return nil
	}); err != nil {
		return err
	}
	f.find(tiny+"/greedy", tiny+", greedy continuations that are transformers'", float64(same),
		fmt.Sprintf("of %d", len(golden.Cases)))
	scores, err := e.Score(ctx, pairs, 1)
	if err != nil {
		return err
	}
	worst := 0.0
	for i, s := range scores {
		if len(s.LogProbs) != len(want[i]) {
			return fmt.Errorf("%d log-probabilities of a prompt, the golden has %d", len(s.LogProbs), len(want[i]))
		}
		for j, p := range s.LogProbs {
			worst = max(worst, math.Abs(float64(p-want[i][j])))
		}
	}
	f.bounded(tiny+"/logprob", tiny+", log-probabilities of prompts: largest difference", worst, logprobBound)
	return nil
}

// bounded notes a difference, which is a fault where it is above a bound.
func (f *Found) bounded(key, what string, difference, bound float64) {
	f.find(key, what, difference, fmt.Sprintf("bound %g", bound))
	if !(difference <= bound) {
		f.fault("%s is %g, bound %g", what, difference, bound)
	}
}

// grpo is testdata/grpo.json, as far as it is compared.
type grpo struct {
	Samples []struct {
		Prompt     []int32 `json:"prompt_ids"`
		Completion []int32 `json:"completion_ids"`
	} `json:"samples"`
	AdvantagesStd   []float64     `json:"advantages_std"`
	AdvantagesNoStd []float64     `json:"advantages_no_std"`
	Old             [][]float32   `json:"old_logprobs"`
	Ref             [][]float32   `json:"ref_logprobs"`
	Policy          [][]float32   `json:"policy_logprobs"`
	Variants        []grpoVariant `json:"variants"`
}

type grpoVariant struct {
	Name  string                `json:"name"`
	Mode  objective.Aggregation `json:"mode"`
	Low   float64               `json:"lo"`
	High  float64               `json:"hi"`
	Beta  float64               `json:"beta"`
	KL    string                `json:"kl"`
	Norm  bool                  `json:"norm"`
	AdamW struct {
		LR          float64    `json:"lr"`
		Betas       [2]float64 `json:"betas"`
		Eps         float64    `json:"eps"`
		WeightDecay float64    `json:"weight_decay"`
		MaxGradNorm float64    `json:"max_grad_norm"`
		Steps       []struct {
			Loss     float64 `json:"loss"`
			GradNorm float64 `json:"grad_norm_before_clip"`
		} `json:"steps"`
		Params map[string]struct {
			Norm   float64      `json:"norm"`
			Values [][2]float64 `json:"values"`
		} `json:"params_after_3_steps"`
	} `json:"adamw"`
}

// grpoVariants are the variants of the loss that are compared: each is a program to compile.
const grpoVariants = 2

// longestCompletion is the padded length that verl divides by in the goldens.
const longestCompletion = 12

// steps compares losses, norms of gradients and the weights after three steps of AdamW.
func (f *Found) steps(name, testdata string) error {
	var g grpo
	if err := readJSON(filepath.Join(testdata, "grpo.json"), &g); err != nil {
		return err
	}
	d, err := backend.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	for _, v := range g.Variants[:min(grpoVariants, len(g.Variants))] {
		if err := f.variant(backend.Mesh{d}, testdata, &g, &v); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	gpus, err := gpusOf(d)
	if err != nil || gpus < 2 {
		return err
	}
	mesh, err := d.Mesh(gpus)
	if err != nil {
		return err
	}
	return f.variant(mesh, testdata, &g, &g.Variants[0])
}

// gpusOf counts the GPUs of a backend; a CPU has none.
func gpusOf(d *backend.Device) (int, error) {
	if d.IsCPU() {
		return 0, nil
	}
	return d.Count()
}

// variant compares a variant that the devices of a mesh share.
func (f *Found) variant(mesh backend.Mesh, testdata string, g *grpo, v *grpoVariant) error {
	folder, err := checkpoint.Open(filepath.Join(testdata, "models/tiny-qwen2"))
	if err != nil {
		return err
	}
	defer folder.Close()
	w := model.Open(folder, mesh[0], dtypes.Float32)
	defer w.Close()
	w.Replicate(mesh)
	if err := w.Upload(); err != nil {
		return err
	}
	variant, micro := v.Name, 4096
	if len(mesh) > 1 { // a pass for each
		variant, micro = fmt.Sprintf("%s on %d devices", v.Name, len(mesh)), 64
	}
	a := v.AdamW
	policy := objective.Policy(objective.Options{Aggregation: v.Mode, ClipLow: v.Low, ClipHigh: v.High,
		Beta: v.Beta, Std: v.Norm, KLIn: objective.KLInLoss,
		KL: map[string]string{"low_var_kl": "k3", "kl": "k1", "mse": "k2"}[v.KL]})
	l, err := learner.New(w, learner.Options{
		AdamW: optimizer.AdamW{LR: a.LR, Beta1: a.Betas[0], Beta2: a.Betas[1], Epsilon: a.Eps,
			WeightDecay: a.WeightDecay, MaxGradNorm: a.MaxGradNorm, Schedule: "constant",
			State: optimizer.StateFloat32},
		Objective: policy,
		Beta:      v.Beta,
	})
	if err != nil {
		return err
	}
	defer l.Close()
	logprob, loss, norms := 0.0, 0.0, 0.0 // differences
	for i, step := range a.Steps {
		got, difference, err := g.accumulate(l, policy, v, micro)
		if err != nil {
			return err
		}
		if i == 0 {
			logprob = difference
		}
		// Weights that have moved differ by rounding, and losses after them.
		loss = max(loss, math.Abs(got-step.Loss)/max(1, 10*float64(i)))
		norm, err := l.Update(a.LR)
		if err != nil {
			return err
		}
		norms = max(norms, math.Abs(norm-step.GradNorm)/step.GradNorm)
	}
	worst := 0.0
	for i, spec := range w.Specs {
		values, err := w.Float32s(i)
		if err != nil {
			return err
		}
		for _, s := range a.Params[spec.Name].Values {
			worst = max(worst, math.Abs(float64(values[int(s[0])])-s[1]))
		}
	}
	for _, c := range []struct {
		key, what         string
		difference, bound float64
	}{
		{"logprob", "log-probabilities: largest difference", logprob, logprobBound},
		{"loss", "loss: difference", loss, lossBound},
		{"norm", "gradient's norm: relative difference", norms, gradientBound},
		{"weights", "weights after 3 steps: largest difference", worst, weightBound},
	} {
		f.bounded("grpo/"+variant+"/"+c.key, "GRPO "+variant+", "+c.what, c.difference, c.bound)
	}
	return nil
}

// accumulate sums the gradient of the goldens' batch in passes of so many tokens and returns its loss, and the largest
// difference from the golden log-probabilities.
func (g *grpo) accumulate(l *learner.Learner, o objective.Objective, v *grpoVariant, micro int) (
	loss, difference float64, err error,
) {
	var pairs []dense.Pair
	var lengths []int
	for _, s := range g.Samples {
		pairs = append(pairs, dense.Pair{Prompt: s.Prompt, Completion: s.Completion})
		lengths = append(lengths, len(s.Completion))
	}
	weights := v.Mode.Weights(lengths, longestCompletion)
	advantages := g.AdvantagesStd
	if !v.Norm {
		advantages = g.AdvantagesNoStd
	}
	totals := objective.NewTotals()
	var passes []learner.Pass
	var members [][]int // of each pass
	for indices, batch := range (learner.Layout{MicroTokens: micro}).Batches(pairs) {
		columns := o.Columns(batch.Shape.N)
		for i, index := range indices {
			at := batch.First[i]
			constant := func(x float32) []float32 { return slices.Repeat([]float32{x}, lengths[index]) }
			for name, values := range map[string][]float32{
				objective.Old: g.Old[index], objective.Ref: g.Ref[index],
				objective.Advantage: constant(float32(advantages[index])),
				objective.Weight:    constant(weights[index]),
			} {
				if o.Reads(name) || name == objective.Weight {
					copy(columns[name][at:], values)
				}
			}
		}
		passes, members = append(passes, learner.Pass{Batch: batch, Columns: columns}), append(members, indices)
	}
	saw, err := l.AccumulateAll(context.Background(), passes, 1)
	if err != nil {
		return 0, 0, err
	}
	for k, seen := range saw {
		for i, index := range members[k] {
			first := passes[k].Batch.First[i]
			totals.See(o, seen, passes[k].Columns, first, lengths[index])
			for j, want := range g.Policy[index] {
				difference = max(difference, math.Abs(float64(seen[objective.LogProb][first+j]-want)))
			}
		}
	}
	return totals.Weighted[objective.PolicyLoss] + v.Beta*totals.Weighted[objective.KL], difference, nil
}
