package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/sampler"
)

// adapterGolden is testdata/adapters/golden.json: log-probabilities by PEFT, adapters by their folders.
type adapterGolden map[string]struct {
	Model string `json:"model"`
	Cases []struct {
		Prompt     []int32   `json:"prompt_ids"`
		Completion []int32   `json:"completion_ids"`
		LogProbs   []float32 `json:"logprobs"`
	} `json:"cases"`
}

func readAdapters(t *testing.T) adapterGolden {
	t.Helper()
	var golden adapterGolden
	readJSON(t, filepath.Join(testdata, "adapters", "golden.json"), &golden)
	if len(golden) < 4 {
		t.Fatalf("%d adapters", len(golden))
	}
	return golden
}

// adapterFolder returns the folder of an adapter of testdata; a folder's path is its own.
func adapterFolder(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(testdata, "adapters", name)
}

// modelFolder returns the folder of a model of testdata/models, or a copy with a tokenizer where it has none.
func modelFolder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(testdata, "models", name)
	if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); err == nil {
		return dir
	}
	with := filepath.Join(t.TempDir(), "model")
	err := os.CopyFS(with, os.DirFS(dir))
	if err == nil {
		var data []byte
		if data, err = os.ReadFile(filepath.Join(testdata, "models", "tiny-qwen2", "tokenizer.json")); err == nil {
			err = os.WriteFile(filepath.Join(with, "tokenizer.json"), data, 0o644)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return with
}

// scoresOf returns the log-probabilities of pairs.
func scoresOf(t *testing.T, e *Engine, pairs []dense.Pair) (all []float32) {
	t.Helper()
	scores, err := e.Score(t.Context(), pairs, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scores {
		all = append(all, s.LogProbs...)
	}
	return all
}

// apart is the largest difference of two lists of one length.
func apart(t *testing.T, a, b []float32) (worst float64) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d numbers and %d", len(a), len(b))
	}
	for i := range a {
		if d := math.Abs(float64(a[i] - b[i])); !(d <= worst) {
			worst = d
		}
	}
	return worst
}

// TestAdapters compares models with adapters with PEFT, on every executor: given at loading, attached later
// in another's place, taken off, and merged into a checkpoint, which leaves the weights as they are.
func TestAdapters(t *testing.T) {
	golden := readAdapters(t)
	for _, f := range setups(t) {
		for name, g := range golden {
			var pairs []dense.Pair
			var want []float32
			for _, c := range g.Cases {
				pairs = append(pairs, dense.Pair{Prompt: c.Prompt, Completion: c.Completion})
				want = append(want, c.LogProbs...)
			}
			dir := modelFolder(t, g.Model)
			e := load(t, dir, Options{Backend: f.backend, Kernels: f.kernels, Adapter: adapterFolder(name)})
			got := scoresOf(t, e, pairs)
			worst := apart(t, got, want)
			if worst > 1e-4 {
				t.Errorf("%s %s: log-probabilities differ by %g", f, name, worst)
			}
			dense, err := e.ScoreWith(t.Context(), e.Weights, pairs, 1) // what training differentiates
			if err != nil {
				t.Fatal(err)
			}
			var trained []float32
			for _, s := range dense {
				trained = append(trained, s.LogProbs...)
			}
			if d := apart(t, trained, want); d > 1e-4 {
				t.Errorf("%s %s: the dense pass differs by %g", f, name, d)
			}
			if base, err := e.Weights.Base(); err != nil || base.Layout() != "" || e.Weights.Layout() == "" ||
				&base.Buffers[0] != &e.Weights.Buffers[0] {
				t.Errorf("%s: the base is no view without the adapter: %v", f, err)
			}

			saved := filepath.Join(t.TempDir(), "merged")
			if err := e.Save(saved); err != nil {
				t.Fatal(err)
			}
			merged := load(t, saved, Options{Backend: f.backend, Kernels: f.kernels})
			if d := apart(t, scoresOf(t, merged, pairs), want); d > 1e-4 {
				t.Errorf("%s %s: merged it differs by %g", f, name, d)
			}

			plain := load(t, dir, Options{Backend: f.backend, Kernels: f.kernels})
			bare := scoresOf(t, plain, pairs)
			if d := apart(t, bare, want); d < 0.05 {
				t.Errorf("%s: the adapter changes no more than %g", name, d)
			}
			for _, other := range []string{name, "", name} {
				attach(t, plain, other)
				again := scoresOf(t, plain, pairs)
				switch {
				case other == "" && apart(t, again, bare) != 0:
					t.Errorf("%s %s: taken off, it leaves something", f, name)
				case other != "" && f.kernels == KernelsHost && !slices.Equal(again, got):
					t.Errorf("%s %s: attached later it is another", f, name)
				case other != "" && apart(t, again, want) > 1e-4:
					t.Errorf("%s %s: attached later it is off by %g", f, name, apart(t, again, want))
				}
			}
		}
	}
}

