package memory

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// Plan is the memory that a run needs on its device, or on each of several, in bytes.
type Plan struct {
	Weights int64 `json:"weights"` // the model that is trained
	// the model that it is compared with; an adapter's is the weights, and the adapter that it began with
	Reference int64 `json:"reference"`
	Gradients int64 `json:"gradients"` // float32
	// two moments, masters of weights held in less than float32, factors of an adapter
	Optimizer   int64 `json:"optimizer"`
	KVPool      int64 `json:"kv_pool"`     // keys and values of the rollouts
	Activations int64 `json:"activations"` // of one gradient pass, without the logits
	Logits      int64 `json:"logits"`      // those of a block of the vocabulary, and the head's gradient
	// Exchange is what several processes exchange gradients and parameters through.
	Exchange int64 `json:"exchange,omitempty"`
	Program  int64 `json:"program"` // the process itself: detector, tokenizer, compiled code
	Total    int64 `json:"total"`
	// Devices is the number of devices, of which each needs this much; 0 for one.
	Devices int `json:"devices,omitempty"`
	// Processes is the number of processes that the optimiser's state is divided over, and the gradients in stage 2; 0
	// for one.
	Processes int `json:"optimizer_processes,omitempty"`
	// MicroBatch is the gradient pass of the longest sequences that there may be.
	MicroBatch dense.Shape `json:"micro_batch"`

	merged  int64 // the weights as a checkpoint has them
	state   int64 // of the optimiser, of all processes
	trained int64 // what is trained, in float32
}

// programBytes is the resident memory of a process before it loads a model, mostly the
// language detector's tables and XLA: measured as VmRSS of stele train.
const programBytes = 1100 << 20

// decodedProjections is how many projections as large as the largest are counted as decoded where they are
// held block-wise. On a CPU XLA's assignment has 2.7 more in float32; in bfloat16 there, and on a GPU, none to 1.2,
// as its peak may be at another place.
const decodedProjections = 2

// Workload describes a run to plan for.
type Workload struct {
	Model *checkpoint.Config
	DType string // of the weights: float32 or bfloat16
	// Longest counts the tokens that the longest sequence may have, Prompt those of the
	// longest prompt.
	Longest, Prompt int
	Reference       bool // sequences are compared with a reference model
	LoRA            lora.Options
	// Factors are those of an adapter that is trained further; nil for those that LoRA has.
	Factors   []architecture.Tensor
	Optimizer optimizer.AdamW
	Layout    learner.Layout
	Remat     bool // layers are computed again in the backward pass
	// Sequences counts those of a mini-batch; Group of them in turn share a prompt.
	Sequences, Group int
	// Rollouts counts the completions that a step samples, 0 for none; Decoded those that
	// are decoded together.
	Rollouts, Decoded int
	// Devices divide the rollouts and the passes between them, each with weights, gradients and optimiser of its own;
	// the plan is that of one of them. 0 means 1.
	Devices int
	// Processes take the steps together, each with weights and gradients of its own; the optimiser's state is divided
	// over them where its options say so, and with HandsOver the gradients. 0 means 1.
	Processes int
	// Exchange is how many bytes of each process they exchange numbers through: cluster.Job.ExchangeBytes, where they
	// pass through its memory.
	Exchange int64
	// HandsOver is that gradients can be divided: see learner.Scatters.
	HandsOver bool
	// AttentionThreads counts the threads that compute attention outside XLA's programs, as a CPU's do where
	// backend.Device.HostAttention says so; 0 where attention is a part of them.
	AttentionThreads int
	// CUDNN is that attention is cuDNN's where it takes a pass, as a GPU's is where backend.Device.CUDNN says so.
	CUDNN bool
}

// On returns the workload on so many devices.
func (w Workload) On(devices int) Workload {
	if w.Devices = devices; devices < 2 {
		w.Devices = 0
	}
	return w
}

// scatters reports whether the gradients can be divided over processes.
func (w Workload) scatters() bool { return w.HandsOver && w.Devices < 2 }

// Together bounds the completions that one device decodes together: a step's are divided, those of a group not.
func (w Workload) Together() int {
	group := max(w.Group, 1)
	groups, devices := (w.Rollouts+group-1)/group, max(w.Devices, 1)
	return min(w.Decoded, w.Rollouts, (groups+devices-1)/devices*group)
}

