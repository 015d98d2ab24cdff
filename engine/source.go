package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/builtin"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/hostmodel"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/op"
)

// Source is a model that is not loaded yet: what can be known, and refused, before any
// of its weights are read.
type Source struct {
	// Name is the model's as it was found, Dir its Hugging Face folder, or its GGUF file.
	Name, Dir string
	Config    *checkpoint.Config
	Tokenizer *text.Tokenizer
	// Template is the model's own chat template; nil when it has none.
	Template *text.Template

	// What Open adds.
	options Options
	dtype   dtypes.DType
	mesh    backend.Mesh
	device  *backend.Device // the first of the mesh
	folder  *checkpoint.Folder
	adapter *checkpoint.Adapter // of the options; nil for none
}

// Find reads what is beside the weights of a model: a folder, a GGUF file, a hub id found in the
// local cache, or builtin:NAME.
func Find(name string) (*Source, error) {
	dir, err := Resolve(name)
	if err != nil {
		return nil, err
	}
	s := &Source{Name: name, Dir: dir}
	if s.Config, err = checkpoint.LoadConfig(dir); err != nil {
		return nil, checkpoint.NotModel(dir, err)
	}
	files, err := checkpoint.Files(dir)
	if err != nil {
		return nil, err
	}
	if s.Tokenizer, err = text.LoadFrom(files, dir); err != nil {
		return nil, checkpoint.NoTokenizer(dir, checkpoint.NotModel(dir, err))
	}
	s.Template, err = text.LoadTemplateFrom(files, dir)
	if err != nil && !errors.Is(err, text.ErrNoTemplate) {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Open opens the device and the files of the weights and checks that the options go
// with them. Close, or Load, must follow.
func (s *Source) Open(options Options) error {
	if err := options.setDefaults(); err != nil {
		return err
	}
	var err error
	var notes []string // of the dtype
	if options.DType == AutoDType {
		if err := s.openFolder(); err != nil {
			return err
		}
		options.DType, notes = ownDType(s.folder)
	}
	if s.dtype, err = ParseDType(options.DType); err != nil {
		return err
	}
	if err := options.Projections.Code.Validate(); err != nil {
		return err
	}
	if options.Projections.Quantises() && model.HostOnly(s.dtype) {
		return fmt.Errorf("projections in %s are multiplied in float32 or bfloat16: --dtype %s does not go with "+
			"--quantize", options.Projections.Code, options.DType)
	}
	if s.device, err = options.Shared.Open(options.Backend); err != nil {
		return err
	}
	if s.mesh, err = s.device.Mesh(options.Devices); err != nil {
		return err
	}
	s.device = s.mesh[0]
	if options.Kernels, err = chooseKernels(options.Kernels, s.device, len(s.mesh), s.dtype); err != nil {
		return err
	}
	s.options = options
	if err := s.openFolder(); err != nil {
		return err
	}
	if options.Say != nil {
		for _, note := range slices.Concat(s.folder.Notes, notes) {
			fmt.Fprintln(options.Say, note)
		}
		if n := len(s.mesh); n > 1 && s.device.IsCPU() {
			fmt.Fprintf(options.Say, "the %d devices of %s share this machine's cores and memory: they are for tests\n",
				n, s.device.Name)
		}
		if s.options.Devices == 1 && !s.device.IsCPU() {
			have, err := s.device.Count()
			if err != nil {
				return err
			}
			if note := unused(s.device.Name, have); note != "" {
				fmt.Fprintln(options.Say, note)
			}
		}
		if gathered := s.whyGathered(); gathered != nil {
			fmt.Fprintf(options.Say, "attention gathers the pages of keys and values, which takes time and "+
				"memory: %v\n", gathered)
		}
	}
	if options.Adapter != "" {
		s.adapter, err = s.OpenAdapter(options.Adapter)
	}
	return err
}

// unused says that a backend has more devices than the one that is used; "" where it has not.
func unused(backend string, have int) string {
	if have < 2 {
		return ""
	}
	return fmt.Sprintf("%s has %d devices, and 1 is used: --devices %[2]d divides the work of generate, score, "+
		"eval, train, study, serve and bench among them; the others use one, which CUDA_VISIBLE_DEVICES chooses",
		backend, have)
}

// openFolder opens the files of the weights, unless they are open.
func (s *Source) openFolder() (err error) {
	if s.folder != nil {
		return nil
	}
	if s.folder, err = checkpoint.Open(s.Dir); err != nil {
		return checkpoint.NotModel(s.Dir, err)
	}
	s.Config = s.folder.Config // what is in the files may be another head than was announced
	return nil
}

// DType returns the name of the dtype that Open chose for the weights.
func (s *Source) DType() string { return cmp.Or(s.options.DType, "float32") }

// whyGathered tells why attention on a GPU gathers pages, or returns nil.
func (s *Source) whyGathered() error {
	if s.device.IsCPU() {
		return nil
	}
	c := s.Config
	pages := op.Pages{Count: 1, Slots: 1, Heads: c.NumKVHeads, Width: c.HeadDim, DType: s.dtype}
	return pages.WhyGathered(s.device, c.NumHeads)
}

// Notes returns what a person must know of how the model's folder was read, a line each. There
// are none before Open.
func (s *Source) Notes() []string {
	if s.folder == nil {
		return nil
	}
	return s.folder.Notes
}

// SetMaxBatch changes the number of sequences that are decoded together before the model is loaded.
func (s *Source) SetMaxBatch(n int) { s.options.MaxBatch = n }

// Device returns the device that Open opened, the first where there are several.
func (s *Source) Device() *backend.Device { return s.device }

// Mesh returns the devices that Open opened.
func (s *Source) Mesh() backend.Mesh { return s.mesh }

// Executor returns the name of what will generate, as Engine.Executor does.
func (s *Source) Executor() string {
	if s.options.Kernels == KernelsHost {
		return string(KernelsHost)
	}
	return s.device.Name
}

// Load loads what Open opened. The source is the engine's from then on.
func (s *Source) Load() (*Engine, error) {
	releaseMemory() // what comes until here is not needed for what follows
	e := &Engine{
		Dir: s.Dir, Weights: model.Open(s.folder, s.device, s.dtype),
		Tokenizer: s.Tokenizer, Template: s.Template,
		options: s.options, scores: map[scoreKey]*backend.NamedProgram{},
	}
	e.held = hold(e.Weights, s.folder)
	s.folder, s.Tokenizer = nil, nil
	var err error
	if s.adapter != nil {
		e.Weights.Adapter = model.ReadAdapter(s.adapter)
		s.adapter.Close()
		s.adapter = nil
	}
	e.Weights.Projections = s.options.Projections
	e.Weights.Replicate(s.mesh)
	if s.options.Frozen && !s.device.IsCPU() {
		e.Weights.Join()
	}
	if s.options.Projections.Quantises() {
		err = e.Weights.Upload()
	}
	if err == nil && s.options.Kernels == KernelsHost {
		e.team = host.NewTeam(cmp.Or(s.options.Threads, threads.Count))
		e.host, err = hostmodel.New(e.Weights, e.team)
	} else if err == nil {
		err = e.Weights.Upload()
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	e.spread()
	releaseMemory()
	e.logf("loaded %s in %s", e.Dir, e.DType())
	return e, nil
}

// Close lets go of what was not handed to an engine.
func (s *Source) Close() {
	if s.folder != nil {
		s.folder.Close()
	}
	if s.Tokenizer != nil {
		s.Tokenizer.Close()
	}
	if s.adapter != nil {
		s.adapter.Close()
		s.adapter = nil
	}
}

// Load opens a model: a folder, a GGUF file, a hub id found in the local cache, or
// builtin:NAME.
func Load(name string, options Options) (*Engine, error) {
	if err := options.setDefaults(); err != nil {
		return nil, err
	}
	s, err := Find(name)
	if err != nil {
		return nil, err
	}
	if err := s.Open(options); err != nil {
		s.Close()
		return nil, err
	}
	return s.Load()
}

// Resolve turns a model's name into its folder, whose files are what their names say, or its GGUF file.
func Resolve(name string) (string, error) {
	if builtinName, ok := builtin.Cut(name); ok {
		return builtin.Dir(builtinName)
	}
	dir, err := checkpoint.Resolve(name)
	if err != nil {
		return "", err
	}
	return dir, checkpoint.CheckFiles(dir)
}
