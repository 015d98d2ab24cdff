// Package model keeps the parameters of a model, the only set in the process. The packages
// beside it run a model by its description (see engine/architecture): graphmodel as graphs,
// hostmodel on the memory of this process; dense lays out what graphs score and train.
//
// Invariants: parameters carry their Hugging Face names and shapes ([out, in]) and one set of
// buffers serves generation, scoring and training; activations between matrix products are
// float32 whatever the dtype of the weights.
package model

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/kernels/host"
)

// Weights are a model's parameters on a device: the only set in the process.
// The trainer replaces the buffers when it updates them; the engine and the
// scorer read the same ones.
type Weights struct {
	Config *checkpoint.Config
	Device *backend.Device
	// DType is Float32, BFloat16 or one of those that are HostOnly. On the Go backend, which has
	// no usable bfloat16 product, BFloat16 weights are rounded and held as float32.
	DType dtypes.DType
	// Specs names the parameters; Buffers holds them in the same order, nil for those that lie in another's
	// (see Join).
	Specs   []architecture.Tensor
	Buffers []backend.Buffer
	// Projections is how the matrices of projections are held, if it quantises; it is set before Upload, and
	// they are frozen then. The zero value holds them as all the rest.
	Projections blockwise.Format
	// Version counts the updates since loading. It is stamped on rollouts.
	Version int
	// Adapter is added to some of the parameters, whose buffers do not hold it; nil adds nothing.
	Adapter *Adapter

	further []*Weights // replicas on further devices: see Replicate

	first      []int              // of each parameter: see HeldIn; nil where none are joined
	vocabulary []string           // names of the embedding and of the head, which may be one
	magnitudes [][]backend.Buffer // of each parameter that is held block-wise: what is not in its buffer

	folder   *checkpoint.Folder     // until Upload
	matrices map[string]host.Matrix // what host kernels read until Upload, made on first use
	memory   host.Memory            // of those that are no views of the folder
}

// W8A8 stands for weights of 8 bits in spans of 32, which activations of 8 bits meet: the codes are Uint8.
const W8A8 = dtypes.Uint8

// HostOnly reports whether weights of a dtype, Int8, W8A8 and Int4, are for host kernels alone: for
// generating and scoring on a CPU, not for graphs or training.
func HostOnly(dtype dtypes.DType) bool {
	return dtype == dtypes.Int8 || dtype == W8A8 || dtype == dtypes.Int4
}

// Open prepares a folder's tensors as dtype: Float32, BFloat16, Int8, W8A8 or Int4, of which the last
// three are HostOnly. Nothing is copied yet: the folder stays mapped until Close, host kernels read
// it there, and Upload makes the buffers that graphs need.
func Open(folder *checkpoint.Folder, device *backend.Device, dtype dtypes.DType) *Weights {
	m := folder.Config.Model()
	return &Weights{
		Config: folder.Config, Device: device, DType: dtype, Specs: m.Tensors(),
		vocabulary: []string{m.Embedding.Name, m.Head.Name},
		folder:     folder, matrices: map[string]host.Matrix{},
	}
}

// LoadWeights copies a folder's tensors to the device as dtype; the folder can be
// closed then.
func LoadWeights(folder *checkpoint.Folder, device *backend.Device, dtype dtypes.DType) (*Weights, error) {
	w := Open(folder, device, dtype)
	return w, w.Upload()
}

// Upload makes the buffers on the device if they are not there yet, those of the adapter among
// them, and on those of the replicas. From then on host kernels read these.
func (w *Weights) Upload() error {
	if err := w.uploadOwn(); err != nil {
		return err
	}
	return w.spread()
}

// uploadOwn is Upload without replicas.
func (w *Weights) uploadOwn() error {
	if w.Buffers != nil {
		return w.Adapter.upload(w)
	}
	if HostOnly(w.DType) {
		return fmt.Errorf("%s weights are for generating on a CPU: "+
			"use float32 or bfloat16 for graphs and training", strings.ToLower(w.DType.String()))
	}
	buffers, magnitudes := make([]backend.Buffer, len(w.Specs)), make([][]backend.Buffer, len(w.Specs))
	defer func() {
		if w.Buffers == nil { // a tensor could not be loaded
			backend.Free(buffers...)
			backend.Free(slices.Concat(magnitudes...)...)
		}
	}()
	for i, spec := range w.Specs {
		var err error
		if w.Blockwise(i) {
			buffers[i], magnitudes[i], err = w.uploadBlockwise(i)
		} else if members := w.members(i); members != nil {
			buffers[i], err = w.uploadAll(members)
		}
		if err != nil {
			return fmt.Errorf("loading %s: %w", spec.Name, err)
		}
	}
	w.Buffers, w.magnitudes = buffers, magnitudes
	w.matrices = nil
	w.memory.Close()
	return w.Adapter.upload(w)
}

