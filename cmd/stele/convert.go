package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint/gguf"
	"github.com/stele-lm/stele/internal/nearest"
)

// written are the values of --dtype of convert.
var written = []string{"float32", "float16", "bfloat16", "q8_0", engine.AutoDType}

// writtenTypes are the types that they name, and their other names.
var writtenTypes = map[string]gguf.Type{
	"float32": gguf.F32, "float16": gguf.F16, "bfloat16": gguf.BF16, "q8_0": gguf.Q8_0,
	"f32": gguf.F32, "f16": gguf.F16, "bf16": gguf.BF16,
}

func newConvertCommand() *cobra.Command {
	var name, out, dtype string
	c := &cobra.Command{
		Use:   "convert -m MODEL --out PATH",
		Short: "Write a model as a GGUF file, or as a Hugging Face folder",
		Long: `Write a model as a GGUF file, or as a Hugging Face folder.

If PATH ends in .gguf, it becomes a file that llama.cpp runs. The model must be a Llama,
Qwen2 or Qwen3. The file contains its tokenizer and chat template; matrices have the type
that --dtype says, vectors are float32.

Any other PATH becomes a folder that transformers loads, in float32, float16 or bfloat16.
The model may also be a GGUF file or a folder with quantised weights, which are decoded.
Without --dtype the result has the dtype in which the model came.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			as, ok := writtenTypes[strings.ToLower(dtype)]
			if strings.ToLower(dtype) == engine.AutoDType {
				own, notes, err := engine.StoredDType(name)
				if err != nil {
					return err
				}
				sayNotes(c.ErrOrStderr(), notes)
				as, ok = writtenTypes[own.TorchName()], true
			}
			if !ok {
				return usagef("--dtype %q: expected %s%s", dtype, nearest.List(written), nearest.Hint(dtype, written))
			}
			if as == gguf.Q8_0 && filepath.Ext(out) != gguf.Ext {
				return usagef("--dtype %s is for a GGUF file: let --out end in %s", dtype, gguf.Ext)
			}
			notes, err := engine.Convert(name, out, as)
			sayNotes(c.ErrOrStderr(), notes)
			return err
		},
	}
	c.Flags().StringVarP(&name, "model", "m", "", modelUsage)
	c.Flags().StringVar(&out, "out", "", "file ending in .gguf, or folder, to write")
	c.Flags().StringVar(&dtype, "dtype", engine.AutoDType,
		"of the matrices in it: "+nearest.List(written)+"; auto is the model's own")
	must(c.MarkFlagRequired("model"))
	must(c.MarkFlagRequired("out"))
	return c
}
