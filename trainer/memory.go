package trainer

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"stele/engine"
	"stele/engine/checkpoint"
	"stele/engine/model"
)

// MemoryPlan is what a run needs of the device, in bytes.
type MemoryPlan struct {
	Weights     int64 `json:"weights"`     // the model that is trained
	Reference   int64 `json:"reference"`   // the model that it is compared with, or the base of an adapter
	Gradients   int64 `json:"gradients"`   // float32
	Optimizer   int64 `json:"optimizer"`   // two moments, and masters of weights held in less than float32
	KVPool      int64 `json:"kv_pool"`     // keys and values of the rollouts
	Activations int64 `json:"activations"` // of one gradient pass, without the logits
	Logits      int64 `json:"logits"`      // blocks of the vocabulary and the head's gradient
	Program     int64 `json:"program"`     // the process itself: detector, tokenizer, compiled code
	Total       int64 `json:"total"`
	// MicroBatch is the gradient pass of the longest sequences that there may be.
	MicroBatch model.DenseShape `json:"micro_batch"`
}

// programBytes is what a process takes before it loads a model: mostly the
// language detector's tables and XLA.
const programBytes = 1100 << 20

// planMemory computes the plan. longest is the tokens of the longest sequence that
// there may be, prompt those of its prompt.
//
// Activations and logits are those of XLA's buffer assignment, fitted to the
// plans that it made for two models, seven shapes and both settings of remat: kept
// for each token and layer are 4·I + 8·D + 3·H·E + 2·K·E numbers and two rows of
// attention scores; for a token that continues a prompt H·E more and five quarters of
// a row; for each completion token 2.9 rows of logits. With remat only the layers'
// inputs are kept, and either the logits or one layer is the peak.
func planMemory(c Config, m *checkpoint.Config, dtype string, longest, prompt int) MemoryPlan {
	held := checkpoint.F32
	if dtype == "bfloat16" {
		held = checkpoint.BF16
	}
	p := MemoryPlan{Weights: m.WeightBytes(held), Program: programBytes}
	trained, targets := m.NumParameters(), int64(0)
	if c.LoRA.Rank > 0 {
		trained = 0
		for _, spec := range m.TensorSpecs() {
			module := strings.TrimSuffix(spec.Name, ".weight")
			if module != spec.Name && slices.Contains(c.LoRA.Targets, module[strings.LastIndexByte(module, '.')+1:]) {
				targets += int64(spec.Shape[0]) * int64(spec.Shape[1])
				trained += int64(c.LoRA.Rank) * int64(spec.Shape[0]+spec.Shape[1])
			}
		}
	}
	p.Gradients, p.Optimizer = 4*trained, 8*trained
	switch {
	case c.LoRA.Rank > 0:
		p.Reference = targets * int64(held.Size())
		p.Optimizer += 4 * trained // the factors
	case held != checkpoint.F32:
		p.Optimizer += 4 * trained
	}
	if c.Algorithm == AlgorithmGRPO {
		if c.Loss.Beta > 0 && c.LoRA.Rank == 0 {
			p.Reference = p.Weights
		}
		together := min(c.Rollout.Batch, c.Rollout.Questions*c.Rollout.GroupSize)
		pool := m.KVBytesPerToken(held) * int64(longest) * int64(together)
		p.KVPool = max(min(pool, engine.DefaultPoolBytes), m.KVBytesPerToken(held)*int64(longest))
	}

	shape, fill := largestPass(c, longest, prompt)
	p.MicroBatch = shape
	M, N := fill(shape.Tokens()), fill(shape.N)
	D, I, L := int64(m.HiddenSize), int64(m.IntermediateSize), int64(m.NumLayers)
	HE, KE, V := int64(m.NumHeads*m.HeadDim), int64(m.NumKVHeads*m.HeadDim), int64(m.VocabSize)
	rows := shape.B * shape.T
	alone, continued := shape.Prompts()*shape.Prompt*shape.Prompt, rows*(shape.Prompt+shape.T)
	layer := 4 * M * (4*I + 8*D + 3*HE + 2*KE)
	if shape.Group == 0 {
		alone, continued = continued, 0
	} else {
		layer += 4 * fill(rows) * HE
	}
	scores := 4 * fill(alone+continued) * int64(m.NumHeads)
	kept := 4 * fill(2*alone+continued*5/4) * int64(m.NumHeads)
	p.Logits = 4*V*D + 4*N*V*29/10
	if !c.Update.Remat {
		p.Activations = L * (layer + kept)
	} else {
		inputs := 4 * L * M * D
		atHead, inLayer := inputs+scores+34*M*D+p.Logits, inputs+3*scores+layer*11/10
		if inLayer > atHead {
			p.Activations, p.Logits = inLayer, 0
		} else {
			p.Activations = atHead - p.Logits
		}
	}
	p.Total = p.Weights + p.Reference + p.Gradients + p.Optimizer + p.KVPool + p.Activations + p.Logits + p.Program
	return p
}

