package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/stele-lm/stele/eval/bench"
)

// complete returns what a shell is offered after words, the last of which may be a beginning.
func complete(t *testing.T, words ...string) []string {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	root.SetArgs(append([]string{"__complete"}, words...))
	if err := root.Execute(); err != nil {
		t.Fatalf("%v: %v", words, err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var offered []string
	for _, line := range lines[:len(lines)-1] { // the last is :N, what else the shell may offer
		value, _, _ := strings.Cut(line, "\t")
		offered = append(offered, value)
	}
	return offered
}

func TestCompletion(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	for _, name := range []string{"models--tested--first-7B", "models--tested--second", "datasets--tested--no-model",
		"models--no-owner", "version.txt"} {
		if err := os.Mkdir(filepath.Join(cache, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		words []string
		want  []string
	}{
		{[]string{"eval", "--backend", "x"}, []string{"xla:cpu", "xla:cuda"}},
		{[]string{"generate", "--dtype", "b"}, []string{"bfloat16"}},
		{[]string{"convert", "--dtype", "q"}, []string{"q8_0"}},
		{[]string{"generate", "--kernels", ""}, []string{"auto", "host", "graph"}},
		{[]string{"generate", "-m", "builtin:t"}, []string{"builtin:tiny"}},
		{[]string{"grade", "--grader", "st"}, []string{"strict"}},
		{[]string{"eval", "--bench", "mgs"}, []string{"mgsm"}},
		{[]string{"eval", "--bench", "mgsm,ari"}, []string{"mgsm,arith"}},
		{[]string{"eval", "--lang", "en,stu"}, []string{"en,study"}},
		{[]string{"eval", "--lang-candidates", "a"}, []string{"all", "ar", "af", "as", "am", "az"}},
		{[]string{"eval", "--preset", "paper"}, []string{"paper", "paper-32b"}},
		{[]string{"eval", "--template", "auto"}, []string{"auto"}},
		{[]string{"bench", "--output", "json"}, []string{"json", "jsonl"}},
		{[]string{"pull", "--type", "d"}, []string{"dataset"}},
		{[]string{"pull", "mgs"}, []string{"mgsm"}},
		{[]string{"train", "--set", "preset=d"}, []string{"preset=dapo", "preset=dr-grpo"}},
		{[]string{"train", "--set", "optimizer.l"}, []string{"optimizer.lr="}},
		{[]string{"train", "--logger", "m"}, []string{"mlflow"}},
		{[]string{"compare", "--languages", "en,s"}, []string{"en,study", "en,sw"}},
		{[]string{"generate", "-m", "tested/"}, []string{"tested/first-7B", "tested/second"}},
		{[]string{"completion", ""}, []string{"bash", "fish", "powershell", "zsh"}},
	} {
		got := complete(t, c.words...)
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%q: offered %q, expected %q among them", c.words, got, want)
			}
		}
		last := c.words[len(c.words)-1]
		for _, value := range got {
			if !strings.HasPrefix(value, last) {
				t.Errorf("%q: offered %q, which does not go on from it", c.words, value)
			}
		}
	}
	if got := complete(t, "eval", "--bench", ""); !slices.Equal(got, bench.Names()) {
		t.Errorf("benchmarks offered: %q, expected %q", got, bench.Names())
	}
}

// Each shell's script is made and names the program.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		root := newRootCommand()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetArgs([]string{"completion", shell})
		if err := root.Execute(); err != nil {
			t.Errorf("%s: %v", shell, err)
		}
		if !strings.Contains(out.String(), "__complete") {
			t.Errorf("%s: the script asks nothing of stele:\n%.300s", shell, out.String())
		}
		if _, err := exec.LookPath(shell); err == nil && shell != "powershell" { // it reads and does not run it
			read := exec.Command(shell, "-n")
			read.Stdin = &out
			if said, err := read.CombinedOutput(); err != nil || len(said) > 0 {
				t.Errorf("%s does not take the script: %v, %s", shell, err, said)
			}
		}
	}
	root := newRootCommand()
	root.SetArgs([]string{"completion", "bsh"})
	want := `unknown shell "bsh": expected bash, fish, powershell, zsh, did you mean "bash"?`
	if err := root.Execute(); err == nil || err.Error() != want {
		t.Errorf("an unknown shell: %v, expected %s", err, want)
	}
}

// Every flag that takes one of a few values, as its description has them, offers them.
func TestEveryChoiceIsOffered(t *testing.T) {
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	choice := regexp.MustCompile(`(?:^|[:(] ?)([a-z0-9_]+(?:, [a-z0-9_]+)*,? or [a-z0-9_]+)(?:\)|$)`)
	seen := 0
	for _, c := range shown(newRootCommand()) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			m := choice.FindStringSubmatch(f.Usage)
			if m == nil || f.Value.Type() == "bool" {
				return
			}
			seen++
			offered := complete(t, append(strings.Fields(c.CommandPath())[1:], "--"+f.Name, "")...)
			for _, value := range regexp.MustCompile(`,? or |, `).Split(m[1], -1) {
				if !slices.Contains(offered, value) {
					t.Errorf("%s --%s: %q is not offered, only %q", c.CommandPath(), f.Name, value, offered)
				}
			}
		})
	}
	if seen < 5 {
		t.Errorf("only %d flags with a choice were seen", seen)
	}
}
