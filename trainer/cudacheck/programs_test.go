package cudacheck

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/sampler"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// program is one that a command runs, and what is expected of it.
type program struct {
	name string
	// decodes is that every row decodes a token: the launches are one CUDA graph then.
	decodes bool
	compile func() (*backend.Program, error)
}

// subject is a model whose programs are compiled.
type subject struct {
	name   string
	config *checkpoint.Config
	// served is the dtype of weights that generate, trained of those that are trained.
	served, trained dtypes.DType
	prompt, longest int // tokens of a rollout
	micro           int // of a gradient pass
	rank            int // of an adapter that is trained instead of all weights; 0: all weights
	base            blockwise.Code
	several         bool // passes with rows of several completions are compiled, too
}

// tiny are small models of each family, in every dtype.
func tiny() (all []subject) {
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
		held := "float32"
		if dtype == dtypes.BFloat16 {
			held = "bfloat16"
		}
		for _, a := range []*architecture.Architecture{architecture.Qwen2, architecture.Llama} {
			config := &checkpoint.Config{Config: architecture.Config{
				Architecture: a, VocabSize: 2064, HiddenSize: 64, IntermediateSize: 176, NumLayers: 3, NumHeads: 4,
				NumKVHeads: 2, HeadDim: 16, MaxPositions: 4096, TieEmbeddings: a == architecture.Qwen2,
			}}
			s := subject{name: "tiny " + a.Type + " " + held, config: config, served: dtype, trained: dtype,
				prompt: 128, longest: 640, micro: 1280}
			all = append(all, s)
			s.rank, s.base = 4, blockwise.None
			s.name += " LoRA"
			all = append(all, s)
		}
	}
	return all
}

// models are those that docs/memory.md plans for, at the paper's lengths.
func models() []subject {
	paper := func(s subject) subject {
		s.served, s.prompt, s.longest, s.micro = dtypes.BFloat16, 1024, 1024+4096, 4096
		return s
	}
	return []subject{
		paper(subject{name: "Qwen2.5-0.5B", config: trainertest.Qwen25Half, trained: dtypes.Float32}),
		paper(subject{name: "Qwen2.5-1.5B", config: trainertest.Qwen25One, trained: dtypes.Float32}),
		paper(subject{name: "Qwen2.5-7B", config: trainertest.Qwen25Seven, trained: dtypes.BFloat16, rank: 16}),
		paper(subject{name: "Llama-3.1-8B", config: trainertest.Llama31, trained: dtypes.BFloat16, rank: 16,
			base: blockwise.NF4}),
	}
}

// half are models in bfloat16, whose attention in training is cuDNN's.
func half() []subject {
	all := []subject{tiny()[4], models()[0], models()[2], models()[3]}
	all[1].name, all[1].trained = "Qwen2.5-0.5B bfloat16", dtypes.BFloat16
	for i := range all {
		all[i].several = true
	}
	return all
}

// pageSlots is engine's default.
const pageSlots = 16

// weights describes a subject's parameters, without buffers.
func (s subject) weights(d *backend.Device, held dtypes.DType, options lora.Options) (*model.Weights, *lora.Adapter) {
	w := &model.Weights{Config: s.config, Device: d, DType: held, Specs: s.config.Model().Tensors(),
		Projections: options.Format()}
	if options.Rank == 0 {
		return w, nil
	}
	targets, specs := options.Adapt(w.Specs)
	w.Adapter = model.NewAdapter(targets, nil)
	return w, &lora.Adapter{Adapter: w.Adapter, Specs: specs}
}

// lora returns the options of the adapter that is trained.
func (s subject) lora() lora.Options {
	return lora.Options{Rank: s.rank, Alpha: 32, Targets: architecture.Projections(), Base: s.base, DoubleQuant: true}
}

