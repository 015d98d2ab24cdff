package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocument: docs/cluster.md quotes what the command prints.
func TestDocument(t *testing.T) {
	var printed strings.Builder
	if err := tables(&printed); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "cluster.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), printed.String()) {
		t.Errorf("docs/cluster.md has other tables than go run ./examples/steptime, which are\n%s", printed.String())
	}
}

// TestFit: the time of a decode step comes to what was measured, and that of one sequence on one GPU is the sum of its
// steps.
func TestFit(t *testing.T) {
	half := model{"measured", measured.weights, 0, 2}
	for n, speed := range measured.decode {
		if got := float64(n) / half.decode(n, 0); math.Abs(got/speed-1) > 0.1 {
			t.Errorf("%d sequences: %.0f tokens a second, measured %.0f", n, got, speed)
		}
	}
	w := work{questions: 1, samples: 1, prompt: 100, median: 50, longest: 50}
	got := half.rollouts(w, 1, []int{50})
	want := 100/measured.prefill + 50*half.decode(1, 0)
	if math.Abs(got/want-1) > 1e-9 {
		t.Errorf("one sequence takes %g s, want %g", got, want)
	}
}

// TestBounds: a step is never faster than its longest completion, nor than all GPUs could do its decoding at the speed
// of a full batch; more GPUs are never slower, but for the sum.
func TestBounds(t *testing.T) {
	w := work{questions: 40, samples: 8, prompt: 200, median: 300, longest: 2000}
	lengths, tokens := w.lengths(1), 0
	for _, n := range lengths {
		tokens += n
	}
	before := math.Inf(1)
	for _, gpus := range []int{1, 2, 5, 40, 300} {
		s := qwen7B.of(w, gpus, true)
		least := float64(tokens) / float64(gpus) * qwen7B.decode(64+7, 0) / (64 + 7)
		if s.rollout < s.longest*0.99 || s.rollout < least {
			t.Errorf("%d GPUs: %g s, and the longest takes %g, all together at least %g", gpus, s.rollout, s.longest,
				least)
		}
		if now := s.rollout + s.gradient + s.update; now > before {
			t.Errorf("%d GPUs: %g s, fewer took %g", gpus, now, before)
		} else {
			before = now
		}
	}
	if ring(1e9, 1) != 0 || ring(1e9, 8) > ring(1e9, 16) || ring(1e9, 2) < 1e9/assumed.within {
		t.Error("the time of a sum")
	}
}
