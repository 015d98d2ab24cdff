package gpucheck

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/sampler"
)

// sample names a completion: request and sample.
type sample [2]int

// mixture is a load of groups, prompts of one token and of many, equal beginnings, ends at different times.
func mixture() (requests []engine.Request) {
	for i, n := range []int{1, 40, 5, 33, 16, 60, 2, 48, 34, 7} {
		prompt := make([]int32, n)
		for j := range prompt {
			prompt[j] = int32(100 + (j*13+i/4*17)%1800) // four in a row begin alike
		}
		requests = append(requests, engine.Request{
			ID: fmt.Sprintf("m%d", i), Prompt: prompt, N: 1 + i%3*6, MaxTokens: 8 + 5*(i%4), IgnoreEOS: true, Seed: 11,
			Sampling: sampler.Params{Temperature: 0.8, TopP: 0.5 + 0.5*float64(i%2)},
		})
	}
	return requests
}

// generated loads tiny-qwen2 and completes the mixture.
func generated(ctx context.Context, data string, o engine.Options) (map[sample]engine.Completion, error) {
	e, err := engine.Load(filepath.Join(data, "testdata/models/tiny-qwen2"), o)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	done := map[sample]engine.Completion{}
	return done, e.Generate(ctx, mixture(), func(c engine.Completion) error {
		done[sample{c.Request, c.Sample}] = c
		return nil
	})
}

// SameTokens generates with a backend's graphs in several ways: the tokens must be those of host kernels on the CPU
// in each, in float32. In bfloat16 the order of a sum may decide a token: it is counted, and no fault.
func SameTokens(ctx context.Context, name, data string) (*Found, error) {
	f := &Found{}
	want, err := generated(ctx, data, engine.Options{Backend: "go", Kernels: engine.KernelsHost})
	if err != nil {
		return f, err
	}
	d, err := backend.Open(name)
	if err != nil {
		return f, err
	}
	gpus, err := gpusOf(d)
	d.Close()
	if err != nil {
		return f, err
	}
	ways := []engine.Options{
		{MaxBatch: 64}, {MaxBatch: 3, ChunkSize: 9, NoPrefixCache: true}, {MaxBatch: 16, PageSize: 4},
		{MaxBatch: 64, DType: "bfloat16"}, {MaxBatch: 3, DType: "bfloat16"},
	}
	if gpus > 1 {
		ways = append(ways, engine.Options{MaxBatch: 4, Devices: gpus})
	}
	worst := 0.0
	var bfloat []map[sample]engine.Completion
	for i, o := range ways {
		o.Backend, o.Kernels = name, engine.KernelsGraph
		got, err := generated(ctx, data, o)
		if err != nil {
			return f, err
		}
		if o.DType != "" {
			bfloat = append(bfloat, got)
			continue
		}
		what := fmt.Sprintf("%d together, pages of %d, chunks of %d", o.MaxBatch, o.PageSize, o.ChunkSize)
		if o.Devices > 1 {
			what += fmt.Sprintf(", on %d GPUs", o.Devices)
		}
		same, difference := compare(got, want)
		worst = max(worst, difference)
		f.find(fmt.Sprintf("same tokens/%d", i), "samples whose tokens are host kernels', "+what+" (0: the default)",
			float64(same), fmt.Sprintf("of %d", len(want)))
		if same < len(want) || len(got) != len(want) {
			f.fault("%s: %d of %d samples have host kernels' tokens", what, same, len(want))
		}
	}
	f.find("same tokens/difference", "their log-probabilities: largest difference", worst, "")
	same, _ := compare(bfloat[1], bfloat[0])
	f.find("same tokens/bfloat16", "samples in bfloat16 with the same tokens 64 together and 3 together",
		float64(same), fmt.Sprintf("of %d", len(bfloat[0])))
	return f, nil
}

// Bits generates in one way with programs that are compiled as for training. Facts["bits"] is a hash of the tokens and
// log-probabilities.
func Bits(ctx context.Context, name, data string) (*Found, error) {
	backend.Reproducible()
	got, err := generated(ctx, data, engine.Options{Backend: name, Kernels: engine.KernelsGraph, MaxBatch: 64})
	return &Found{Facts: map[string]string{"bits": hashOf(got)}}, err
}

// compare counts the samples with the same tokens, and of those returns the largest difference of a log-probability.
func compare(got, want map[sample]engine.Completion) (same int, difference float64) {
	for key, w := range want {
		g := got[key]
		if !slices.Equal(g.Tokens, w.Tokens) {
			continue
		}
		same++
		for i, p := range w.LogProbs {
			difference = max(difference, math.Abs(float64(g.LogProbs[i]-p)))
		}
	}
	return same, difference
}

// hashOf is a hash of tokens and log-probabilities, bit for bit.
func hashOf(all map[sample]engine.Completion) string {
	h := sha256.New()
	var keys []sample
	for key := range all {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b sample) int { return slices.Compare(a[:], b[:]) })
	for _, key := range keys {
		for _, v := range []any{all[key].Tokens, all[key].LogProbs} {
			_ = binary.Write(h, binary.LittleEndian, v) // a hash takes everything
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
