package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStudyPlanPage: the page says what to get with one command, how much room that needs, and which jobs
// nothing is known of; a study of given results says that nothing is needed.
func TestStudyPlanPage(t *testing.T) {
	root := t.TempDir()
	t.Setenv("HF_HUB_CACHE", root)
	t.Chdir("../..") // as the examples name their files
	page := func(file string, more ...string) string {
		code, out, said := studyRun(t, append([]string{file, "--out", filepath.Join(root, "out")}, more...)...)
		if code != 0 {
			t.Fatal(said)
		}
		return out
	}
	out := page("examples/studies/interventional.yaml", "--dry-run")
	for _, want := range []string{
		"model Qwen/Qwen2.5-1.5B-Instruct, at least 2.79 GiB\n",
		"  stele pull Qwen/Qwen2.5-7B Qwen/Qwen2.5-7B-Instruct Qwen/Qwen2.5-Math-7B \\\n" +
			"     meta-llama/Llama-3.1-8B-Instruct Qwen/Qwen2.5-1.5B-Instruct aime24 aime25 gpqa_diamond\n",
		"(1,000 problems of MATH's training split, levels 1 to 5 in rising order, and their translations: " +
			"examples/studies/benchmarks.yaml describes it)",
		// 100 steps × 128 questions × 16 rollouts × 4096 tokens, 5 arms
		"tokens  4.194 billion at most, and those of 10 jobs whose data or models are not here\n",
		"weights of meta-llama/Llama-3.1-8B-Instruct need 14.9 GiB in bfloat16", "at least 56.8 GiB to fetch",
	} {
		if strings.Count(out, want) != 1 {
			t.Errorf("%q is not there once in\n%s", want, out)
		}
	}
	out = page("examples/studies/tiny.yaml", "--dry-run", "--tokens-per-second", "1000")
	if !strings.Contains(out, "time    51 min at most, one job after the other (1000 tokens a second as given)") ||
		strings.Count(out, "have no effect: algorithm is sft\n") != 1 {
		t.Errorf("%s", out)
	}
	out = page("examples/studies/printed.yaml", "--dry-run")
	if !strings.Contains(out, "Only the report is made: no device, no model and no data are needed.") ||
		!strings.Contains(out, "printed-accuracies.yaml (math500; en es ru de fr bn th sw zh ja te): GRPO-en, ") {
		t.Errorf("%s", out)
	}
	out = page("examples/studies/printed.yaml", "--jobs")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 34 ||
		!slices.Equal(strings.Fields(lines[0]), []string{"0", "report", "ready"}) ||
		!slices.Equal(strings.Fields(lines[1]), []string{"-", "Qwen2.5-1.5B", "given", "printed-accuracies.yaml"}) {
		t.Errorf("%s", out)
	}
}

// TestBytesByName: a model's name may say how many parameters it has.
func TestBytesByName(t *testing.T) {
	for id, want := range map[string]int64{
		"Qwen/Qwen2.5-1.5B-Instruct": 3e9, "hkust-nlp/Qwen-2.5-14B-SimpleRL-Zoo": 28e9, "simplescaling/s1.1-7B": 14e9,
		"HuggingFaceTB/SmolLM2-135M": 0, "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": 14e9, "org/7b": 14e9,
		"openai-community/gpt2": 0, "org/abc-7Bx": 0,
	} {
		if got := bytesByName(id); got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
	}
}
