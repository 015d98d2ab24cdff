package backend

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/ebitengine/purego"

	"github.com/stele-lm/stele/internal/environment"
)

// pluginFiles lists the names that PJRT plugins go by, for each platform.
var pluginFiles = map[string][]string{
	"cpu": {"pjrt_c_api_cpu_plugin.so", "pjrt_c_api_cpu_v*_plugin.so", "pjrt_c_api_cpu_plugin.dylib"},
	"cuda": {
		"pjrt_c_api_cuda_plugin.so", "pjrt_c_api_cuda*_plugin.so",
		"pjrt-plugin-cuda.so", "xla_cuda_plugin.so",
	},
}

// PluginDirs lists the folders that are searched for PJRT plugins, in order:
// those of PJRT_PLUGIN_LIBRARY_PATH, lib/stele beside the program's own folder, where
// archives and wheels of Stele have them, Stele's cache, where go-xla's own installer
// puts them, and where pip puts JAX's for CUDA (jax-cuda13-pjrt): in the packages
// of VIRTUAL_ENV, of the python3 on the path, and of the user.
func PluginDirs() []string {
	dirs := filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"))
	if program, err := os.Executable(); err == nil { // links to it are resolved, on Linux
		dirs = append(dirs, installedPlugins(program)...)
	}
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(cache, "stele", "pjrt"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local", "lib", "go-xla"),
			filepath.Join(home, ".local", "lib", "gomlx", "pjrt"))
	}
	dirs = append(dirs, "/usr/local/lib/go-xla", "/usr/local/lib/gomlx/pjrt")
	for _, site := range sitePackages() {
		found, _ := filepath.Glob(filepath.Join(site, "jax_plugins", "xla_cuda1[0-9]"))
		dirs = append(dirs, found...)
	}
	return dirs
}

// installedPlugins is the folder of plugins that belong to an installed program: lib/stele for bin/stele. A program
// that lies elsewhere has none, as what is beside its folder may be anybody's.
func installedPlugins(program string) []string {
	bin := filepath.Dir(program)
	if filepath.Base(bin) != "bin" {
		return nil
	}
	return []string{filepath.Join(filepath.Dir(bin), "lib", "stele")}
}

// sitePackages lists the folders of Python's packages that can be found without
// running it.
func sitePackages() []string {
	var roots []string
	if venv := os.Getenv("VIRTUAL_ENV"); venv != "" {
		roots = append(roots, venv)
	}
	if python, err := exec.LookPath("python3"); err == nil { // not resolved: a venv's is a link out of it
		roots = append(roots, filepath.Dir(filepath.Dir(python)))
	}
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, ".local"))
	}
	var sites []string
	for _, root := range roots {
		found, _ := filepath.Glob(filepath.Join(root, "lib", "python3*", "*-packages"))
		sites = append(sites, found...)
	}
	return sites
}

// PluginPath finds the PJRT plugin of a platform, "cpu" or "cuda".
func PluginPath(platform string) (string, error) {
	names, ok := pluginFiles[platform]
	if !ok {
		return "", fmt.Errorf("unknown platform %q: expected cpu, cuda or the path of a plugin", platform)
	}
	dirs := PluginDirs()
	for _, dir := range dirs {
		for _, name := range names {
			if found, _ := filepath.Glob(filepath.Join(dir, name)); len(found) > 0 {
				return filepath.Abs(found[0])
			}
		}
	}
	hint := "run make in Stele's folder to fetch it, or name its folder in PJRT_PLUGIN_LIBRARY_PATH"
	if platform == "cuda" {
		hint = "pip install jax-cuda13-plugin[with-cuda], or name its folder in PJRT_PLUGIN_LIBRARY_PATH"
	}
	return "", fmt.Errorf("no PJRT plugin found for %s: %s", platform, hint)
}

// Probe loads a plugin and looks for its entry point. go-xla panics on a file
// that does not load; this says why instead.
func Probe(path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return fmt.Errorf("plugin %s does not load: %w", path, err)
	}
	if _, err := purego.Dlsym(handle, "GetPjrtApi"); err != nil {
		return fmt.Errorf("%s is no PJRT plugin: it has no GetPjrtApi", path)
	}
	return nil // stays loaded: go-xla loads it next
}

