package kernels

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ebitengine/purego"
)

// pluginFiles are the names that PJRT plugins go by, for each platform.
var pluginFiles = map[string][]string{
	"cpu":  {"pjrt_c_api_cpu_plugin.so", "pjrt_c_api_cpu_v*_plugin.so", "pjrt_c_api_cpu_plugin.dylib"},
	"cuda": {"pjrt_c_api_cuda_plugin.so", "pjrt_c_api_cuda*_plugin.so", "pjrt-plugin-cuda.so", "xla_cuda_plugin.so"},
}

// PluginDirs lists the folders that are searched for PJRT plugins, in order:
// those of PJRT_PLUGIN_LIBRARY_PATH, Stele's cache, and where go-xla's own
// installer puts them.
func PluginDirs() []string {
	dirs := filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"))
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(cache, "stele", "pjrt"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local", "lib", "go-xla"), filepath.Join(home, ".local", "lib", "gomlx", "pjrt"))
	}
	return append(dirs, "/usr/local/lib/go-xla", "/usr/local/lib/gomlx/pjrt")
}

// ErrNoPlugin says that no PJRT plugin of a platform was found.
var ErrNoPlugin = errors.New("no PJRT plugin found")

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
	hint := "run make in Stele's folder to fetch it"
	if platform == "cuda" {
		hint = "name its folder in PJRT_PLUGIN_LIBRARY_PATH"
	}
	return "", fmt.Errorf("%w for %s: %s", ErrNoPlugin, platform, hint)
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
