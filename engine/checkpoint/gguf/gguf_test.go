package gguf

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const testdata = "../../../testdata/gguf"

// golden has what the gguf package made of testdata: see third_party/gguf-goldens.py.
type golden struct {
	Types map[string]struct {
		SHA256 string    `json:"sha256"`
		First  []float32 `json:"first"`
	} `json:"types"`
	Q8_0 string `json:"q8_0"`
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, "golden.json"))
	if err == nil {
		err = json.Unmarshal(data, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func open(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestDecode: values of every type are bit for bit those of the gguf package.
func TestDecode(t *testing.T) {
	f, want := open(t, "types.gguf"), readGolden(t)
	if len(want.Types) != len(decodable()) {
		t.Errorf("%d types are checked, %d decoded", len(want.Types), len(decodable()))
	}
	for name, w := range want.Types {
		tensor, ok := f.Tensor(name)
		if !ok || tensor.Type.String() != name {
			t.Errorf("%s: there is %v of type %s", name, ok, tensor.Type)
			continue
		}
		values := make([]float32, 3*512)
		tensor.Type.Decode(values, tensor.Data)
		if !slices.Equal(values[:len(w.First)], w.First) {
			t.Errorf("%s begins with %v, want %v", name, values[:len(w.First)], w.First)
		}
		if got := hash(floatBytes(values)); got != w.SHA256 {
			t.Errorf("%s: the values' hash is %s, want %s", name, got, w.SHA256)
		}
		row := make([]float32, 512)
		size := tensor.Type.RowBytes(512)
		tensor.Type.Decode(row, tensor.Data[size:2*size])
		if !slices.Equal(row, values[512:1024]) {
			t.Errorf("%s: a row by itself is another", name)
		}
	}
}

// TestEncode: codes and scales of Q8_0 are bit for bit those of the gguf package.
func TestEncode(t *testing.T) {
	tensor, ok := open(t, "types.gguf").Tensor("values")
	if !ok {
		t.Fatal("there is no tensor values")
	}
	values := make([]float32, 4*96)
	tensor.Type.Decode(values, tensor.Data)
	coded, err := Q8_0.encode(nil, values)
	if got := hash(coded); err != nil || got != readGolden(t).Q8_0 {
		t.Errorf("the hash is %s, %v", got, err)
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		values[7] = bad
		if _, err := Q8_0.encode(nil, values); err == nil {
			t.Errorf("%g has a code", bad)
		}
	}
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func floatBytes(values []float32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// TestRows: one order undoes the other, and is llama.cpp's: the halves of a head in turn.
func TestRows(t *testing.T) {
	for row := range 3 * 8 {
		if got := RowThere(RowHere(row, 8), 8); got != row {
			t.Errorf("row %d comes back as %d", row, got)
		}
	}
	var order []int
	for row := range 8 {
		order = append(order, RowThere(row, 8))
	}
	if want := []int{0, 4, 1, 5, 2, 6, 3, 7}; !slices.Equal(order, want) {
		t.Errorf("rows are %v, want %v", order, want)
	}
}

// TestNames: every name has one in the other kind of file.
func TestNames(t *testing.T) {
	for theirs, ours := range map[string]string{
		"model.embed_tokens.weight":                       "token_embd.weight",
		"lm_head.weight":                                  "output.weight",
		"model.layers.0.self_attn.q_proj.bias":            "blk.0.attn_q.bias",
		"model.layers.12.post_attention_layernorm.weight": "blk.12.ffn_norm.weight",
		"model.layers.3.self_attn.k_norm.weight":          "blk.3.attn_k_norm.weight",
		"model.layers.1000000.mlp.down_proj.weight":       "blk.1000000.ffn_down.weight",
	} {
		if got, ok := OurName(theirs); !ok || got != ours {
			t.Errorf("%s is %s here", theirs, got)
		}
		if got, ok := TheirName(ours); !ok || got != theirs {
			t.Errorf("%s is %s there", ours, got)
		}
	}
	for _, name := range []string{"blk.1.attn_rot.weight", "blk.01.attn_q.weight", "blk.-1.attn_q.weight",
		"blk..weight", "rope_freqs.weight", "", "model.layers.0.self_attn.q_proj.weight"} {
		if got, ok := TheirName(name); ok {
			t.Errorf("%q is %s there", name, got)
		}
	}
}

// TestLlama3: the numbers of the scaling come back from its table, or others that make the same one.
func TestLlama3(t *testing.T) {
	for _, c := range []struct {
		theta, factor, low, high float64
		original, width, said    int64
	}{
		{500000, 8, 1, 4, 8192, 128, 0}, {500000, 32, 1, 4, 8192, 64, 0}, {10000, 4, 1, 4, 64, 16, 0},
		{500000, 16, 1, 8, 4096, 128, 0}, {500000, 8, 2, 6, 6000, 128, 0}, {10000, 8, 1, 4, 3000, 64, 3000},
		{10000, 8, 1, 4, 5000, 128, 0}, {500000, 1, 1, 4, 8192, 128, 0},
	} {
		table := Tensor{Type: F32, Shape: []int{int(c.width / 2)}, Data: floatBytes(divisorsOf(c.theta, c.factor, c.low,
			c.high, float64(c.original), c.width))}
		s, err := llama3(table, c.theta, c.width, c.said)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		found := map[string]float64{}
		for _, field := range s[1:] {
			switch v := field.Value.(type) {
			case float64:
				found[field.Key] = v
			case int64:
				found[field.Key] = float64(v)
			}
		}
		got := floatBytes(divisorsOf(c.theta, found["factor"], found["low_freq_factor"], found["high_freq_factor"],
			found["original_max_position_embeddings"], c.width))
		want := table.Data
		for i := 0; i < len(want); i += 4 {
			a := math.Float32frombits(binary.LittleEndian.Uint32(got[i:]))
			b := math.Float32frombits(binary.LittleEndian.Uint32(want[i:]))
			if math.Abs(float64(a-b)) > 1e-5*float64(b) {
				t.Errorf("%+v: %v divides by %g at %d, want %g", c, found, a, i/4, b)
			}
		}
	}
	for _, bad := range [][]float32{{1, 2, 1, 3}, {0.5, 1, 1, 1}, {1, 1, 1, float32(math.NaN())}, {1, 1}} {
		table := Tensor{Type: F32, Shape: []int{len(bad)}, Data: floatBytes(bad)}
		if s, err := llama3(table, 10000, 8, 0); err == nil {
			t.Errorf("%v is %v", bad, s)
		}
	}
}

// divisorsOf follows generate_extra_tensors of llama.cpp's converter.
func divisorsOf(theta, factor, low, high, original float64, width int64) (out []float32) {
	for i := range width / 2 {
		length := 2 * math.Pi * math.Pow(theta, float64(2*i)/float64(width))
		switch {
		case length < original/high:
			out = append(out, 1)
		case length > original/low:
			out = append(out, float32(factor))
		default:
			smooth := (original/length - low) / (high - low)
			out = append(out, float32(1/((1-smooth)/factor+smooth)))
		}
	}
	return out
}

// small is a file with a field of each type and two tensors.
func small(t testing.TB) []byte {
	fields := Fields{
		{"general.architecture", "llama"}, {"a.text", "x"}, {"a.flag", true}, {"a.number", uint32(7)},
		{"a.float", float32(1e-5)}, {"a.texts", []string{"one", "", "three"}}, {"a.numbers", []int32{1, -2}},
	}
	path := filepath.Join(t.TempDir(), "small.gguf")
	row := func(dst []float32, row int) error {
		for i := range dst {
			dst[i] = float32(row*len(dst) + i)
		}
		return nil
	}
	err := Write(path, fields, []Output{
		{Name: "matrix", Type: Q8_0, Shape: []int{3, 32}, Row: row},
		{Name: "vector", Type: F32, Shape: []int{5}, Row: row},
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestWrite: what is written is read as it was.
func TestWrite(t *testing.T) {
	f, err := parse(small(t))
	if err != nil {
		t.Fatal(err)
	}
	texts, _ := f.fields["a.texts"].texts()
	numbers, _ := f.fields["a.numbers"].ints()
	number, _ := f.fields["a.float"].float()
	flag, _ := f.fields["a.flag"].bool()
	if f.Text("a.text") != "x" || !slices.Equal(texts, []string{"one", "", "three"}) ||
		!slices.Equal(numbers, []int64{1, -2}) || number != 1e-5 || !flag {
		t.Errorf("fields are %v", f.fields)
	}
	vector, _ := f.Tensor("vector")
	values := make([]float32, 5)
	vector.Type.Decode(values, vector.Data)
	if !slices.Equal(values, []float32{0, 1, 2, 3, 4}) {
		t.Errorf("the vector is %v", values)
	}
}

// TestHostile: what is wrong with a file is said, before anything is allocated by it.
func TestHostile(t *testing.T) {
	whole := small(t)
	set := func(at int, b ...byte) []byte {
		data := slices.Clone(whole)
		copy(data[at:], b)
		return data
	}
	find := func(s string) int { return strings.Index(string(whole), s) }
	huge := []byte{255, 255, 255, 255, 255, 255, 255, 127}
	matrix := find("matrix") + len("matrix") // dimensions, 32, 3, type, offset
	vector := find("vector") + len("vector")
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"magic":          {set(0, 'X'), "not a GGUF file"},
		"version 1":      {set(4, 1), "version 1"},
		"version 9":      {set(4, 9), "version 9"},
		"big endian":     {set(4, 0, 0, 0, 3), "big endian"},
		"tensors":        {set(8, huge...), "truncated"},
		"fields":         {set(16, huge...), "truncated"},
		"a key's length": {set(24, huge...), "truncated"},
		"a text's":       {set(find("a.text")+len("a.text")+4, huge...), "truncated"},
		"a type":         {set(find("a.number")+len("a.number"), 77), "type 77"},
		"an array's":     {set(find("a.texts")+len("a.texts")+8, huge...), "truncated"},
		"nested":         {set(find("a.texts")+len("a.texts")+4, 9), "array of values of type 9"},
		"a text within":  {set(find("a.texts")+len("a.texts")+16, huge...), "truncated"},
		"numbers":        {set(find("a.numbers")+len("a.numbers")+8, huge...), "truncated"},
		"twice":          {set(find("a.flag"), []byte("a.text")...), "twice"},
		"dimensions":     {set(matrix, 200), "200 dimensions"},
		"a dimension":    {set(matrix+4, huge...), "not possible"},
		"zero":           {set(matrix+12, make([]byte, 8)...), "not possible"},
		"blocks":         {set(matrix+4, 33), "no whole blocks"},
		"more rows":      {set(matrix+12, 0, 0, 1), "truncated"},
		"type":           {set(matrix+20, 250), "250, which is unknown"},
		"offset":         {set(vector+16, 0), "overlap"},
		"tensor twice":   {set(vector-len("vector"), []byte("matrix")...), "twice"},
		"cut":            {whole[:len(whole)-32], "truncated"},
		"cut header":     {whole[:find("a.texts")+20], "truncated"},
		"empty":          {nil, "not a GGUF file"},
	} {
		f, err := parse(c.data)
		if err == nil {
			t.Errorf("%s: it is read: %v", name, f.fields)
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, n := range []uint32{0, 3, 1 << 31} {
		data, err := header(Fields{{"general.alignment", n}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(data); err == nil || !strings.Contains(err.Error(), "power of 2") {
			t.Errorf("alignment %d: %v", n, err)
		}
	}
}

// described is a file with what describes a model of a few tokens, and of its tensors two.
func described(t testing.TB, architecture string) []byte {
	fields := Fields{{"general.architecture", architecture}, {"general.alignment", uint32(32)}}
	for key, n := range map[string]uint32{"embedding_length": 32, "block_count": 1, "feed_forward_length": 32,
		"attention.head_count": 4, "attention.head_count_kv": 2, "context_length": 64, "rope.dimension_count": 8} {
		fields.add(architecture+"."+key, n)
	}
	fields.add(architecture+".rope.freq_base", float32(10000))
	fields.add("tokenizer.ggml.model", "gpt2")
	fields.add("tokenizer.ggml.pre", "llama-bpe")
	fields.add("tokenizer.ggml.tokens", []string{"a", "b", "ab", "<|end|>"})
	fields.add("tokenizer.ggml.token_type", []int32{1, 1, 1, 3})
	fields.add("tokenizer.ggml.merges", []string{"a b"})
	fields.add("tokenizer.ggml.bos_token_id", uint32(3))
	fields.add("tokenizer.ggml.eos_token_id", uint32(3))
	fields.add("tokenizer.chat_template", "{{ messages }}")
	divisors := divisorsOf(10000, 8, 1, 4, 64, 8)
	data, err := header(fields, []Output{
		{Name: "token_embd.weight", Type: Q8_0, Shape: []int{4, 32}}, {Name: Frequencies, Type: F32, Shape: []int{4}},
	})
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, make([]byte, padded(4*34))...)
	return append(data, floatBytes(divisors)...)
}

// TestDescribed: the seed of the fuzzer is a model, and its tokenizer is read.
func TestDescribed(t *testing.T) {
	f, err := parse(described(t, "llama"))
	if err != nil {
		t.Fatal(err)
	}
	if _, notes, err := f.Config(); err != nil || len(notes) != 0 {
		t.Errorf("%v, %v", notes, err)
	}
	if files, err := f.Files(); err != nil || !strings.Contains(string(files["tokenizer.json"]), `["a","b"]`) {
		t.Errorf("%s, %v", files["tokenizer.json"], err)
	}
}

// FuzzParse: no bytes make the parser panic, or let a tensor out of the file; and what describes a model or a
// tokenizer is read or refused.
func FuzzParse(f *testing.F) {
	f.Add(small(f))
	f.Add(described(f, "llama"))
	f.Add(described(f, "qwen3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parse(data)
		if err != nil {
			return
		}
		total := 0
		for _, tensor := range file.Tensors {
			total += len(tensor.Data)
			if n := product(tensor.Shape); tensor.Type.Check() == nil && n < 1<<16 {
				tensor.Type.Decode(make([]float32, n), tensor.Data)
			}
		}
		if total > len(data) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(data))
		}
		_, _, _ = file.Config()
		_, _ = file.Files()
	})
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
