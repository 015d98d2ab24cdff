package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint/gguf"
)

// tinyGGUF writes a Llama of one layer and a few tokens, after a change of its fields and tensors, and returns
// its path.
func tinyGGUF(t *testing.T, change func(fields map[string]any, shapes map[string][]int)) string {
	t.Helper()
	fields := map[string]any{
		"general.architecture": "llama", "llama.embedding_length": uint32(8), "llama.block_count": uint32(1),
		"llama.feed_forward_length": uint32(12), "llama.attention.head_count": uint32(2),
		"llama.context_length": uint32(32), "llama.attention.layer_norm_rms_epsilon": float32(1e-5),
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.merges": []string{"a b"},
		"tokenizer.ggml.tokens": []string{"a", "b", "ab", "<|end|>"}, "tokenizer.ggml.token_type": []int32{1, 1, 1, 3},
		"tokenizer.ggml.eos_token_id": uint32(3),
	}
	shapes := map[string][]int{
		"token_embd.weight": {4, 8}, "output_norm.weight": {8}, "blk.0.attn_norm.weight": {8},
		"blk.0.ffn_norm.weight": {8}, "blk.0.attn_q.weight": {8, 8}, "blk.0.attn_k.weight": {8, 8},
		"blk.0.attn_v.weight": {8, 8}, "blk.0.attn_output.weight": {8, 8}, "blk.0.ffn_gate.weight": {12, 8},
		"blk.0.ffn_up.weight": {12, 8}, "blk.0.ffn_down.weight": {8, 12},
	}
	change(fields, shapes)
	var list gguf.Fields
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		list = append(list, gguf.Field{Key: key, Value: fields[key]})
	}
	var outputs []gguf.Output
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		outputs = append(outputs, gguf.Output{Name: name, Shape: shapes[name], Row: func(dst []float32, row int) error {
			for i := range dst {
				dst[i] = float32(row*len(dst) + i)
			}
			return nil
		}})
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := gguf.Write(path, list, outputs); err != nil {
		t.Fatal(err)
	}
	return path
}

// openWhole reads everything of a model's file that a command does.
func openWhole(path string) error {
	f, err := Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = Files(path)
	return err
}

