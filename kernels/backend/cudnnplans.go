package backend

import (
	"fmt"
	"path/filepath"

	"github.com/ebitengine/purego"
)

// plansFlag says when XLA has cuDNN plan for a GPU that is only described.
const plansFlag = "xla_gpu_cudnn_deviceless_compilation_mode"

// loadCUDNN loads cuDNN and what it needs from a folder that third_party/fetch-cudnn.sh has filled. The plugin then
// finds them by their names. The driver is a library that says that there is no device, and to cuDNN, which loads what
// it has compiled before it counts as planned, that it is loaded.
func loadCUDNN(dir string) error {
	for _, name := range []string{
		"libcuda.so.1", "libcublasLt.so.13", "nvidia/cu13/lib/libnvrtc.so.13", "nvidia/cudnn/lib/libcudnn_graph.so.9",
		"nvidia/cudnn/lib/libcudnn.so.9",
	} {
		path := filepath.Join(dir, name)
		if !exists(path) {
			return fmt.Errorf("there is no %s: make cuda-check CUDNN=1 in Stele's folder fetches it", path)
		}
		if _, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL); err != nil {
			return fmt.Errorf("%s does not load: %w", path, err)
		}
	}
	return nil
}
