package gpucheck

import (
	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/peak"
)

// Limits measures what a backend's device reads of its memory and what its matrix products reach.
func Limits(name string) (*Found, error) {
	d, err := backend.Open(name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	description, err := d.Description()
	if err != nil {
		return nil, err
	}
	f := &Found{Facts: map[string]string{"description": description}}
	if h, err := d.Hardware(); err == nil {
		f.Facts["device"] = h.Kind
	}
	bandwidth, err := peak.Bandwidth(d)
	if err != nil {
		return nil, err
	}
	f.find("bandwidth", "reading of memory", bandwidth/1e9, "GB/s")
	for _, p := range []struct {
		name  string
		dtype dtypes.DType
	}{{"bfloat16", dtypes.BFloat16}, {"float32", dtypes.Float32}} {
		rate, err := peak.FLOPS(d, p.dtype)
		if err != nil {
			return nil, err
		}
		f.find("product "+p.name, "matrix product in "+p.name, rate/1e12, "TFLOP/s")
	}
	return f, nil
}
