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
		"from 9.0 on and below 12.0"} {
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
		if b.Name == "xla:cuda" {
			cuda = b
		}
	}
	if cuda.Error != "" && !strings.Contains(d.Attention, "here they are gathered: there is no such GPU") {
		t.Errorf("without a GPU: %s", d.Attention)
	}
	if cuda.Error != "" && !strings.Contains(d.Dense, "here it is not cuDNN's: there is no such GPU") {
		t.Errorf("without a GPU: %s", d.Dense)
	}
}
