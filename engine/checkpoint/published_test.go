package checkpoint

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// TestPublished: what published models have in config.json (the paper's 13 reasoning models, Qwen3's dense ones and
// one or more of each family) is taken without a remark, and the parameters are as many as their weights have.
func TestPublished(t *testing.T) {
	f, err := os.Open("../../testdata/configs.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	families, models := map[string]bool{}, 0
	for lines := bufio.NewScanner(f); lines.Scan(); models++ {
		var published struct {
			Name       string
			Parameters int64
			Config     json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &published); err != nil {
			t.Fatal(err)
		}
		c, err := parseConfig(published.Config)
		if err != nil {
			t.Errorf("%s: %v", published.Name, err)
			continue
		}
		families[c.Architecture.Type] = true
		if n := c.NumParameters(); n != published.Parameters || len(c.notes) > 0 {
			t.Errorf("%s: %d parameters, want %d; notes %q", published.Name, n, published.Parameters, c.notes)
		}
		// Written anew it is the same model.
		anew := *c
		anew.Raw = nil
		text, err := anew.file(c.DType)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseConfig(text)
		if err != nil || again.Rope != c.Rope || again.TieEmbeddings != c.TieEmbeddings ||
			!slices.Equal(again.EOS, c.EOS) || again.HeadDim != c.HeadDim || len(again.notes) > 0 {
			t.Errorf("%s: written anew it is %s: %v", published.Name, text, err)
		}
	}
	if models < 32 || len(families) < 8 {
		t.Errorf("%d models of %d families", models, len(families))
	}
}
