package backend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// TestInstalledPlugin: an installed program's plugin is sought from where the program is, before any other but one that
// is named. A child of this test is the program, once in bin and behind a link, once elsewhere.
func TestInstalledPlugin(t *testing.T) {
	if os.Getenv("STELE_TEST_INSTALLED") != "" {
		fmt.Printf("dirs %q\n", PluginDirs()[:2])
		os.Exit(0)
	}
	this, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(this)
	if err != nil {
		t.Fatal(err)
	}
	prefix, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bin", "elsewhere"} {
		if err := os.Mkdir(filepath.Join(prefix, name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(prefix, name, "program"), data, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(prefix, "bin", "program"), link); err != nil {
		t.Fatal(err)
	}
	first := fmt.Sprintf("dirs [\"/named\" %q]\n", filepath.Join(prefix, "lib", "stele"))
	for _, c := range []struct {
		program   string
		installed bool
	}{
		{filepath.Join(prefix, "bin", "program"), true}, {link, true},
		{filepath.Join(prefix, "elsewhere", "program"), false},
	} {
		child := exec.Command(c.program, "-test.run", "^TestInstalledPlugin$")
		child.Env = append(os.Environ(), "STELE_TEST_INSTALLED=1", "PJRT_PLUGIN_LIBRARY_PATH=/named")
		out, err := child.CombinedOutput()
		if err != nil || strings.HasSuffix(string(out), first) != c.installed {
			t.Errorf("%s: %s, %v; expected %s: %v", c.program, out, err, first, c.installed)
		}
	}
}
