package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSamplingFlags: what changes the logits reaches the engine, the likeliest tokens the output, and what makes no
// sense is wrong usage.
func TestSamplingFlags(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.jsonl")
	if _, _, err := stele(t, "generate", "-m", "builtin:nano", "--backend", "go", "-p", "What is 3 + 4?", "--out", out,
		"--temperature", "0", "--max-tokens", "6", "--min-tokens", "6", "--logit-bias", "500=1000",
		"--logit-bias", "501=999", "--presence-penalty", "900", "--top-logprobs", "2"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var done struct {
		Tokens   []int32          `json:"token_ids"`
		LogProbs []float32        `json:"logprobs"`
		Top      [][]*likelyToken `json:"top_logprobs"`
	}
	if err := json.Unmarshal(data, &done); err != nil {
		t.Fatal(err)
	}
	// Once drawn, each of the two has 900 less: they come first, and again when nothing else has gained by it.
	if len(done.Tokens) != 6 || done.Tokens[0] != 500 || done.Tokens[1] != 501 {
		t.Errorf("tokens %v, want 500, 501 and four more", done.Tokens)
	}
	for i, top := range done.Top {
		if len(top) != 2 || top[0].LogProb < top[1].LogProb || top[0].LogProb < done.LogProbs[i] {
			t.Errorf("token %d of log-probability %g beside %+v", i, done.LogProbs[i], top)
		}
	}
	for flags, want := range map[string]string{
		"--logit-bias 5":                        "--logit-bias",
		"--logit-bias x=1":                      "--logit-bias",
		"--logit-bias 5=nan":                    "logit bias of token 5",
		"--logit-bias 5=1 --logit-bias 5=2":     "twice",
		"--logit-bias 99999999=1":               "vocabulary",
		"--repetition-penalty 0":                "--repetition-penalty",
		"--presence-penalty nan":                "presence penalty",
		"--min-tokens 9 --max-tokens 8":         "--min-tokens",
		"--min-tokens -1":                       "min tokens",
		"--top-logprobs -1":                     "--top-logprobs",
		"--max-tokens 0":                        "--max-tokens",
		"--stop= ":                              "--stop",
		"--top-p 0":                             "top-p",
		"--top-logprobs 9999999 --max-tokens 1": "likeliest",
	} {
		args := append([]string{"generate", "-m", "builtin:nano", "--backend", "go", "-p", "x"},
			strings.Split(strings.TrimSuffix(flags, " "), " ")...)
		if _, _, err := stele(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", flags, err, want)
		}
	}
}

// TestChat: lines are messages of one conversation, which /reset forgets and /again answers anew; what is piped in is
// answered without prompts.
func TestChat(t *testing.T) {
	talk := func(in string, flags ...string) (out, said string) {
		t.Helper()
		var stdout, stderr strings.Builder
		root := newRootCommand()
		root.SetArgs(append([]string{"chat", "-m", "builtin:tiny", "--backend", "go", "--max-tokens", "12"}, flags...))
		root.SetIn(strings.NewReader(in))
		root.SetOut(&stdout)
		root.SetErr(&stderr)
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		return stdout.String(), stderr.String()
	}
	greedy := []string{"--temperature", "0"}
	both, _ := talk("What is 3 + 4?\nAnd 2 + 2?\n", greedy...)
	first, _ := talk("What is 3 + 4?", greedy...)
	second, _ := talk("And 2 + 2?\r\n", greedy...)
	if first == "" || !strings.HasPrefix(both, first) {
		t.Errorf("the first answer is %q alone and %q before another", first, both)
	}
	if out, _ := talk("What is 3 + 4?\n/reset\nAnd 2 + 2?\n/exit\nmore\n", greedy...); out != first+second {
		t.Errorf("after /reset %q, want %q", out, first+second)
	}
	if out, _ := talk("What is 3 + 4?\n/again\n", greedy...); out != first+first {
		t.Errorf("again %q, want %q twice", out, first)
	}
	if _, said := talk("/agian\n"); !strings.Contains(said, "/again") {
		t.Errorf("a command that is not there: %q", said)
	}
	for _, args := range [][]string{
		{"chat", "-m", "builtin:tiny", "--template-arg", "x"},
		{"chat", "-m", "builtin:tiny", "--max-tokens", "0"},
	} {
		if _, _, err := stele(t, args...); err == nil {
			t.Errorf("%v is not refused", args)
		}
	}
}
