package checkpoint

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint/gguf"
)

// TestOwnDType: the dtype that most numbers are stored in is the model's own, whatever config.json says, which is
// noted; codes do not count.
func TestOwnDType(t *testing.T) {
	other, silent := copyVariant(t, "llama-mlp-bias"), copyVariant(t, "llama-attention-bias")
	setConfig(t, other, map[string]any{"dtype": "float16"})
	setConfig(t, silent, map[string]any{"dtype": nil})
	// Vectors alone in another dtype.
	mixed := copyVariant(t, "llama-mlp-bias")
	path := filepath.Join(mixed, singleFile)
	tensors := tensorsOf(t, path)
	for i := range tensors {
		if len(tensors[i].Shape) == 1 {
			tensors[i] = tensors[i].As(F32)
		}
	}
	writeTensorsOf(t, path, tensors)
	for _, c := range []struct {
		dir  string
		want DType
		note string // a part of the only one; "" for none
	}{
		{"../../testdata/models/tiny-qwen2", F32, ""},
		{"../../testdata/models/tiny-llama31", BF16, ""},
		{"../../testdata/variants/llama-attention-bias", F16, ""},
		{silent, F16, ""},
		{other, BF16, "config.json says float16"},
		{mixed, BF16, "some are F32"},
		{filepath.Join(quantisedFolders, "gptq"), BF16, "7 of"},
	} {
		f, err := Open(c.dir)
		if err != nil {
			t.Fatal(err)
		}
		own, notes := f.Own()
		if said := strings.Join(notes, "\n"); own != c.want || len(notes) > 1 || (said == "") != (c.note == "") ||
			!strings.Contains(said, c.note) {
			t.Errorf("%s is %s, %q, expected %s, %q", c.dir, own, notes, c.want, c.note)
		}
		f.Close()
	}
	// In a GGUF file the rows of some matrices lie in another order, and are no codes for that.
	f, err := Open("../../testdata/models/tiny-llama31")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	companions, err := ReadCompanions(f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "model.gguf")
	for as, want := range ownOfGGUF {
		if _, err := WriteGGUF(file, f.Config, companions, as, f.Tensor); err != nil {
			t.Fatal(err)
		}
		written, err := Open(file)
		if err != nil {
			t.Fatal(err)
		}
		own, notes := written.Own()
		// Vectors are F32 in every such file.
		if own != want || len(notes) > 1 || len(notes) == 1 && !strings.Contains(notes[0], "some are F32") {
			t.Errorf("a file of %s is %s, %q, expected %s", as, own, notes, want)
		}
		written.Close()
	}
}

// ownOfGGUF are the dtypes of files by the type of their matrices.
var ownOfGGUF = map[gguf.Type]DType{gguf.F32: F32, gguf.F16: F16, gguf.BF16: BF16, gguf.Q8_0: F32}
