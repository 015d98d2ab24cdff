package backend

import (
	"crypto/sha256"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/core/graph"
)

// Mesh is devices of one backend that share work: GPUs of a machine, or the virtual devices of xla:cpu, on which
// tests run. A program that was compiled for one of them is not compiled again for another.
type Mesh []*Device

// Count returns the number of devices that the backend has. It opens the backend.
func (d *Device) Count() (int, error) {
	b, err := d.backend()
	if err != nil {
		return 0, err
	}
	return b.NumDevices(), nil
}

// Mesh returns the first n devices of the backend.
func (d *Device) Mesh(n int) (Mesh, error) {
	if n == 1 {
		return Mesh{d}, nil // which need not be opened
	}
	have, err := d.Count()
	switch {
	case err != nil:
		return nil, err
	case n < 1:
		return nil, fmt.Errorf("%d devices are asked for, expected 1 or more", n)
	case n > have:
		return nil, fmt.Errorf("%d devices are asked for, and backend %s has %d: --devices takes at most that", n,
			d.Name, have)
	}
	shared := d.programs
	if shared == nil {
		shared = &programs{known: map[[sha256.Size]byte]*compiled{}}
	}
	mesh := make(Mesh, n)
	for i := range mesh {
		one := *d
		one.number, one.programs = compute.DeviceNum(i), shared
		mesh[i] = &one
	}
	return mesh, nil
}

// Copy copies a tensor to the device from another one of its mesh.
func (d *Device) Copy(b Buffer) (Buffer, error) { return b.CopyToDevice(d.number) }

// together makes a graph one that so many devices run together, each on inputs of its own.
func together(g *graph.Graph, devices int) error {
	mesh, err := distributed.NewDeviceMesh([]int{devices}, []string{"devices"})
	if err != nil {
		return err
	}
	return g.SetSPMD(mesh)
}