// upload makes a buffer of the weights' dtype.
func (w *Weights) upload(values []float32, shape []int) (backend.Buffer, error) {
	if w.DType == dtypes.BFloat16 && w.HeldAs() == dtypes.Float32 {
		backend.RoundBFloat16(values)
	}
	return backend.UploadFloat32(w.Device, w.HeldAs(), values, shape...)
}

// HeldAs returns the dtype of the buffers.
func (w *Weights) HeldAs() dtypes.DType {
	if w.Device.IsXLA() {
		return w.DType
	}
	return dtypes.Float32
}

// Groups declares the parameters as inputs of a program: "weights", the Buffers in order, "magnitudes" of
// those that are held block-wise, in the same order, and where there is an adapter its "factors", A and B of
// each target in turn, and "scales", a vector of one a target. Programs for one Layout serve every adapter of
// it.
func (w *Weights) Groups() []backend.Group {
	var inputs []backend.Input
	for i, spec := range w.Specs {
		if w.HeldIn(i) == i {
			inputs = append(inputs, backend.Input{Name: spec.Name, Shape: w.shapes(i)[0]})
		}
	}
	groups := []backend.Group{{Name: "weights", Inputs: inputs}}
	if w.Projections.Quantises() {
		groups = append(groups, backend.Group{Name: "magnitudes", Inputs: w.magnitudeInputs()})
	}
	if w.Adapter == nil {
		return groups
	}
	var factors []backend.Input
	for _, t := range w.Adapter.Targets {
		A, B := t.shapes(w)
		name := w.Specs[t.Index].Name
		factors = append(factors, backend.Input{Name: "A of " + name, Shape: A},
			backend.Input{Name: "B of " + name, Shape: B})
	}
	scales := backend.Input{Name: "scales", Shape: shapes.Make(dtypes.Float32, len(w.Adapter.Targets))}
	return append(groups, backend.Group{Name: "factors", Inputs: factors},
		backend.Group{Name: "scales", Inputs: []backend.Input{scales}})
}

// Parameters returns the buffers of what Groups declares; Upload must come before.
func (w *Weights) Parameters() backend.Buffers {
	held := w.Buffers
	if w.first != nil {
		held = slices.DeleteFunc(slices.Clone(held), func(b backend.Buffer) bool { return b == nil })
	}
	all := backend.Buffers{"weights": held}
	if w.Projections.Quantises() {
		all["magnitudes"] = slices.Concat(w.magnitudes...)
	}
	if w.Adapter != nil {
		all["factors"], all["scales"] = w.Adapter.Factors, []backend.Buffer{w.Adapter.scales}
	}
	return all
}

// Float32s returns the values of parameter i: those of the folder until Upload, then those that it is
// computed with.
func (w *Weights) Float32s(i int) ([]float32, error) {
	if w.Buffers == nil {
		tensor, err := w.folder.Tensor(w.Specs[i].Name)
		if err != nil {
			return nil, err
		}
		values := make([]float32, tensor.Len())
		tensor.Float32s(values)
		if w.DType == dtypes.BFloat16 {
			backend.RoundBFloat16(values)
		}
		return values, nil
	}
	if w.Blockwise(i) {
		return w.decoded(i)
	}
	values, err := backend.Float32s(w.Buffers[w.HeldIn(i)])
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", w.Specs[i].Name, err)
	}
	from, to := w.within(i)
	return values[from:to:to], nil
}

// Set replaces parameter i, which must not be held block-wise, by values of its shape, on every device.
func (w *Weights) Set(i int, values []float32) error {
	for _, replica := range w.further {
		if err := replica.Set(i, values); err != nil {
			return err
		}
	}
	if w.Blockwise(i) {
		return fmt.Errorf("setting %s: %w", w.Specs[i].Name, errFrozen)
	}
	if len(w.members(w.HeldIn(i))) > 1 {
		return fmt.Errorf("setting %s: %w", w.Specs[i].Name, w.errJoined(i))
	}
	buffer, err := w.upload(values, w.Specs[i].Shape)
	if err != nil {
		return fmt.Errorf("setting %s: %w", w.Specs[i].Name, err)
	}
	backend.Free(w.Buffers[i])
	w.Buffers[i] = buffer
	return nil
}

