package langid

import (
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/language"
)

// TestFurtherPrompts: the words that the program asks with in each language beside the study's are told to be
// in it, and a reasoning in English is off target.
func TestFurtherPrompts(t *testing.T) {
	d := New()
	for _, code := range language.Further() {
		p := language.Builtin().Exact(code).Prompts
		prefix := p.Prefix
		if code == "ms" {
			prefix = "" // too short to be told from Indonesian
		}
		for _, text := range []string{prefix, strings.ReplaceAll(p.Instruction, `\boxed{}`, ""), p.Prefix + " " +
			p.Instruction} {
			if off, lang := d.OffTarget(text, code); off && text != "" {
				t.Errorf("%s: %q is %s", code, text, lang)
			}
		}
		if off, lang := d.OffTarget("First we add the two numbers, so that there are twelve of them.", code); !off {
			t.Errorf("%s: English is on target, %s", code, lang)
		}
	}
}