// largestPass is the shape of a gradient pass over sequences that are all as long as
// they may be. Shorter ones may fill a pass better: fill says to what a number of
// the shape's then grows.
func largestPass(c Config, longest, prompt int) (shape model.DenseShape, fill func(int) int64) {
	group, sequences := 1, c.Update.Batch // of a mini-batch
	if c.Algorithm == AlgorithmGRPO {
		group = c.Rollout.GroupSize
		sequences = (c.Rollout.Questions + c.Update.MiniBatches - 1) / c.Update.MiniBatches * group
	}
	sequences = min(sequences, group*(c.Update.MicroTokens/longest+1)) // more do not fit into one
	pairs := make([]model.Pair, sequences)
	completion := make([]int32, max(longest-prompt, 1))
	for i := range pairs {
		if i%group == 0 {
			ids := make([]int32, max(prompt, 1))
			ids[0] = int32(i)
			pairs[i].Prompt = ids
		} else {
			pairs[i].Prompt = pairs[i-1].Prompt
		}
		pairs[i].Completion = completion
	}
	total := 0
	for _, batch := range c.batches(pairs) {
		if total == 0 {
			shape = batch.Shape
		}
		total += batch.Shape.Tokens()
	}
	tokens := shape.Tokens()
	full := max(tokens, min(c.Update.MicroTokens, total))
	return shape, func(n int) int64 { return int64(n) * int64(full) / int64(tokens) }
}

// describe says what a pass computes: rows × tokens, after prompts × tokens.
func describe(s model.DenseShape) string {
	rows := fmt.Sprintf("%d × %d tokens", s.B, s.T)
	if s.Group == 0 {
		return rows
	}
	return fmt.Sprintf("%s after %d × %d", rows, s.Prompts(), s.Prompt)
}

// Write shows the plan to a person.
func (p MemoryPlan) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "memory\tMiB\t")
	for _, row := range []struct {
		name  string
		bytes int64
	}{
		{"weights", p.Weights}, {"reference", p.Reference}, {"gradients", p.Gradients}, {"optimizer", p.Optimizer}, {"kv pool", p.KVPool},
		{"activations of " + describe(p.MicroBatch), p.Activations}, {"logits", p.Logits}, {"program", p.Program}, {"total", p.Total},
	} {
		fmt.Fprintf(t, "%s\t%d\t\n", row.name, row.bytes>>20)
	}
	return t.Flush()
}

// remedy is a setting that makes a run smaller.
type remedy struct {
	setting string
	apply   func(c *Config, dtype *string)
}

// remedies are tried in this order, each on top of those before: first what only
// costs time, then what changes what is trained.
func remedies(c Config) []remedy {
	all := []remedy{{"--set update.remat=true", func(c *Config, _ *string) { c.Update.Remat = true }}}
	for micro := c.Update.MicroTokens / 2; micro >= 64; micro /= 2 {
		all = append(all, remedy{fmt.Sprintf("--set update.micro_tokens=%d", micro), func(c *Config, _ *string) { c.Update.MicroTokens = micro }})
	}
	for batch := c.Rollout.Batch / 2; batch >= 1; batch /= 2 {
		all = append(all, remedy{fmt.Sprintf("--set rollout.batch=%d", batch), func(c *Config, _ *string) { c.Rollout.Batch = batch }})
	}
	return append(all,
		remedy{"--dtype bfloat16", func(_ *Config, dtype *string) { *dtype = "bfloat16" }},
		remedy{"--set lora.rank=16", func(c *Config, _ *string) { c.LoRA.Rank = max(c.LoRA.Rank, 16) }})
}

// fits returns an error that names the settings that would make a plan fit into
// available bytes, the fewest of them, if any would.
func (p MemoryPlan) fits(available int64, c Config, m *checkpoint.Config, dtype string, longest, prompt int) error {
	if p.Total <= available {
		return nil
	}
	reason := fmt.Sprintf("the run needs about %d MiB of memory, %d MiB are free", p.Total>>20, available>>20)
	all := remedies(c)
	plan := func(chosen []remedy) MemoryPlan {
		smaller, held := c, dtype
		for _, r := range chosen {
			r.apply(&smaller, &held)
		}
		return planMemory(smaller, m, held, longest, prompt)
	}
	for _, r := range all { // one alone
		if plan([]remedy{r}).Total <= available {
			return fmt.Errorf("%s: it fits with %s", reason, r.setting)
		}
	}
	var chosen []remedy
	for _, r := range all { // or each that helps, until they are enough
		with := append(slices.Clone(chosen), r)
		// Of several values of one setting the last counts.
		if n := len(chosen); n > 0 && strings.Split(chosen[n-1].setting, "=")[0] == strings.Split(r.setting, "=")[0] {
			with = append(slices.Clone(chosen[:n-1]), r)
		}
		if plan(with).Total >= plan(chosen).Total {
			continue
		}
		chosen = with
		if plan(chosen).Total <= available {
			var settings []string
			for _, r := range chosen {
				settings = append(settings, r.setting)
			}
			return fmt.Errorf("%s: it fits with %s", reason, strings.Join(settings, " "))
		}
	}
	return fmt.Errorf("%s: no setting makes it fit, a smaller model or shorter sequences (rollout.max_tokens) would", reason)
}

// availableMemory is what the machine has free, in bytes; 0 where it does not say.
func availableMemory() int64 { return procValue("/proc/meminfo", "MemAvailable:") }

// residentMemory is what this process has now, in bytes; 0 where the system does
// not say.
func residentMemory() int64 { return procValue("/proc/self/status", "VmRSS:") }

// peakMemory is the most memory that this process has had, in bytes; 0 where the
// system does not say.
func peakMemory() int64 { return procValue("/proc/self/status", "VmHWM:") }

func procValue(path, key string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var name string
		var kib int64
		if n, _ := fmt.Sscan(line, &name, &kib); n == 2 && name == key {
			return kib << 10
		}
	}
	return 0
}