// Close frees the buffers, and what host kernels read until Upload, and closes the adapter.
func (w *Weights) Close() {
	w.Adapter.Close()
	for _, replica := range w.further {
		backend.Free(replica.Buffers...)
		backend.Free(slices.Concat(replica.magnitudes...)...)
	}
	w.further = nil
	backend.Free(w.Buffers...)
	backend.Free(slices.Concat(w.magnitudes...)...)
	w.Buffers, w.magnitudes, w.matrices = nil, nil, nil
	w.memory.Close()
}

// Matrix returns a view of parameter i [out, in] for host kernels; t helps to convert it.
func (w *Weights) Matrix(i int, t *host.Team) (host.Matrix, error) {
	spec := w.Specs[i]
	if w.Buffers != nil && w.Blockwise(i) {
		return w.blockwiseMatrix(i)
	}
	if w.Buffers != nil {
		return w.deviceMatrix(i)
	}
	if m, ok := w.matrices[spec.Name]; ok {
		return m, nil
	}
	tensor, err := w.folder.Tensor(spec.Name)
	if err != nil {
		return host.Matrix{}, err
	}
	m, err := storedMatrix(tensor, heldAs(spec.Name, w.vocabulary, w.DType), t, &w.memory)
	if err != nil {
		return m, fmt.Errorf("loading %s: %w", spec.Name, err)
	}
	w.matrices[spec.Name] = m
	return m, nil
}

// Forget lets the system take back the memory of the mapped folder where matrices were copied
// from it: what is read there again is found again.
func (w *Weights) Forget() {
	if w.Buffers == nil && !w.memory.Empty() {
		w.folder.Forget()
	}
}

// deviceMatrix returns a view of parameter i in a buffer that lives in this process.
func (w *Weights) deviceMatrix(i int) (host.Matrix, error) {
	spec := w.Specs[i]
	data, err := w.Buffers[w.HeldIn(i)].Data()
	if err != nil {
		return host.Matrix{}, fmt.Errorf("reading %s where it is: %w", spec.Name, err)
	}
	from, to := w.within(i)
	switch data := data.(type) {
	case []float32:
		return host.Float32Matrix(data[from:to], spec.Shape[0], spec.Shape[1]), nil
	case []bfloat16.BFloat16:
		bits := unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(data))), len(data))
		return host.BFloat16Matrix(bits[from:to], spec.Shape[0], spec.Shape[1]), nil
	}
	return host.Matrix{}, fmt.Errorf("%s is a %T, expected float32 or bfloat16", spec.Name, data)
}

// storedMatrix returns a stored tensor as dtype: a view of the mapped file where the
// file holds just that, a copy otherwise.
func storedMatrix(
	t checkpoint.Tensor, dtype dtypes.DType, team *host.Team, memory *host.Memory,
) (host.Matrix, error) {
	out, in := t.Shape[0], t.Shape[1]
	data := unsafe.Pointer(unsafe.SliceData(t.Data))
	aligned := func(n uintptr) bool { return uintptr(data)%n == 0 }
	if t.DType == checkpoint.BF16 && dtype == dtypes.BFloat16 && aligned(2) {
		return host.BFloat16Matrix(unsafe.Slice((*uint16)(data), out*in), out, in), nil
	}
	if t.DType == checkpoint.F32 && dtype == dtypes.Float32 && aligned(4) {
		return host.Float32Matrix(unsafe.Slice((*float32)(data), out*in), out, in), nil
	}
	defer t.Forget()
	source := host.Source{Out: out, In: in, Done: t.Forget, Row: t.Row}
	switch dtype {
	case dtypes.BFloat16:
		return host.RoundedMatrix(team, memory, source)
	case dtypes.Int8:
		return host.Int8Matrix(team, memory, source)
	case W8A8:
		return host.W8A8Matrix(team, memory, source)
	case dtypes.Int4:
		return host.Int4Matrix(team, memory, source)
	}
	values, err := memory.Float32s(out * in)
	if err != nil {
		return host.Matrix{}, err
	}
	team.Run(out, func(o, _ int) { t.Row(values[o*in:(o+1)*in], o) })
	return host.Float32Matrix(values, out, in), nil
}