// programs lists what generate, score, eval and train compile for a device, at one shape of each
// kind and those that make another program of it.
func (s subject) programs(d *backend.Device) []program {
	var all []program
	add := func(name string, compile func() (*backend.Program, error)) {
		all = append(all, program{name: name, compile: compile})
	}
	named := func(name string, compile func() (*backend.NamedProgram, error)) {
		add(name, func() (*backend.Program, error) {
			p, err := compile()
			if err != nil {
				return nil, err
			}
			return p.Program, nil
		})
	}
	served, _ := s.weights(d, s.served, lora.Options{})
	served.Join()
	pages := op.Pages{Count: s.poolPages(), Slots: pageSlots, Heads: s.config.NumKVHeads, Width: s.config.HeadDim,
		DType: s.served}
	context := dense.Bucket((s.longest+pageSlots-1)/pageSlots, 16)
	step := func(name string, shape graphmodel.StepShape) {
		named(name, func() (*backend.NamedProgram, error) { return graphmodel.CompileStep(served, pages, shape) })
		all[len(all)-1].decodes = shape.T == 1 && shape.Steps < 2
	}
	filters := sampler.Filtering{Filters: true}
	step("decode 1", graphmodel.StepShape{B: 1, T: 1, Pages: 16, Draws: true})
	step("decode 1, top-p", graphmodel.StepShape{B: 1, T: 1, Pages: 16, Draws: true, Filtering: filters})
	step("decode 1, 8 steps", graphmodel.StepShape{B: 1, T: 1, Pages: 16, Draws: true, Steps: 8})
	step("decode 64", graphmodel.StepShape{B: 64, T: 1, Pages: context, Draws: true, Filtering: filters})
	step("prefill 1 × 512", graphmodel.StepShape{B: 1, T: 512, Pages: context})
	step("prefill 4 × 64", graphmodel.StepShape{B: 4, T: 64, Pages: 16})
	named("copy pages", func() (*backend.NamedProgram, error) { return graphmodel.CompileCopy(served, pages, 8) })
	for _, x := range []struct {
		name   string
		filter sampler.Filtering
	}{{"sample", sampler.Filtering{}}, {"sample top-p", filters},
		{"sample top-k", sampler.Filtering{Filters: true, TopK: true}}} {
		add(x.name, func() (*backend.Program, error) {
			shape := sampler.ProgramShape{Rows: 1, Vocab: s.config.VocabSize, Draws: 16, Filtering: x.filter}
			p, err := sampler.CompileProgram(d, shape)
			if err != nil {
				return nil, err
			}
			return p.Compiled(), nil
		})
	}

	// What is trained, and the passes over rollouts of the longest sequences.
	w, adapter := s.weights(d, s.trained, s.lora())
	for _, pass := range s.passes() {
		name, shape := pass.name, pass.Shape
		named("score "+name, func() (*backend.NamedProgram, error) { return graphmodel.CompileScore(w, shape) })
		for _, remat := range []bool{false, true} {
			title := "gradient " + name
			if remat {
				title += ", remat"
			}
			named(title, func() (*backend.NamedProgram, error) {
				return learner.Compile(w, learner.Options{
					Objective: objective.Policy(objective.Default()), Remat: remat, Adapter: adapter,
				}, shape)
			})
		}
	}
	trained, held := w.Specs, s.trained
	if adapter != nil {
		trained, held = adapter.Specs, dtypes.Float32
		targets := w.Adapter.Targets[0]
		out, in := w.Specs[targets.Index].Shape[0], w.Specs[targets.Index].Shape[1]
		named("merge", func() (*backend.NamedProgram, error) {
			A, B := shapes.Make(dtypes.Float32, s.rank, in), shapes.Make(dtypes.Float32, out, s.rank)
			return op.CompileFactors(d, A, B)
		})
	}
	add("gradient norm", func() (*backend.Program, error) { return optimizer.CompileNorm(d, trained) })
	for _, state := range []string{optimizer.StateFloat32, optimizer.StateInt8} {
		for _, masters := range []bool{true, false} {
			if !masters && held == dtypes.Float32 {
				continue
			}
			options := optimizer.Default()
			options.State, options.Masters = state, masters
			title := "adamw " + state
			if masters && held != dtypes.Float32 {
				title += " with masters"
			}
			named(title, func() (*backend.NamedProgram, error) {
				return optimizer.CompileUpdate(d, trained, held, options, optimizer.Part{})
			})
			named(title+", a third", func() (*backend.NamedProgram, error) { // of three processes
				return optimizer.CompileUpdate(d, trained, held, options, optimizer.Part{Index: 1, Of: 3})
			})
		}
	}
	return all
}

// poolPages is how many pages engine.DefaultPoolBytes hold, at most 4096 for a tiny model.
func (s subject) poolPages() int {
	held := checkpoint.F32
	if s.served == dtypes.BFloat16 {
		held = checkpoint.BF16
	}
	page := pageSlots * s.config.KVBytesPerToken(held)
	if s.config.HiddenSize < 256 {
		return 4097
	}
	return int(engine.DefaultPoolBytes/page) + 1
}

// pass is the shape of a scoring or gradient pass.
type pass struct {
	name string
	dense.Shape
}

// passes are of a group that goes on from its prompt and of packed rows.
func (s subject) passes() []pass {
	completion := s.longest - s.prompt
	group := max((s.micro-s.prompt)/completion, 1)
	rows := max(s.micro/s.longest, 1)
	all := []pass{
		{"group", dense.Shape{B: group, T: completion, Group: group, Prompt: s.prompt, N: group * completion}},
		{"rows", dense.Shape{B: rows, T: s.micro / rows, N: s.micro / 2}},
	}
	if s.several {
		shape := all[0].Shape
		shape.Several = true
		all = append(all, pass{"several", shape})
	}
	return all
}
