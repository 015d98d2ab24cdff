package backend

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPipsPlugin: JAX's plugin is found where pip puts it in a virtual environment, one
// that is named first wins, and what XLA must know of that place is in its environment,
// whatever the user has set there left alone.
func TestPipsPlugin(t *testing.T) {
	venv := t.TempDir()
	site := filepath.Join(venv, "lib", "python3.12", "site-packages")
	plugin := filepath.Join(site, "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	cuda := filepath.Join(site, "nvidia", "cu13")
	for _, file := range []string{plugin, filepath.Join(cuda, "bin", "ptxas")} {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("VIRTUAL_ENV", venv)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	if got, err := PluginPath("cuda"); err != nil || got != plugin {
		t.Fatalf("found %q, %v; want %q", got, err, plugin)
	}
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", filepath.Dir(plugin))
	t.Setenv("GOPJRT_CUDA_CHECKS", "0")

	const always = " --xla_gpu_dot_merger_threshold_mb=0 --xla_gpu_all_reduce_combine_threshold_bytes=1048576"
	const modelled = " --xla_gpu_autotune_level=0 --" + costModelTiling + "=true"
	where := "--xla_gpu_cuda_data_dir=" + cuda
	defer reproducible.Store(reproducible.Load())
	for _, c := range []struct {
		flags, knows, want string
		reproducible       bool
	}{
		{"", costModelTiling, where + always, false},
		{"", costModelTiling, where + always + modelled, true},
		{"", "", where + always + " --xla_gpu_deterministic_ops=true", true}, // a plugin without it
		{"--xla_gpu_deterministic_ops=false --xla_gpu_cuda_data_dir=/usr/local/cuda", "",
			"--xla_gpu_deterministic_ops=false --xla_gpu_cuda_data_dir=/usr/local/cuda " +
				strings.TrimSpace(always), true},
		{"--xla_gpu_autotune_level=4", costModelTiling, "--xla_gpu_autotune_level=4 " + where + always + " --" +
			costModelTiling + "=true", true},
	} {
		if err := os.WriteFile(plugin, []byte(c.knows), 0o666); err != nil {
			t.Fatal(err)
		}
		t.Setenv("XLA_FLAGS", c.flags)
		reproducible.Store(c.reproducible)
		undo := cudaEnvironment(plugin)
		if got := os.Getenv("XLA_FLAGS"); got != c.want {
			t.Errorf("XLA_FLAGS %q become %q, want %q", c.flags, got, c.want)
		}
		if undo(); os.Getenv("XLA_FLAGS") != c.flags {
			t.Errorf("XLA_FLAGS %q become %q when the plugin does not load", c.flags, os.Getenv("XLA_FLAGS"))
		}
	}
}

// TestInstalledPlugin: an installed program's plugin is found from where the program is, which a link to it does
// not change, before any other but one that is named.
func TestInstalledPlugin(t *testing.T) {
	if got, want := installedPlugins("/opt/stele/bin/stele"), "/opt/stele/lib/stele"; got != want {
		t.Errorf("plugins of /opt/stele/bin/stele are sought in %s, want %s", got, want)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	named := t.TempDir()
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", named)
	want := []string{named, installedPlugins(program)}
	if dirs := PluginDirs(); !slices.Equal(dirs[:2], want) {
		t.Errorf("plugins are sought in %q, want %q first", dirs, want)
	}
}
