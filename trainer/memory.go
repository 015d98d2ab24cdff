package trainer

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/op"
)

// MemoryPlan is what a run needs of the device, in bytes.
type MemoryPlan struct {
	Weights     int64 `json:"weights"`     // the model that is trained
	Reference   int64 `json:"reference"`   // the model that it is compared with, or the base of an adapter
	Gradients   int64 `json:"gradients"`   // float32
	Optimizer   int64 `json:"optimizer"`   // two moments, masters of weights held in less than float32, factors of an adapter
	KVPool      int64 `json:"kv_pool"`     // keys and values of the rollouts
	Activations int64 `json:"activations"` // of one gradient pass, without the logits
	Logits      int64 `json:"logits"`      // those of a block of the vocabulary, and the head's gradient
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
// a row; for each completion token three rows of a block of logits. With remat only
// the layers' inputs are kept, and either the logits or one layer is the peak.
func planMemory(c Config, m *checkpoint.Config, dtype string, longest, prompt int) MemoryPlan {
	held := checkpoint.F32
	if dtype == "bfloat16" {
		held = checkpoint.BF16
	}
	p := MemoryPlan{Weights: m.WeightBytes(held), Program: programBytes}
	trained := m.TensorSpecs()
	if c.LoRA.Rank > 0 {
		trained = nil
		for _, spec := range m.TensorSpecs() {
			if factors := c.LoRA.factors(spec); factors != nil {
				trained = append(trained, factors...)
				p.Reference += int64(spec.Shape[0]*spec.Shape[1]) * int64(held.Size()) // the base
			}
		}
	}
	for _, spec := range trained {
		n := int64(1)
		for _, d := range spec.Shape {
			n *= int64(d)
		}
		p.Gradients += 4 * n
		p.Optimizer += momentBytes(c.Optimizer.State, spec.Shape)
		if c.LoRA.Rank > 0 || held != checkpoint.F32 && c.Optimizer.Masters {
			p.Optimizer += 4 * n // the factors, or masters
		}
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
	p.Logits = 4 * (3*N*min(V, op.VocabularyBlock) + V*D) // and the head's gradient, or its blocks cut out
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
// costs time, then what rounds more, then what changes what is trained.
func remedies(c Config) []remedy {
	set := func(setting string, apply func(c *Config)) remedy {
		return remedy{"--set " + setting, func(c *Config, _ *string) { apply(c) }}
	}
	all := []remedy{set("update.remat=true", func(c *Config) { c.Update.Remat = true })}
	for micro := c.Update.MicroTokens / 2; micro >= 64; micro /= 2 {
		all = append(all, set(fmt.Sprintf("update.micro_tokens=%d", micro), func(c *Config) { c.Update.MicroTokens = micro }))
	}
	for batch := c.Rollout.Batch / 2; batch >= 1; batch /= 2 {
		all = append(all, set(fmt.Sprintf("rollout.batch=%d", batch), func(c *Config) { c.Rollout.Batch = batch }))
	}
	return append(all,
		set("optimizer.state=int8", func(c *Config) { c.Optimizer.State = StateInt8 }),
		remedy{"--dtype bfloat16", func(_ *Config, dtype *string) { *dtype = "bfloat16" }},
		remedy{"--dtype bfloat16 --set optimizer.masters=false", func(c *Config, dtype *string) { c.Optimizer.Masters, *dtype = false, "bfloat16" }},
		set("lora.rank=16", func(c *Config) { c.LoRA.Rank = max(c.LoRA.Rank, 16) }))
}

// fit returns the fewest settings with which a run fits into available bytes, none
// if it does as it is, and its plan with them; ok is false when no settings do. Only
// remedies that allowed takes are tried, all where it is nil.
func fit(available int64, c Config, m *checkpoint.Config, dtype string, longest, prompt int, allowed func(remedy) bool) (settings []string, p MemoryPlan, ok bool) {
	plan := func(chosen []remedy) MemoryPlan {
		smaller, held := c, dtype
		for _, r := range chosen {
			r.apply(&smaller, &held)
		}
		return planMemory(smaller, m, held, longest, prompt)
	}
	var chosen []remedy
	if p = plan(nil); p.Total <= available {
		return nil, p, true
	}
	all := remedies(c)
	if allowed != nil {
		all = slices.DeleteFunc(all, func(r remedy) bool { return !allowed(r) })
	}
	for _, r := range all { // one alone
		if p := plan([]remedy{r}); p.Total <= available {
			return []string{r.setting}, p, true
		}
	}
	key := func(r remedy) string { return strings.Split(r.setting, "=")[0] }
	for _, r := range all { // or each that helps, until they are enough
		with := append(slices.Clone(chosen), r)
		// Of several values of one setting the last counts.
		if n := len(chosen); n > 0 && key(chosen[n-1]) == key(r) {
			with = append(slices.Clone(chosen[:n-1]), r)
		}
		if plan(with).Total < plan(chosen).Total {
			chosen = with
		}
		if p = plan(chosen); p.Total <= available {
			break
		}
	}
	// With those that came later, earlier ones may be milder or needless.
	for i := len(chosen) - 1; i >= 0 && p.Total <= available; i-- {
		fewer := slices.Delete(slices.Clone(chosen), i, i+1)
		if plan(fewer).Total <= available {
			chosen = fewer
			continue
		}
		for _, r := range all {
			milder := slices.Clone(chosen)
			milder[i] = r
			if key(r) == key(chosen[i]) && plan(milder).Total <= available {
				chosen = milder
				break
			}
		}
	}
	p = plan(chosen)
	for _, r := range chosen {
		settings = append(settings, r.setting)
	}
	return settings, p, p.Total <= available
}

// fits returns an error that names the settings that would make a plan fit into
// available bytes, the fewest of them, if any would.
func (p MemoryPlan) fits(available int64, c Config, m *checkpoint.Config, dtype string, longest, prompt int) error {
	if p.Total <= available {
		return nil
	}
	reason := fmt.Sprintf("the run needs about %d MiB of memory, there are %d MiB", p.Total>>20, available>>20)
	if settings, _, ok := fit(available, c, m, dtype, longest, prompt, nil); ok {
		return fmt.Errorf("%s: it fits with %s", reason, strings.Join(settings, " "))
	}
	return fmt.Errorf("%s: no setting makes it fit, a smaller model or shorter sequences (rollout.max_tokens) would", reason)
}

// availableMemory is what the machine has free, or the container that the process is in if
// that is less, in bytes; 0 where neither says.
func availableMemory() int64 {
	free := procValue("/proc/meminfo", "MemAvailable:")
	if left := containerMemory("/sys/fs/cgroup"); left > 0 && (free == 0 || left < free) {
		return left
	}
	return free
}

// containerMemory is what is left of a control group's limit, without what the system
// would give back for it; 0 without a limit. root is where groups are mounted, version 2
// or 1; within a container its own group is there.
func containerMemory(root string) int64 {
	number := func(name string) int64 {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return 0
		}
		n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64) // "max" is none
		return n
	}
	limit, used, stat := number("memory.max"), number("memory.current"), "memory.stat"
	if limit == 0 {
		limit, used, stat = number("memory/memory.limit_in_bytes"), number("memory/memory.usage_in_bytes"), "memory/memory.stat"
	}
	if limit <= 0 || limit >= 1<<60 { // version 1 has a number close to 2^63 for none
		return 0
	}
	data, _ := os.ReadFile(filepath.Join(root, stat))
	for line := range strings.Lines(string(data)) {
		var name string
		var bytes int64
		if n, _ := fmt.Sscan(line, &name, &bytes); n == 2 && name == "inactive_file" {
			used -= bytes
		}
	}
	return max(limit-used, 1)
}

// residentMemory is what this process has now, in bytes; 0 where the system does
// not say.
func residentMemory() int64 { return procValue("/proc/self/status", "VmRSS:") }

// PeakMemory is the most memory that this process has had resident, in bytes; 0 where
// the system does not say.
func PeakMemory() int64 { return procValue("/proc/self/status", "VmHWM:") }

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
