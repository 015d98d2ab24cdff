package trainer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"stele/engine"
)

// Manifest is RUN/manifest.json: what was run, so that it can be run again.
type Manifest struct {
	Stele   string `json:"stele"`
	Backend string `json:"backend"`
	DType   string `json:"dtype"`
	Rollout string `json:"rollout_executor"` // host kernels, or the backend's graphs
	// Kernels are the instructions that products used (host.Kind).
	Kernels string `json:"host_kernels"`
	// CPU is the tier that the processor had or was capped to (isa.InForce); runs from
	// before it was noted have none.
	CPU    string `json:"cpu_tier,omitempty"`
	Model  string `json:"model_dir"`
	Config Config `json:"config"`
}

func readManifest(path string) (Manifest, error) {
	var m Manifest
	data, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// sameAs compares configurations; only the number of steps may change.
func (c Config) sameAs(now Config) error {
	now.Steps = c.Steps
	if reflect.DeepEqual(c, now) {
		return nil
	}
	a, b := reflect.ValueOf(c), reflect.ValueOf(now)
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			return fmt.Errorf("the run was started with other settings: %s was %+v, is %+v", a.Type().Field(i).Name, x, y)
		}
	}
	return nil
}

// RunOptions are the backend, the dtype and the kernels of the run in a folder, which
// goes on with these alone.
func RunOptions(dir string) (backend, dtype string, kernels engine.Kernels, err error) {
	m, err := readManifest(filepath.Join(dir, "manifest.json"))
	return m.Backend, m.DType, m.kernels(), err
}

// kernels is the setting that gives the run's rollout executor.
func (m Manifest) kernels() engine.Kernels {
	if m.Rollout == string(engine.KernelsHost) {
		return engine.KernelsHost
	}
	return engine.KernelsGraph
}

// goesOnAs refuses to go on with a run on a backend, a dtype or a rollout
// executor other than its own: they round differently, and a run that goes on must
// give what it would have given had it not been stopped.
func (m Manifest) goesOnAs(now Manifest) error {
	for _, c := range []struct{ what, was, is, remedy string }{
		{"backend", m.Backend, now.Backend, "--backend " + m.Backend},
		{"dtype", m.DType, now.DType, "--dtype " + m.DType},
		{"rollout executor", m.Rollout, now.Rollout, "--kernels " + string(m.kernels())},
	} {
		if c.was != c.is {
			return fmt.Errorf("the run was started with %s %s, here it is %s, and would not go on bit for bit: "+
				"resume with %s, or begin a new run with model set to its last checkpoint", c.what, c.was, c.is, c.remedy)
		}
	}
	return nil
}
