package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnsampled: of a generation_config.json a note names each setting by which others would sample, and those alone.
func TestUnsampled(t *testing.T) {
	for text, want := range map[string]string{
		`{"eos_token_id": [1, 2], "do_sample": true}`:                                                                  "",
		`{"temperature": 1.0, "top_p": 1, "top_k": 0, "repetition_penalty": 1.00, "min_p": null, "bad_words_ids": []}`: "",
		`{"top_k": 20, "temperature": 0.7, "repetition_penalty": 1.05}`:                                                "temperature 0.7, top_k 20, repetition_penalty 1.05",
		`{"suppress_tokens": [5], "no_repeat_ngram_size": 3, "max_new_tokens": 2048}`: "no_repeat_ngram_size 3, " +
			"suppress_tokens [5], max_new_tokens 2048",
		`{"token_healing": false, "watermarking_config": null, "dola_layers": null}`: "",
		`{"token_healing": true, "watermarking_config": {"bias": 2}}`:                `watermarking_config {"bias":2}, token_healing true`,
	} {
		if got, err := unsampled([]byte(text)); err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	dir := filepath.Join("..", "..", "testdata", "models", "tiny-qwen2")
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	const want = "temperature 0.7, top_p 0.8, top_k 20, repetition_penalty 1.05"
	if got := strings.Join(c.Unsampled, ", "); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
