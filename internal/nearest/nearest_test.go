package nearest

import "testing"

func TestOf(t *testing.T) {
	for _, c := range []struct {
		given string
		names []string
		want  string
	}{
		{"evla", []string{"train", "eval", "score"}, "eval"},
		{"generat", []string{"generate", "grade"}, "generate"},
		{"answr", []string{"prompt", "answer"}, "answer"},
		{"ground-truth", []string{"style", "ground_truth"}, "ground_truth"},
		{"Answer", []string{"answer"}, "answer"},
		{"math50", []string{"mgsm", "math500"}, "math500"},
		{"bf16", []string{"float32", "bfloat16", "int8"}, "bfloat16"},
		{"f32", []string{"float32", "bfloat16", "int8"}, "float32"},
		{"cuda", []string{"auto", "xla:cpu", "xla:cuda"}, "xla:cuda"},
		{"benchmark", []string{"bench", "batch", "seed"}, "bench"},
		{"nonsense", []string{"auto", "chat"}, ""},
		{"x", []string{"y"}, ""},
		{"", []string{"y"}, ""},
		{"eval", nil, ""},
	} {
		if got := Of(c.given, c.names); got != c.want {
			t.Errorf("%q of %v: %q, want %q", c.given, c.names, got, c.want)
		}
	}
}

// TestList: names as a sentence has them.
func TestList(t *testing.T) {
	for want, names := range map[string][]string{
		"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"},
	} {
		if got := List(names); got != want {
			t.Errorf("%q: %q, want %q", names, got, want)
		}
	}
}
