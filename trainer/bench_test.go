package trainer

import (
	"context"
	"testing"

	"github.com/stele-lm/stele/engine"
)

// TestBenchStep: every part of a step is timed, of weights and of an adapter, a checkpoint among them.
func TestBenchStep(t *testing.T) {
	for _, rank := range []int{0, 2} {
		e, err := engine.Load("builtin:nano", engine.Options{Backend: "go", MaxBatch: 4})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		parts, err := BenchStep(context.Background(), e, BenchOptions{Repeat: 1, Rank: rank, Save: true,
			Size: BenchSize{Prompts: 2, Group: 2, Prompt: 4, Completion: 6}})
		if err != nil {
			t.Fatalf("rank %d: %v", rank, err)
		}
		names := map[string]bool{}
		for _, p := range parts {
			names[p.Name] = p.Mean > 0
			if counted := p.Name == "update" || p.Name == "score"; counted != (p.FLOPs > 0) {
				t.Errorf("rank %d: %s has %g operations", rank, p.Name, p.FLOPs)
			}
		}
		for _, name := range []string{"rollout", "score", "update", "step", "save"} {
			if !names[name] {
				t.Errorf("rank %d: %s was not timed: %+v", rank, name, parts)
			}
		}
	}
}