// Plan computes the plan.
func (w Workload) Plan() Plan {
	m := w.Model
	held := checkpoint.F32
	if w.DType == "bfloat16" {
		held = checkpoint.BF16
	}
	p := Plan{Weights: m.WeightBytes(held), Program: programBytes, Devices: w.Devices}
	p.merged = p.Weights
	frozen := w.LoRA.Format()
	largest := 0 // projection
	for _, spec := range m.Model().Tensors() {
		if frozen.Quantises() && spec.Kind == architecture.Matrix {
			p.Weights += frozen.Bytes(spec.Len()) - int64(spec.Len()*held.Size())
			largest = max(largest, spec.Len())
		}
	}
	trained := m.Model().Tensors()
	if w.LoRA.Trains() {
		if _, trained = w.LoRA.Adapt(trained); w.Factors != nil {
			trained = w.Factors
		}
	}
	for _, spec := range trained {
		n := int64(1)
		for _, d := range spec.Shape {
			n *= int64(d)
		}
		p.trained += 4 * n
		if w.Reference && w.Factors != nil {
			p.Reference += 4 * n // the adapter as it was
		}
	}
	// Beside the moments the factors, or masters.
	masters := w.LoRA.Trains() || held != checkpoint.F32 && w.Optimizer.Masters
	p.state = optimizer.Part{}.Bytes(trained, w.Optimizer.State, masters)
	p.Gradients, p.Optimizer, p.Exchange = p.trained, p.state, w.Exchange
	passing := int64(0) // gradients that a pass hands over
	if w.Optimizer.ZeROStage > 0 && w.Processes > 1 {
		p.Processes, p.Optimizer = w.Processes, 0
		gradients := int64(0)
		for index := range w.Processes {
			part := optimizer.Part{Index: index, Of: w.Processes}
			p.Optimizer = max(p.Optimizer, part.Bytes(trained, w.Optimizer.State, masters && !w.LoRA.Trains()))
			gradients = max(gradients, 4*part.Numbers(trained))
		}
		if w.LoRA.Trains() {
			p.Optimizer += p.trained // each has the factors
		}
		if w.Optimizer.ZeROStage > 1 && w.scatters() {
			p.Gradients = gradients
			p.Exchange += learner.BucketBytes(trained, w.Processes)
			var next int64
			for _, spec := range trained { // one is on its way to the others, and the next is being computed
				n := 4 * int64(spec.Len())
				next = max(next, min(n, passing))
				passing = max(passing, n)
			}
			passing += next
		}
	}
	if w.Reference && !w.LoRA.Trains() {
		p.Reference = p.Weights
	}
	if w.Rollouts > 0 {
		sequence := m.KVBytesPerToken(held) * int64(w.Longest)
		pool := m.KVBytesPerToken(held) * int64(engine.PoolTokens(w.Longest, w.Together()))
		p.KVPool = max(min(pool, engine.DefaultPoolBytes), sequence)
	}

	pass, scale := w.largestPass()
	p.MicroBatch = pass.Shape
	p.Activations, p.Logits = w.temporary(p.MicroBatch, scale)
	p.Activations += decodedProjections*int64(largest*held.Size()) + passing
	p.Total = p.Weights + p.Reference + p.Gradients + p.Optimizer + p.KVPool + p.Activations + p.Logits +
		p.Exchange + p.Program
	return p
}

// LargestPass is a gradient pass over sequences that are all as long as they may be.
func (w Workload) LargestPass() *dense.Batch {
	batch, _ := w.largestPass()
	return batch
}

// largestPass returns the pass and, since shorter sequences may fill a pass better, what a number
// of its shape then grows to.
func (w Workload) largestPass() (largest *dense.Batch, scale func(int) int64) {
	group, micro := w.Group, w.Layout.MicroTokens
	sequences := min(w.Sequences, group*(micro/w.Longest+1)) // more do not fit into one
	pairs := make([]dense.Pair, sequences)
	completion := make([]int32, max(w.Longest-w.Prompt, 1))
	for i := range pairs {
		if i%group == 0 {
			ids := make([]int32, max(w.Prompt, 1))
			ids[0] = int32(i % w.Model.VocabSize) // a prompt of its own
			pairs[i].Prompt = ids
		} else {
			pairs[i].Prompt = pairs[i-1].Prompt
		}
		pairs[i].Completion = completion
	}
	total := 0
	for _, batch := range w.Layout.Batches(pairs) {
		if total == 0 {
			largest = batch
		}
		total += batch.Shape.Tokens()
	}
	tokens := largest.Shape.Tokens()
	full := max(tokens, min(micro, total))
	return largest, func(n int) int64 { return int64(n) * int64(full) / int64(tokens) }
}

// describe writes what a pass computes: rows × tokens, after prompts × tokens.
func describe(s dense.Shape) string {
	rows := fmt.Sprintf("%d × %d tokens", s.B, s.T)
	if s.Group == 0 {
		return rows
	}
	return fmt.Sprintf("%s after %d × %d", rows, s.Prompts(), s.Prompt)
}

// Write shows the plan to a person.
func (p Plan) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "memory%s\tMiB\t\n", p.Each())
	type row struct {
		name  string
		bytes int64
	}
	rows := []row{
		{"weights", p.Weights}, {"reference", p.Reference}, {"gradients", p.Gradients},
		{"optimizer", p.Optimizer}, {"kv pool", p.KVPool},
		{"activations of " + describe(p.MicroBatch), p.Activations}, {"logits", p.Logits},
	}
	if p.Exchange > 0 {
		rows = append(rows, row{"exchange between processes", p.Exchange})
	}
	for _, row := range append(rows, row{"program", p.Program}, row{"total", p.Total}) {
		fmt.Fprintf(t, "%s\t%d\t\n", row.name, row.bytes>>20)
	}
	return t.Flush()
}

// Each says that the plan is of each of several devices, or processes; "" where it is of one.
func (p Plan) Each() string {
	switch {
	case p.Processes > 1 && p.Devices > 1:
		return fmt.Sprintf(" on each of %d devices of each of %d processes", p.Devices, p.Processes)
	case p.Processes > 1:
		return fmt.Sprintf(" of each of %d processes", p.Processes)
	case p.Devices > 1:
		return fmt.Sprintf(" on each of %d devices", p.Devices)
	}
	return ""
}

// CheckpointBytes estimates the size of a checkpoint: the model, the moments, and the
// masters or the adapter.
func (p Plan) CheckpointBytes(l lora.Options) int64 {
	n := p.state
	if !l.Trains() || l.Merge {
		n += p.merged
	}
	if l.Trains() { // the factors are among the masters, and a file of their own
		n += p.trained
	}
	return n
}