// attach attaches an adapter of testdata, or none.
func attach(t *testing.T, e *Engine, name string) {
	t.Helper()
	if name == "" {
		if err := e.Attach(nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	s, err := Find(e.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, err := s.OpenAdapter(adapterFolder(name))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := e.Attach(a); err != nil {
		t.Fatal(err)
	}
}

// TestAdapterGenerates: what is generated with an adapter has the log-probabilities that scoring gives, on
// host kernels bit for bit, and another adapter in its place drops what the pool holds.
func TestAdapterGenerates(t *testing.T) {
	for _, f := range append(setups(t), setup{"go", KernelsHost, "bfloat16"}, setup{"go", KernelsHost, "int8"},
		setup{"go", KernelsHost, "int4"}) {
		e := load(t, filepath.Join(testdata, "models/tiny-qwen2"), Options{Backend: f.backend, Kernels: f.kernels,
			DType: f.dtype, Adapter: adapterFolder("rslora-patterns"), PageSize: 4})
		prompt := make([]int32, 21)
		for i := range prompt {
			prompt[i] = int32(300 + 7*i)
		}
		requests := []Request{{ID: "a", Prompt: prompt, N: 3, MaxTokens: 9, IgnoreEOS: true, Seed: 4,
			Sampling: sampler.Params{Temperature: 1, TopP: 1}}}
		bound := exactBounds[f.kernels]
		if f.kernels == KernelsGraph {
			bound = 1e-4
		}
		check := func(adapter string) map[[2]int]Completion {
			done := generate(t, e, requests)
			for key, c := range done {
				got := scoresOf(t, e, []dense.Pair{{Prompt: prompt, Completion: c.Tokens}})
				if d := apart(t, got, c.LogProbs); d > bound {
					t.Errorf("%s %s %v: scored, a token's log-probability differs by %g", f, adapter, key, d)
				}
			}
			return done
		}
		first := check("rslora-patterns")
		attach(t, e, "plain")
		second := check("plain")
		attach(t, e, "rslora-patterns")
		third := check("rslora-patterns, again")
		if d := difference(first, third); d != 0 || difference(first, second) == 0 {
			t.Errorf("%s: the same adapter again differs by %g, another by %g", f, d, difference(first, second))
		}
	}
}

// TestLoadBeside: engines over one set of weights, each with an adapter of its own, generate at the same time
// what each generates alone, and the weights stay until the last is closed.
func TestLoadBeside(t *testing.T) {
	requests := []Request{{ID: "a", Prompt: []int32{5, 60, 700, 8}, N: 3, MaxTokens: 12, IgnoreEOS: true, Seed: 4,
		Sampling: sampler.Params{Temperature: 1, TopP: 1}}}
	dir := filepath.Join(testdata, "models/tiny-qwen2")
	for _, f := range append(setups(t), setup{"go", KernelsHost, "int8"}) {
		options := Options{Backend: f.backend, Kernels: f.kernels, DType: f.dtype, Threads: 1}
		var want []map[[2]int]Completion
		adapters := []string{"", "plain", "rslora-patterns"}
		for _, name := range adapters {
			alone := options
			if name != "" {
				alone.Adapter = adapterFolder(name)
			}
			want = append(want, generate(t, load(t, dir, alone), requests))
		}
		first, err := Load(dir, options)
		if err != nil {
			t.Fatal(err)
		}
		if !first.CanShare() {
			first.Close()
			continue
		}
		engines := []*Engine{first}
		for _, name := range adapters[1:] {
			s, err := Find(dir)
			if err != nil {
				t.Fatal(err)
			}
			beside := options
			beside.Adapter = adapterFolder(name)
			if err := s.Open(beside); err != nil {
				t.Fatal(err)
			}
			e, err := s.LoadBeside(first)
			s.Close()
			if err != nil {
				t.Fatal(err)
			}
			engines = append(engines, e)
		}
		run := func(from int) {
			var group sync.WaitGroup
			for i, e := range engines[from:] {
				group.Go(func() {
					if d := difference(generate(t, e, requests), want[from+i]); d > exactBounds[f.kernels] {
						t.Errorf("%s %q: beside others it differs by %g", f, adapters[from+i], d)
					}
				})
			}
			group.Wait()
		}
		run(0)
		if f.kernels == KernelsHost {
			pairs := []dense.Pair{{Prompt: []int32{5}, Completion: []int32{6}}}
			if _, err := first.ScoreWith(t.Context(), first.Weights, pairs, 1); err == nil {
				t.Errorf("%s: weights that others read are moved", f)
			}
		}
		first.Close()
		run(1)
		for _, e := range engines[1:] {
			e.Close()
		}
	}
}

// TestAdapterPrograms: adapters of one layout run by the same programs, whatever their scales.
func TestAdapterPrograms(t *testing.T) {
	for _, f := range setups(t) {
		if f.backend == "go" {
			continue // it compiles nothing
		}
		e := load(t, filepath.Join(testdata, "models/tiny-qwen2"), Options{Backend: f.backend, Kernels: f.kernels,
			Adapter: adapterFolder("plain")})
		run := func() (compiled int) {
			before, _ := backend.Compiled()
			generate(t, e, []Request{{ID: "a", Prompt: []int32{5, 6, 7}, N: 2, MaxTokens: 4, IgnoreEOS: true,
				Sampling: sampler.Params{Temperature: 1, TopP: 1}}})
			scoresOf(t, e, []dense.Pair{{Prompt: []int32{5, 6}, Completion: []int32{8}}})
			after, _ := backend.Compiled()
			return after - before
		}
		first := run()
		pairs := []dense.Pair{{Prompt: []int32{5, 6}, Completion: []int32{8}}}
		before := scoresOf(t, e, pairs)
		louder := filepath.Join(t.TempDir(), "louder")
		config, err := os.ReadFile(filepath.Join(adapterFolder("plain"), checkpoint.AdapterConfigFile))
		if err := errors.Join(err, os.CopyFS(louder, os.DirFS(adapterFolder("plain"))),
			os.WriteFile(filepath.Join(louder, checkpoint.AdapterConfigFile),
				bytes.Replace(config, []byte(`"lora_alpha": 8`), []byte(`"lora_alpha": 20`), 1), 0o644)); err != nil {
			t.Fatal(err)
		}
		attach(t, e, louder)
		if again := run(); again != 0 {
			t.Errorf("%s: %d programs compiled with the first adapter, %d more with another of its layout", f, first,
				again)
		}
		if apart(t, before, scoresOf(t, e, pairs)) == 0 {
			t.Errorf("%s: another alpha changes nothing", f)
		}
	}
}

// TestAdapterBesideItsOwnFiles: a folder of PEFT's often has a tokenizer and a chat template, too; where they
// are others than the model's that is said or refused.
func TestAdapterBesideItsOwnFiles(t *testing.T) {
	model := filepath.Join(testdata, "models/tiny-qwen2")
	for name, x := range map[string]struct {
		files      map[string]string
		want, said string
	}{
		"the model's own": {},
		"another template": {files: map[string]string{"chat_template.jinja": "{{ messages[0]['content'] }}!"},
			said: "has a different chat template from"},
		"another vocabulary": {files: map[string]string{
			"tokenizer.json": `{"model": {"vocab": {"!": 7}}, "added_tokens": []}`}, want: "goes with another vocabulary"},
	} {
		dir := filepath.Join(t.TempDir(), "adapter")
		if err := os.CopyFS(dir, os.DirFS(adapterFolder("plain"))); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"tokenizer.json", "tokenizer_config.json"} {
			data, err := os.ReadFile(filepath.Join(model, file))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), data, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for file, text := range x.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var said bytes.Buffer
		e, err := Load(model, Options{Backend: "go", Adapter: dir, Say: &said})
		if err == nil {
			e.Close()
		}
		if (err != nil) != (x.want != "") || err != nil && !strings.Contains(err.Error(), x.want) ||
			!strings.Contains(said.String(), x.said) || x.said == "" && said.Len() > 0 {
			t.Errorf("%s: %v, said %q, want %q and %q", name, err, said.String(), x.want, x.said)
		}
	}
}

// TestAdapterOfAnother: what does not fit a model is refused before it is loaded, in one line.
func TestAdapterOfAnother(t *testing.T) {
	for name, want := range map[string]string{
		adapterFolder("regex"):                         "adapter_model.safetensors: tensor ",
		adapterFolder("none"):                          "no such folder",
		filepath.Join(testdata, "models/tiny-llama31"): "is a model and not an adapter",
	} {
		_, err := Load(filepath.Join(testdata, "models/tiny-qwen2"), Options{Backend: "go", Adapter: name})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	_, err := Load(adapterFolder("plain"), Options{Backend: "go"})
	if want := fmt.Sprintf("--adapter %s", adapterFolder("plain")); err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("an adapter as the model: %v, want %q", err, want)
	}
}
