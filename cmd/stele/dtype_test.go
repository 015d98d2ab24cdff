package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/eval"
)

const (
	bfloat16Model = "../../testdata/models/tiny-llama31"
	float16Model  = "../../testdata/variants/llama-attention-bias"
)

// TestOwnDType: without --dtype, and with auto, a model is in its own dtype, and float16 in float32, which is said.
func TestOwnDType(t *testing.T) {
	dir := t.TempDir()
	pairs, out := filepath.Join(dir, "pairs.jsonl"), filepath.Join(dir, "out.jsonl")
	if err := os.WriteFile(pairs, []byte(`{"prompt_ids":[5,6],"completion_ids":[7,9,11]}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ model, want string }{{bfloat16Model, "bfloat16"}, {adapterModel, "float32"}} {
		scored := func(more ...string) string {
			t.Helper()
			_, said, err := stele(t, append([]string{"score", "--backend", "go", "-m", c.model, "--in", pairs, "--out",
				out}, more...)...)
			data, failed := os.ReadFile(out)
			if err != nil || failed != nil {
				t.Fatalf("%v, %v: %s", err, failed, said)
			}
			return string(data)
		}
		own := scored()
		if own != scored("--dtype", "auto") || own != scored("--dtype", c.want) {
			t.Errorf("%s is not in %s", c.model, c.want)
		}
		if other := map[string]string{"float32": "bfloat16", "bfloat16": "float32"}[c.want]; own == scored("--dtype",
			other) {
			t.Errorf("%s gives in %s what it gives in %s", c.model, other, c.want)
		}
	}
	for _, c := range []struct{ model, want, note string }{
		{bfloat16Model, "bfloat16, the model's own dtype", ""},
		{float16Model, "float32, the model's own dtype", "float16 is held as float32"},
	} {
		out, _, err := stele(t, "doctor", "-m", c.model)
		if err != nil || !strings.Contains(out, c.want) || !strings.Contains(out, c.note) ||
			!strings.Contains(out, "AdamW in float32") {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// shortEval are the arguments of a short evaluation of a model in bfloat16.
func shortEval(out string, more ...string) []string {
	return append([]string{"eval", "-m", bfloat16Model, "--bench", "arith", "--level", "1", "--lang", "en", "--limit",
		"1", "-n", "1", "--max-tokens", "2", "--template", "plain", "--backend", "go", "--out", out}, more...)
}

// TestEvalGoesOnInItsDType: the manifest of an evaluation says in which dtype it was, and whether that was asked
// for; a run from when the default was float32 goes on in it.
func TestEvalGoesOnInItsDType(t *testing.T) {
	root := t.TempDir()
	for _, c := range []struct {
		name string
		more []string
		want string
		auto bool
	}{
		{"own", nil, "bfloat16", true},
		{"asked", []string{"--dtype", "bfloat16"}, "bfloat16", false},
		{"older", []string{"--dtype", "float32"}, "float32", false},
	} {
		out := filepath.Join(root, c.name)
		for again, more := range [][]string{c.more, nil, c.more} {
			if again > 0 {
				if err := os.Remove(filepath.Join(out, "results.json")); err != nil {
					t.Fatal(err)
				}
			}
			_, said, err := stele(t, shortEval(out, more...)...)
			m, failed := eval.ReadManifest(out)
			if err != nil || failed != nil || m.DType != c.want || m.DTypeAuto != c.auto {
				t.Errorf("%s, %v: %v, %v, %+v", c.name, more, err, failed, m)
			}
			if goesOn := strings.Contains(said, "was begun in float32"); goesOn != (c.name == "older" && again == 1) {
				t.Errorf("%s, %v: it said %q", c.name, more, said)
			}
		}
	}
	if _, _, err := stele(t, shortEval(filepath.Join(root, "older"), "--dtype", "auto")...); err == nil ||
		!strings.Contains(err.Error(), "dtype was") {
		t.Errorf("a run in float32 goes on in another dtype: %v", err)
	}
}

// TestStudyGoesOnInItsDType: a study is in the models' own dtypes, and one that was begun in float32 stays in it.
func TestStudyGoesOnInItsDType(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "study.yaml")
	copied := filepath.Join(root, "copied")
	if err := os.CopyFS(copied, os.DirFS(bfloat16Model)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"own": "bfloat16", "older": "float32"} {
		var more []string
		if name == "older" {
			more = []string{"--dtype", "float32"}
		}
		for i := range 2 {
			text := "evaluate: {benchmarks: [arith], levels: [1], languages: [en], limit: 1, samples: 1, " +
				"template: plain, max_tokens: 2}\nmodels:\n- {name: base, model: " + bfloat16Model + "}\n"
			if i > 0 {
				text += "- {name: again, model: " + copied + "}\n"
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"study", file, "--out", filepath.Join(root, name), "--backend", "go"}, more...)
			_, said, err := stele(t, args...)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, said)
			}
			if stays := strings.Contains(said, "was begun with --dtype float32"); stays != (name == "older" && i > 0) {
				t.Errorf("%s: it said %q", name, said)
			}
			more = nil
		}
		for _, run := range []string{"base", "again"} {
			m, err := eval.ReadManifest(filepath.Join(root, name, "eval", run))
			if err != nil || m == nil || m.DType != want {
				t.Errorf("%s: %s is %+v: %v", name, run, m, err)
			}
		}
	}
}

// TestTrainingDType: training is in float32 unless --dtype says otherwise, whatever the model's own is.
func TestTrainingDType(t *testing.T) {
	c, err := checkpoint.LoadConfig(bfloat16Model)
	if err != nil {
		t.Fatal(err)
	}
	for want, more := range map[string][]string{
		"float32": nil, "bfloat16": {"--dtype", "auto"},
	} {
		out, said, err := stele(t, append([]string{"train", "--dry-run", "--json", "--backend", "go", "--set",
			"model=" + bfloat16Model, "--set", "data={bench: arith, levels: [1], template: plain}", "--set",
			"rollout={questions: 1, group_size: 2, max_tokens: 4}"}, more...)...)
		var plan struct {
			Memory struct {
				Weights int64 `json:"weights"`
			} `json:"memory"`
		}
		if err == nil {
			err = json.Unmarshal([]byte(out), &plan)
		}
		if err != nil {
			t.Fatalf("%v: %s%s", err, said, out)
		}
		size := map[string]int64{"float32": 4, "bfloat16": 2}[want]
		if got := plan.Memory.Weights; got != size*c.NumParameters() {
			t.Errorf("%v: weights of %d bytes, expected %d of %d", more, got, size, c.NumParameters())
		}
	}
}