// TestGGUFRefused: what a file asks for and is not there is named, with the file, in one line.
func TestGGUFRefused(t *testing.T) {
	type fields = map[string]any
	type shapes = map[string][]int
	tokens := func(list ...string) func(fields, shapes) {
		return func(f fields, _ shapes) { f["tokenizer.ggml.tokens"] = list }
	}
	for name, c := range map[string]struct {
		change func(f fields, s shapes)
		want   string // "" for a file that is read
	}{
		"as it is":       {func(fields, shapes) {}, ""},
		"family":         {func(f fields, _ shapes) { f["general.architecture"] = "gemma3" }, `"gemma3" is not supported`},
		"adapter":        {func(f fields, _ shapes) { f["general.type"] = "adapter" }, `general.type is "adapter"`},
		"parts":          {func(f fields, _ shapes) { f["split.count"] = uint32(3) }, "one of 3 parts"},
		"no layers":      {func(f fields, _ shapes) { delete(f, "llama.block_count") }, "no llama.block_count"},
		"text":           {func(f fields, _ shapes) { f["llama.block_count"] = "1" }, "expected a whole number"},
		"no heads":       {func(f fields, _ shapes) { f["llama.attention.head_count"] = uint32(0) }, "is 0"},
		"layers differ":  {func(f fields, _ shapes) { f["llama.feed_forward_length"] = []int32{8, 12} }, "all layers"},
		"layers alike":   {func(f fields, _ shapes) { f["llama.feed_forward_length"] = []int32{12, 12} }, ""},
		"huge":           {func(f fields, _ shapes) { f["llama.block_count"] = uint32(1 << 31) }, "num_hidden_layers"},
		"experts":        {func(f fields, _ shapes) { f["llama.expert_count"] = uint32(8) }, "llama.expert_count is 8"},
		"no experts":     {func(f fields, _ shapes) { f["llama.expert_count"] = uint32(0) }, ""},
		"scaled logits":  {func(f fields, _ shapes) { f["llama.logit_scale"] = float32(0.5) }, "logit_scale is 0.5"},
		"not scaled":     {func(f fields, _ shapes) { f["llama.logit_scale"] = float32(1) }, ""},
		"part of a head": {func(f fields, _ shapes) { f["llama.rope.dimension_count"] = uint32(2) }, "count is 2"},
		"values":         {func(f fields, _ shapes) { f["llama.attention.value_length"] = uint32(2) }, "length is 2"},
		"longrope":       {func(f fields, _ shapes) { f["llama.rope.scaling.type"] = "longrope" }, "longrope"},
		"linear": {func(f fields, _ shapes) {
			f["llama.rope.scaling.type"], f["llama.rope.scaling.factor"] = "linear", float32(2)
		}, ""},
		"table":     {func(_ fields, s shapes) { s["rope_freqs.weight"] = []int{2} }, "rope_freqs.weight"},
		"no table":  {func(_ fields, s shapes) { delete(s, "token_embd.weight") }, "token_embd.weight"},
		"no matrix": {func(_ fields, s shapes) { delete(s, "blk.0.ffn_up.weight") }, "mlp.up_proj.weight"},
		"shape":     {func(_ fields, s shapes) { s["blk.0.ffn_up.weight"] = []int{8, 12} }, "expected [12 8]"},
		"halves":    {func(_ fields, s shapes) { s["blk.0.attn_q.weight"] = []int{6, 8} }, "heads of 4"},
		"stranger":  {func(_ fields, s shapes) { s["blk.0.ffn_gate_inp.weight"] = []int{8} }, "ffn_gate_inp"},
		"layer":     {func(_ fields, s shapes) { s["blk.1.ffn_up.weight"] = []int{12, 8} }, "num_hidden_layers is 1"},
		"bias":      {func(_ fields, s shapes) { s["blk.0.attn_q.bias"] = []int{8} }, "k_proj.bias"},
		"norms":     {func(_ fields, s shapes) { s["blk.0.attn_q_norm.weight"] = []int{4} }, "q_norm"},

		"no tokenizer":  {func(f fields, _ shapes) { delete(f, "tokenizer.ggml.model") }, "no tokenizer"},
		"SentencePiece": {func(f fields, _ shapes) { f["tokenizer.ggml.model"] = "llama" }, "SentencePiece"},
		"unigrams":      {func(f fields, _ shapes) { f["tokenizer.ggml.model"] = "t5" }, `"t5" is not supported`},
		"unknown":       {func(f fields, _ shapes) { f["tokenizer.ggml.pre"] = "kimi-k2" }, `"kimi-k2" is not supported`},
		"unnamed":       {func(f fields, _ shapes) { delete(f, "tokenizer.ggml.pre") }, "does not say how"},
		"no tokens":     {func(f fields, _ shapes) { f["tokenizer.ggml.tokens"] = "abc" }, "tokenizer.ggml.tokens"},
		"twice":         {tokens("a", "b", "ab", "a"), "0 and 3"},
		"no UTF-8":      {tokens("a", "b", "ab", "\xff"), "UTF-8"},
		"few types":     {func(f fields, _ shapes) { f["tokenizer.ggml.token_type"] = []int32{1} }, "token_type"},
		"end":           {func(f fields, _ shapes) { f["tokenizer.ggml.eos_token_id"] = uint32(4) }, "below 4"},
		"merge":         {func(f fields, _ shapes) { f["tokenizer.ggml.merges"] = []string{"b a"} }, `"ba" is no token`},
		"no pair":       {func(f fields, _ shapes) { f["tokenizer.ggml.merges"] = []string{"ab"} }, "no pair"},
		"no beginning":  {func(f fields, _ shapes) { f["tokenizer.ggml.add_bos_token"] = true }, "does not say which"},
		"flag":          {func(f fields, _ shapes) { f["tokenizer.ggml.add_bos_token"] = "yes" }, "true or false"},
		"template":      {func(f fields, _ shapes) { f["tokenizer.chat_template"] = true }, "expected a text"},
	} {
		path := tinyGGUF(t, c.change)
		err := openWhole(path)
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) ||
			strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestGGUFNotes: fields that are not read are said.
func TestGGUFNotes(t *testing.T) {
	f, err := Open(tinyGGUF(t, func(f map[string]any, _ map[string][]int) { f["llama.unheard_of"] = uint32(3) }))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "not read: llama.unheard_of") {
		t.Errorf("%q", f.Notes)
	}
}

