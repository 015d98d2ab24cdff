package backend

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestMadeByTools: a kept program of a GPU is another one where the driver, the assembler, its folder or the flags
// of training are others, and the same one where they are the same.
func TestMadeByTools(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 1, 2, 3, 4, len(text), 0, time.UTC)
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
		return path
	}
	driver := write("driver", "NVRM version: 580.1\nmore\n")
	write("one/bin/ptxas", "13.5")
	write("two/bin/ptxas", "13.50")
	flags := func(folder string) string { return "--xla_x=1 --" + dataDirFlag + "=" + filepath.Join(dir, folder) }
	var seen []string
	for _, make := range []func() string{
		func() string { return cudaTools(flags("one"), driver) },
		func() string { return cudaTools(flags("two"), driver) },
		func() string { return cudaTools("", driver) },
		func() string { return cudaTools(flags("one"), filepath.Join(dir, "none")) },
		func() string { return cudaTools(flags("one"), write("driver", "NVRM version: 590.1\n")) },
		func() string { write("one/bin/ptxas", "13.500"); return cudaTools(flags("one"), driver) },
		func() string { write("cudnn/lib/libcudnn.so.9", "9.23"); return cudaTools(flags("one"), driver) },
	} {
		one, again := make(), make()
		if one != again || slices.Contains(seen, one) {
			t.Errorf("%q, then %q, after %q", one, again, seen)
		}
		seen = append(seen, one)
	}

	// What training asks of XLA is in a variable that is a part of the key.
	plugin := write("jax_plugins/xla_cuda13/xla_cuda_plugin.so", "…"+costModelTiling+"…")
	environment := func(exact bool) string {
		text := "XLA_FLAGS="
		for _, f := range cudaFlags(plugin, exact) {
			text += f.name
		}
		return readEnvironment([]string{text})
	}
	if environment(true) == environment(false) {
		t.Error("a program for training has the key of one for generating")
	}
}

// TestFlagsThatAPluginKnows: a plugin ends the process over a flag that it does not know, so it is given those that
// it mentions, wherever the name lies in its file.
func TestFlagsThatAPluginKnows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "xla_cuda_plugin.so")
	for _, at := range []int{0, 7, 1<<20 - 20, 1 << 20, 3<<20 - 5, -1} {
		data := make([]byte, 3<<20+100)
		if at >= 0 {
			copy(data[at:], costModelTiling)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range cudaFlags(path, true) {
			names = append(names, f.name)
		}
		if knows := slices.Contains(names, costModelTiling); knows != (at >= 0) ||
			slices.Contains(names, "xla_gpu_deterministic_ops") == knows {
			t.Errorf("the name at %d: %q", at, names)
		}
	}
}
