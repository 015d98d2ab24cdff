package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/builtin"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/sampler"
)

const testdata = "../testdata"

func TestMain(m *testing.M) { kernelstest.Main(m) }

// setup is a backend and what runs steps there.
type setup struct {
	backend string
	kernels Kernels
	dtype   string // "" is float32
}

func (s setup) String() string {
	return strings.TrimSuffix(s.backend+"/"+string(s.kernels)+"/"+s.dtype, "/")
}

// entropyBounds are the largest differences of an entropy between the setups, by dtype.
var entropyBounds = map[string]float64{"": 1e-4, "bfloat16": 0.02}

// setups lists those that are here: host kernels, which are the same on every CPU
// backend, then graphs on each backend.
func setups(t *testing.T) []setup {
	t.Helper()
	all := []setup{{"go", KernelsHost, ""}}
	for _, backend := range kernelstest.Backends(t) {
		all = append(all, setup{backend, KernelsGraph, ""})
	}
	return all
}

func load(t *testing.T, dir string, o Options) *Engine {
	t.Helper()
	e, err := Load(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// generate runs requests and returns completions by request and sample.
func generate(t *testing.T, e *Engine, requests []Request) map[[2]int]Completion {
	t.Helper()
	done := map[[2]int]Completion{}
	err := e.Generate(context.Background(), requests, func(c Completion) error {
		key := [2]int{c.Request, c.Sample}
		if _, ok := done[key]; ok {
			t.Errorf("%v ended twice", key)
		}
		done[key] = c
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := e.pool.allocator.NumUsed(); n != 0 {
		t.Errorf("%d pages leak", n)
	}
	return done
}

// TestGreedy compares greedy tokens with transformers, in one batch of prompts of
// 1 to 300 tokens.
func TestGreedy(t *testing.T) {
	for _, f := range setups(t) {
		for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
			e := load(t, filepath.Join(testdata, "models", name),
				Options{Backend: f.backend, Kernels: f.kernels})
			var golden struct {
				Cases []struct {
					PromptIDs []int32 `json:"prompt_ids"`
					GreedyIDs []int32 `json:"greedy_ids"`
				} `json:"cases"`
			}
			readJSON(t, filepath.Join(testdata, name+".forward.json"), &golden)
			var requests []Request
			for i, c := range golden.Cases {
				requests = append(requests, Request{
					ID: fmt.Sprint(i), Prompt: c.PromptIDs, MaxTokens: len(c.GreedyIDs), IgnoreEOS: true,
				})
			}
			done := generate(t, e, requests)
			for i, c := range golden.Cases {
				if got := done[[2]int{i, 0}]; !slices.Equal(got.Tokens, c.GreedyIDs) ||
					got.FinishReason != FinishLength {
					t.Errorf("%s %s case %d: %v %s, want %v", f, name, i, got.Tokens, got.FinishReason,
						c.GreedyIDs)
				}
			}
		}
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// nano is a model on which a step takes milliseconds.
func nano(t *testing.T, o Options) *Engine {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "nano")
	if err := builtin.Write(dir, "nano", 1); err != nil {
		t.Fatal(err)
	}
	return load(t, dir, o)
}

// groups is a load of prompts of many lengths, some with a common beginning.
func groups() []Request {
	var requests []Request
	for i, n := range []int{1, 5, 16, 17, 33, 40, 64, 3} {
		prompt := make([]int32, n)
		for j := range prompt {
			prompt[j] = int32(300 + (j*7+i/3*11)%900)
		}
		requests = append(requests, Request{
			ID: fmt.Sprintf("q%d", i), Prompt: prompt, N: 1 + i%4, MaxTokens: 6 + 5*(i%3), IgnoreEOS: true,
			Seed:     3,
			Sampling: sampler.Params{Temperature: 1, TopP: 1},
		})
	}
	return requests
}

// TestSameTokens: the same seed gives the same tokens whatever the batch size, the
// page size, the chunk size, the prefix cache, a pool so small that sequences are
// preempted, the order of arrival, the kernels and the backend.
func TestSameTokens(t *testing.T) {
	var want map[[2]int]Completion
	for _, f := range setups(t) {
		for i, o := range []Options{
			{}, {MaxBatch: 1}, {MaxBatch: 3}, {MaxBatch: 16, PageSize: 4}, {PageSize: 32}, {ChunkSize: 7},
			{NoPrefixCache: true}, {PoolTokens: 96, PageSize: 8},
			{PoolTokens: 96, MaxBatch: 5, ChunkSize: 9, PageSize: 4},
		} {
			if f.kernels == KernelsGraph && i%4 != 3 && i > 0 {
				continue // compiling takes seconds a schedule; TestExact has more on graphs
			}
			o.Backend, o.Kernels = f.backend, f.kernels
			e := nano(t, o)
			for _, reversed := range []bool{false, true} {
				requests := groups()
				if reversed {
					slices.Reverse(requests)
				}
				got := map[[2]int]Completion{}
				for key, c := range generate(t, e, requests) {
					if reversed {
						key[0] = len(requests) - 1 - key[0]
					}
					got[key] = c
				}
				if want == nil {
					want = got
				}
				if len(got) != len(want) {
					t.Fatalf("%+v: %d completions, want %d", o, len(got), len(want))
				}
				for key, w := range want {
					g := got[key]
					if !slices.Equal(g.Tokens, w.Tokens) {
						t.Errorf("%+v reversed %v: %v is %v, want %v", o, reversed, key, g.Tokens, w.Tokens)
						continue
					}
					for i := range w.LogProbs {
						if d := math.Abs(float64(g.LogProbs[i] - w.LogProbs[i])); d > 1e-5 {
							t.Errorf("%+v: log-probabilities of %v differ by %g", o, key, d)
							break
						}
					}
				}
			}
		}
	}
}

// TestDeviceDraws: where logits stay on the device, in the decode step or after a prompt
// that a group shares, the tokens are those that host kernels draw from logits in memory.
func TestDeviceDraws(t *testing.T) {
	params := []sampler.Params{{}, {Temperature: 1}, {Temperature: 0.6, TopP: 0.95},
		{Temperature: 1.2, TopK: 40}, {Temperature: 1, MinP: 0.001}}
	for _, several := range []bool{false, true} { // ways to draw in a step
		requests := groups()
		for i := range requests {
			requests[i].Sampling = params[1]
			if several {
				requests[i].Sampling = params[i%len(params)]
			}
		}
		want := generate(t, nano(t, Options{Backend: "go", Kernels: KernelsHost}), requests)
		for _, backend := range kernelstest.Backends(t) {
			e := nano(t, Options{Backend: backend, Kernels: KernelsGraph})
			if err := e.ensurePool(128, 4096); err != nil {
				t.Fatal(err)
			}
			e.pool.executor.(*graphs).device = true
			got := generate(t, e, requests)
			compare(t, backend, got, want)
			if d := difference(got, want); d > 1e-5 {
				t.Errorf("%s: log-probabilities differ by %g", backend, d)
			}
		}
	}
}

// TestScoreAgrees: the log-probabilities of generation are those of scoring, at a
// temperature and with filters that score knows nothing of.
func TestScoreAgrees(t *testing.T) {
	for _, f := range append(setups(t), setup{"go", KernelsHost, "int8"}, setup{"go", KernelsHost, "w8a8"},
		setup{"go", KernelsHost, "int4"}, setup{"go", KernelsHost, "bfloat16"}) {
		e := nano(t, Options{Backend: f.backend, Kernels: f.kernels, DType: f.dtype, ChunkSize: 5})
		bound := 1e-4
		if f.kernels == KernelsHost {
			bound = 0
		}
		requests := groups()
		for i := range requests {
			requests[i].Sampling = sampler.Params{Temperature: 0.7, TopP: 0.9, TopK: 50}
		}
		var pairs []dense.Pair
		var want [][]float32
		for key, c := range generate(t, e, requests) {
			pairs = append(pairs, dense.Pair{Prompt: requests[key[0]].Prompt, Completion: c.Tokens})
			want = append(want, c.LogProbs)
		}
		scores, err := e.Score(context.Background(), pairs, 0.7)
		if err != nil {
			t.Fatal(err)
		}
		for i := range pairs {
			for j, w := range want[i] {
				if got := scores[i].LogProbs[j]; math.Abs(float64(got-w)) > bound {
					t.Errorf("%s: token %d: scored %g, generated %g", f, j, got, w)
				}
			}
		}
		if f.dtype == "int8" || f.dtype == "w8a8" || f.dtype == "int4" {
			continue // graphs do not have it
		}
		graph, err := e.ScoreWith(context.Background(), e.Weights, pairs, 0.7)
		if err != nil {
			t.Fatal(err)
		}
		for i := range pairs {
			for j, want := range graph[i].Entropy {
				if got := scores[i].Entropy[j]; math.Abs(float64(got-want)) > entropyBounds[f.dtype] {
					t.Errorf("%s: token %d: entropy %g, by the graph %g", f, j, got, want)
				}
			}
		}
	}
}

// TestStops: stop strings leave the text before them, stop tokens and the end of
// sequence end it.
func TestStops(t *testing.T) {
	e := nano(t, Options{Backend: "go"})
	free := Request{ID: "s", Prompt: []int32{300, 301}, MaxTokens: 24, IgnoreEOS: true,
		Sampling: sampler.Params{Temperature: 1}}
	whole := generate(t, e, []Request{free})[[2]int{0, 0}]
	text, err := e.Tokenizer.Decode(whole.Tokens, true)
	if err != nil || text != whole.Text || whole.FinishReason != FinishLength {
		t.Fatalf("%+v decodes as %q, %v", whole, text, err)
	}
	runes := []rune(text)
	stop := string(runes[len(runes)/2 : len(runes)/2+2])
	cut := free
	cut.Stop = []string{"never in there", stop}
	got := generate(t, e, []Request{cut})[[2]int{0, 0}]
	if before, _, _ := cutAt(text, stop); got.Text != before || got.FinishReason != FinishStop {
		t.Errorf("stop %q: %q %s, want %q", stop, got.Text, got.FinishReason, before)
	}
	ended := free
	ended.StopTokens = whole.Tokens[5:6]
	at := slices.Index(whole.Tokens, whole.Tokens[5])
	if got := generate(t, e, []Request{ended})[[2]int{0, 0}]; len(got.Tokens) != at+1 ||
		got.FinishReason != FinishStop {
		t.Errorf("stop token: %d tokens %s, want %d", len(got.Tokens), got.FinishReason, at+1)
	}
}

// TestStopsAtSpecialToken: a special token, which the text leaves out, stops a completion
// when it is named as a text.
func TestStopsAtSpecialToken(t *testing.T) {
	e := nano(t, Options{Backend: "go"})
	const end = "<|im_end|>"
	id, ok := e.Tokenizer.Special(end)
	if !ok {
		t.Fatalf("%s is no special token", end)
	}
	// So hot that every token is about as likely.
	r := Request{ID: "s", Prompt: []int32{300, 301}, N: 64, MaxTokens: 200, IgnoreEOS: true,
		Sampling: sampler.Params{Temperature: 100}}
	whole := generate(t, e, []Request{r})
	r.Stop = []string{end}
	stopped := 0
	for key, got := range generate(t, e, []Request{r}) {
		at := slices.Index(whole[key].Tokens, id)
		if at < 0 {
			continue
		}
		stopped++
		text, err := e.Tokenizer.Decode(whole[key].Tokens[:at], true)
		if err != nil || got.Text != text || len(got.Tokens) != at+1 || got.FinishReason != FinishStop {
			t.Errorf("%v: %q of %d tokens, %s, want %q of %d", key, got.Text, len(got.Tokens),
				got.FinishReason, text, at+1)
		}
	}
	if stopped == 0 {
		t.Error("the token was never drawn")
	}
}

func cutAt(text, stop string) (before, after string, found bool) {
	for i := range text {
		if len(text)-i >= len(stop) && text[i:i+len(stop)] == stop {
			return text[:i], text[i:], true
		}
	}
	return text, "", false
}

func TestRefuses(t *testing.T) {
	e := nano(t, Options{Backend: "go"})
	for name, r := range map[string]Request{
		"empty prompt": {MaxTokens: 1}, "no tokens": {Prompt: []int32{1}},
		"id":          {Prompt: []int32{5000}, MaxTokens: 1},
		"length":      {Prompt: make([]int32, 1024), MaxTokens: 1},
		"temperature": {Prompt: []int32{1}, MaxTokens: 1, Sampling: sampler.Params{Temperature: -1}},
	} {
		err := e.Generate(context.Background(), []Request{r}, func(Completion) error { return nil })
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	small := nano(t, Options{Backend: "go", PoolTokens: 32})
	long := []Request{{Prompt: make([]int32, 40), MaxTokens: 8}}
	err := small.Generate(context.Background(), long, func(Completion) error { return nil })
	if err == nil {
		t.Error("a sequence longer than the pool was taken")
	}
}

// TestCancel: a cancelled generation stops and the engine can be used again.
func TestCancel(t *testing.T) {
	e := nano(t, Options{Backend: "go"})
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := e.Generate(ctx, groups(), func(Completion) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	})
	if err != context.Canceled {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if got := generate(t, e, groups()); len(got) == 0 {
		t.Error("nothing was generated after a cancelled generation")
	}
}

// TestSave: a saved model loads and says the same.
func TestSave(t *testing.T) {
	e := load(t, filepath.Join(testdata, "models", "tiny-llama31"), Options{Backend: "go"})
	dir := filepath.Join(t.TempDir(), "saved")
	if err := e.Save(dir); err != nil {
		t.Fatal(err)
	}
	again := load(t, dir, Options{Backend: "go"})
	for i, spec := range e.Weights.Specs {
		a, _ := e.Weights.Float32s(i)
		b, _ := again.Weights.Float32s(i)
		if !slices.Equal(a, b) {
			t.Errorf("%s changed", spec.Name)
		}
	}
}

// TestSaveInFloat16: a model is saved in float16 unless a number would become infinite there; then it is saved in
// float32, which is said.
func TestSaveInFloat16(t *testing.T) {
	for _, test := range []struct {
		largest float32
		want    checkpoint.DType
	}{{65504, checkpoint.F16}, {65520, checkpoint.F32}} {
		var said strings.Builder
		e := load(t, filepath.Join(testdata, "models", "tiny-llama31"), Options{Backend: "go", Say: &said})
		values, err := e.Weights.Float32s(0)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Weights.Upload(); err != nil {
			t.Fatal(err)
		}
		values = slices.Clone(values)
		values[7] = -test.largest
		if err := e.Weights.Set(0, values); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "saved")
		if err := e.SaveIn(dir, checkpoint.F16); err != nil {
			t.Fatal(err)
		}
		own, _, err := StoredDType(dir)
		if err != nil || own != test.want || (said.Len() > 0) != (test.want == checkpoint.F32) {
			t.Errorf("with %g it is saved in %v, said %q: %v", test.largest, own, said.String(), err)
		}
		again := load(t, dir, Options{Backend: "go"})
		if got, err := again.Weights.Float32s(0); err != nil || got[7] != -test.largest {
			t.Errorf("%g is %g again: %v", -test.largest, got[7], err)
		}
	}
}
