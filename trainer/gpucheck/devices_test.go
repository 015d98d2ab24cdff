package gpucheck

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestGoldensOnDevices: the devices of a mesh together come to the goldens of three steps, within the same bounds.
func TestGoldensOnDevices(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	defer d.Close()
	mesh, err := d.Mesh(3)
	if err != nil {
		t.Fatal(err)
	}
	var g grpo
	if err := readJSON(trainertest.Data("grpo.json"), &g); err != nil {
		t.Fatal(err)
	}
	var f Found
	if err := f.variant(mesh, filepath.Dir(trainertest.Data("grpo.json")), &g, &g.Variants[0]); err != nil {
		t.Fatal(err)
	}
	for _, found := range f.Figures {
		if !strings.Contains(found.What, "on 3 devices") {
			t.Errorf("%+v", found)
		}
		t.Logf("%s: %g", found.What, found.Value)
	}
	if len(f.Figures) != 4 || len(f.Faults) > 0 {
		t.Errorf("%d findings, faults %q", len(f.Figures), f.Faults)
	}
}