// TestGGUFType: a type that is not decoded is named.
func TestGGUFType(t *testing.T) {
	path := tinyGGUF(t, func(map[string]any, map[string][]int) {})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The type stands after the number of dimensions and two of them; I32 has the size of F32.
	name := []byte("blk.0.ffn_up.weight")
	binary.LittleEndian.PutUint32(data[bytes.Index(data, name)+len(name)+4+16:], 26)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	err = openWhole(path)
	if err == nil || !strings.Contains(err.Error(), "tensor blk.0.ffn_up.weight: I32 is not supported") {
		t.Error(err)
	}
}

// TestGGUFOrder: the rows of queries and keys, and of no others, are put back, whether one row or all are asked for.
func TestGGUFOrder(t *testing.T) {
	f, err := Open(tinyGGUF(t, func(map[string]any, map[string][]int) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string][]int{
		"q": {0, 2, 1, 3, 4, 6, 5, 7}, "k": {0, 2, 1, 3, 4, 6, 5, 7}, "v": {0, 1, 2, 3, 4, 5, 6, 7},
	} {
		tensor, err := f.Tensor("model.layers.0.self_attn." + name + "_proj.weight")
		if err != nil {
			t.Fatal(err)
		}
		all, row := make([]float32, 64), make([]float32, 8)
		tensor.Float32s(all)
		for i, from := range want {
			tensor.Row(row, i)
			if row[0] != float32(8*from) || all[8*i] != row[0] || all[8*i+7] != row[7] {
				t.Errorf("row %d of %s begins with %g, and %g among all, want %d", i, name, row[0], all[8*i], 8*from)
			}
		}
	}
}

// TestGGUFParts: a model in several files is one, by the name of the first or of their folder.
func TestGGUFParts(t *testing.T) {
	type fields = map[string]any
	type shapes = map[string][]int
	folder := filepath.Join(t.TempDir(), "parts")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	name := func(part string) string { return filepath.Join(folder, "m-"+part+"-of-00002.gguf") }
	write := func(path string, change func(fields, shapes)) {
		if err := os.Rename(tinyGGUF(t, change), path); err != nil {
			t.Fatal(err)
		}
	}
	first := func(f fields, s shapes) {
		f["split.count"], f["split.no"], f["split.tensors.count"] = uint32(2), uint32(0), uint32(len(s))
		delete(s, "blk.0.ffn_down.weight")
		delete(s, "token_embd.weight")
	}
	second := func(no uint32, more ...string) func(fields, shapes) {
		return func(f fields, s shapes) {
			clear(f)
			f["split.count"], f["split.no"] = uint32(2), no
			maps.DeleteFunc(s, func(name string, _ []int) bool {
				return name != "blk.0.ffn_down.weight" && name != "token_embd.weight" && !slices.Contains(more, name)
			})
		}
	}
	write(name("00001"), first)
	if err := openWhole(name("00001")); err == nil || !strings.Contains(err.Error(), "is missing: fetch the rest") {
		t.Error(err)
	}
	for _, c := range []struct {
		change func(fields, shapes)
		want   string
	}{
		{second(2), "split.no is 2"}, {second(1, "output_norm.weight"), "in another part"}, {second(1), ""},
	} {
		write(name("00002"), c.change)
		err := openWhole(name("00001"))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if err := openWhole(name("00002")); err == nil || !strings.Contains(err.Error(), "name the first") {
		t.Error(err)
	}
	for _, model := range []string{folder, name("00001")} {
		if got, err := Resolve(model); err != nil || got != name("00001") {
			t.Errorf("%s is %s, %v", model, got, err)
		}
	}
}

// TestGGUFSpecial: tokens that begin and end sequences are special where the file has no types.
func TestGGUFSpecial(t *testing.T) {
	files, err := Files(tinyGGUF(t, func(f map[string]any, s map[string][]int) {
		s["token_embd.weight"] = []int{5, 8}
		delete(f, "tokenizer.ggml.token_type")
		f["tokenizer.ggml.tokens"] = []string{"a", "b", "ab", "<s>", "<|im_end|>"}
		f["tokenizer.ggml.bos_token_id"], f["tokenizer.ggml.eos_token_id"] = uint32(3), uint32(3)
	}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(files, "tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	var tokenizer struct {
		Added []struct {
			Content string `json:"content"`
			Special bool   `json:"special"`
		} `json:"added_tokens"`
	}
	if err := json.Unmarshal(text, &tokenizer); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(tokenizer.Added) != "[{<s> true} {<|im_end|> true}]" {
		t.Errorf("%v", tokenizer.Added)
	}
}