// Reproducible asks of CUDA programs that they run the same machine code in every
// process, so that a run that goes on rounds as it would have: XLA then does not choose
// kernels by a measurement, and takes the tiles of its products by a model of their cost
// instead. That a program gives the same bits each time it runs is its own matter: see
// op.Rows. It has to be called before the plugin is loaded. What XLA_FLAGS says of the same
// flags overrules it.
func Reproducible() { reproducible.Store(true) }

var reproducible atomic.Bool

// cudaEnvironment sets, where nobody has, what XLA reads from the environment when its
// CUDA plugin is loaded: where CUDA's compiler lies when pip brought it, and how programs
// are compiled (see cudaFlags). go-xla's own search for libraries, which
// warns of pip's layout, is turned off: the plugin finds them by itself. undo is for a
// plugin that does not load.
func cudaEnvironment(plugin string) (undo func()) {
	flags, had := os.LookupEnv("XLA_FLAGS")
	undo = func() {
		if had {
			os.Setenv("XLA_FLAGS", flags)
		} else {
			os.Unsetenv("XLA_FLAGS")
		}
	}
	all := flags
	set := func(name, value string) {
		if !strings.Contains(all, name) {
			all = strings.TrimSpace(all + " " + name + "=" + value)
		}
	}
	for _, flag := range cudaFlags(plugin, reproducible.Load()) {
		set("--"+flag.name, fmt.Sprint(flag.value))
	}
	_ = environment.Set("XLA_FLAGS", all) // the user's flags hold no NUL
	if os.Getenv("GOPJRT_CUDA_CHECKS") == "" {
		_ = environment.Set("GOPJRT_CUDA_CHECKS", "0")
	}
	return undo
}

// xlaFlag is one of XLA's: a bool, an int or a string.
type xlaFlag struct {
	name  string
	value any
}

// costModelTiling has XLA choose the tiles of products by a model of their cost, where it does not measure. It is
// experimental: the plugins 0.11.2 and 0.12 know it, others may not, and one ends the process over a flag that it
// does not know.
const costModelTiling = "xla_gpu_experimental_cost_model_gemm_tiling_default"

// cudaFlags are the flags that programs of a CUDA plugin are compiled with, exact as Reproducible has them.
func cudaFlags(plugin string, exact bool) (flags []xlaFlag) {
	site := filepath.Dir(filepath.Dir(filepath.Dir(plugin)))
	for _, dir := range []string{"nvidia/cu13", "nvidia/cuda_nvcc"} {
		if dir = filepath.Join(site, dir); exists(filepath.Join(dir, "bin", "ptxas")) {
			flags = append(flags, xlaFlag{dataDirFlag, dir})
			break
		}
	}
	// Products that share a side, as those of queries, keys and values do, XLA would make one of, for
	// which it copies the weights side by side in every step, or keeps such copies of all layers.
	flags = append(flags, xlaFlag{"xla_gpu_dot_merger_threshold_mb", 0})
	// Tensors that are summed over GPUs XLA would lay side by side up to 30 MB, for which it copies them: so it
	// does with norms and biases alone.
	flags = append(flags, xlaFlag{"xla_gpu_all_reduce_combine_threshold_bytes", sideBySide})
	switch {
	case exact && mentions(plugin, costModelTiling):
		flags = append(flags, xlaFlag{"xla_gpu_autotune_level", 0}, xlaFlag{costModelTiling, true})
	case exact: // slower
		flags = append(flags, xlaFlag{"xla_gpu_deterministic_ops", true})
	}
	return flags
}

// sideBySide is how many bytes of small tensors are summed together over GPUs.
const sideBySide = 1 << 20

// dataDirFlag names the folder with NVIDIA's assembler and device library.
const dataDirFlag = "xla_gpu_cuda_data_dir"

// mentions reports whether a file holds a text.
func mentions(path, text string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	buffer, kept := make([]byte, 1<<20), 0
	for {
		n, err := file.Read(buffer[kept:])
		if bytes.Contains(buffer[:kept+n], []byte(text)) {
			return true
		}
		if err != nil {
			return false
		}
		held := buffer[:kept+n]
		kept = copy(buffer, held[max(0, len(held)-len(text)):]) // it may lie across two reads
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
