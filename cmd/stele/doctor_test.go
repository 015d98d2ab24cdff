package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestDoctorSaysHowAttentionReads: doctor tells the rule by which attention reads pages where they lie or gathers them,
// and what follows on this machine.
func TestDoctorSaysHowAttentionReads(t *testing.T) {
	said, err := runCommand("doctor")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"\nattention ", "compute capability 8.0", "up to 256 numbers", "STELE_KERNELS=off",
		"\nattention, dense ", "at most 128 numbers, a multiple of 8", "STELE_CUDNN=off",
		"more than 8192 tokens", "\ndevices "} {
		if !strings.Contains(said, part) {
			t.Errorf("%q is missing in\n%s", part, said)
		}
	}
	said, err = runCommand("doctor", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var d diagnosis
	if err := json.Unmarshal([]byte(said), &d); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var cuda backendState
	for _, b := range d.Backends {
		if (b.Error == "") != (b.Devices > 0) {
			t.Errorf("%s has %d devices, error %q", b.Name, b.Devices, b.Error)
		}
		if b.Name == "xla:cuda" {
			cuda = b
		}
	}
	if cuda.Error != "" && !strings.Contains(d.Attention, "here pages are gathered: there is no such GPU") {
		t.Errorf("without a GPU: %s", d.Attention)
	}
	if cuda.Error != "" && !strings.Contains(d.Dense, "cuDNN is not used here: there is no such GPU") {
		t.Errorf("without a GPU: %s", d.Dense)
	}
}

// TestDoctorCountsDevices: doctor says how many devices work can be divided among.
func TestDoctorCountsDevices(t *testing.T) {
	for want, backends := range map[string][]backendState{
		"xla:cuda has 8 GPUs: --devices 8 divides": {{Name: "xla:cuda", Devices: 8}, {Name: "go", Devices: 1}},
		"xla:cuda has 1 GPU":                       {{Name: "xla:cuda", Devices: 1}},
		"xla:cpu has 4, which share":               {{Name: "xla:cuda", Error: "none"}, {Name: "xla:cpu", Devices: 4}},
		"no backend here has more than one":        {{Name: "go", Devices: 1}},
	} {
		if got := (diagnosis{Backends: backends}).devices(); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
