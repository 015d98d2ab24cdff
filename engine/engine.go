// Package engine is a loaded model: it generates and it scores.
//
// Invariants: one set of weights is read by generation, scoring and training;
// what a request generates depends on the weights, the prompt, its sampling
// parameters, seed, id and sample index, and on nothing else that happens to be
// in the batch; the log-probability reported for a sampled token is the one that
// Score computes for it, up to rounding.
package engine

import (
	"fmt"
	"io"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/hostmodel"
	"github.com/stele-lm/stele/engine/paged"
	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/kernels/host"
)

// Options say how a model is loaded and how much of it runs at once. The zero
// value means the defaults named here.
type Options struct {
	Backend string // auto, go, xla:cpu, xla:cuda or xla:PATH; default auto
	// Shared has backends and compiled programs that other models use too; nil shares nothing.
	Shared *backend.Shared
	// Threads are those of host kernels; default GOMAXPROCS. Nothing that is computed depends on
	// them.
	Threads int
	// DType is float32 (default), bfloat16 or, on a CPU and not for training, int8, w8a8 or int4:
	// how weights are held; AutoDType is the model's own (see OwnDType). The key-value pool is bfloat16 but for
	// float32.
	DType   string
	Kernels Kernels // auto (default), host or graph: see Kernels
	// Projections is how the matrices of projections are held, if it quantises: then they are frozen, and
	// computed with in DType.
	Projections blockwise.Format
	// Adapter is added to the model: an adapter in PEFT's layout, by its folder or hub id; "" adds none.
	Adapter string
	// Devices is among how many devices of the backend sequences are divided; each holds the weights and a pool of
	// its own. Default 1.
	Devices int
	// Frozen says that nobody trains the weights soon: a GPU then holds those together that one product can use
	// (see model.Weights.Join). A learner takes them apart.
	Frozen bool

	MaxBatch   int // sequences decoded together on a device; default 32
	PageSize   int // token slots a page of the key-value pool, an even number; default 16
	PoolTokens int // token slots in the pool; default: what the requests need, at most PoolBytes
	// PoolBytes bounds the pool where PoolTokens does not; default DefaultPoolBytes, or
	// half of what is free on a device that has a memory of its own, if that is more.
	PoolBytes int64
	ChunkSize int // most prompt tokens of one sequence in a prefill step; default 512
	// NoPrefixCache computes every prompt anew instead of sharing full pages
	// between requests. A group always shares its prompt.
	NoPrefixCache bool
	// NoDrafts draws every token in a step of its own, where host kernels otherwise compute several that stood
	// together before and draw them if they are right. The tokens are the same.
	NoDrafts bool

	// Log gets one line for each model loaded, program compiled and pool planned, Say what everybody
	// must know: what of the model's folder is not read. Nil is silent.
	Log, Say io.Writer
}

const defaultPageSize = 16

// PoolTokens is how many token slots a pool of the default page size has in which so many sequences of at most longest
// tokens run together and none waits for pages of another.
func PoolTokens(longest, sequences int) int { return poolTokens(longest, sequences, defaultPageSize) }

// poolTokens is PoolTokens for pages of another size. The last page of a sequence is its own, however full, and the
// scheduler begins one only where each that runs has a page more to grow into.
func poolTokens(longest, sequences, page int) int {
	return ((longest+page-1)/page + 1) * page * sequences
}

// DefaultPoolBytes bounds the key-value pool when the options do not.
const DefaultPoolBytes = 2 << 30

func (o *Options) setDefaults() error {
	if o.MaxBatch == 0 {
		o.MaxBatch = 32
	}
	if o.PageSize == 0 {
		o.PageSize = defaultPageSize
	}
	if o.ChunkSize == 0 {
		o.ChunkSize = 512
	}
	if o.Devices == 0 {
		o.Devices = 1
	}
	if o.MaxBatch < 1 || o.PageSize < 1 || o.ChunkSize < 1 || o.PoolTokens < 0 {
		return fmt.Errorf("batch %d, page size %d, chunk size %d and pool tokens %d must be positive",
			o.MaxBatch, o.PageSize, o.ChunkSize, o.PoolTokens)
	}
	if o.PageSize%2 != 0 {
		return fmt.Errorf("page size %d must be even: host kernels take slots in pairs", o.PageSize)
	}
	return nil
}

// Engine is a model on a device. Its methods must not run at the same time.
type Engine struct {
	// Dir is the Hugging Face folder, or the GGUF file, that the model came from.
	Dir       string
	Weights   *model.Weights
	Tokenizer *text.Tokenizer
	// Template is the model's own chat template; nil when it has none.
	Template *text.Template
	// Scored, if it is there, is told as Score is done with pairs: how many, and of how many tokens.
	Scored func(pairs, tokens int)

	options    Options
	companions map[string][]byte // the other files of Dir; see KeepCompanions
	held       *held
	team       *host.Team
	host       *hostmodel.Model // nil when steps are graphs
	pool       *pool
	scores     map[scoreKey]*backend.NamedProgram
	stats      schedule.Stats // of the last call of Generate
	others     []*Engine      // over the replicas of the weights on further devices, with pools of their own
}

// Device returns the device that the model runs on, the first where there are several.
func (e *Engine) Device() *backend.Device { return e.Weights.Device }

// Executor names what generates: "host" for Stele's own kernels, which are the same
// on every CPU backend, or the backend whose graphs do. Runs are the same bit for bit
// only under one of them.
func (e *Engine) Executor() string {
	if e.host != nil {
		return string(KernelsHost)
	}
	return e.Device().Name
}

// Stats returns what the last call of Generate ran: steps, tokens of prompts and of
// completions, what the prefix cache saved, preemptions, most pages in use.
func (e *Engine) Stats() schedule.Stats { return e.stats }

// WeightsChanged must be called after the weights were updated: what the pool
// holds was computed with the old ones.
func (e *Engine) WeightsChanged() {
	for _, one := range e.all() {
		if one.pool != nil {
			one.pool.allocator.Reset()
		}
	}
}

// Close frees the pool, the programs, the adapter and, where no other engine reads them, the weights.
func (e *Engine) Close() {
	for _, one := range e.all() {
		one.dropPool()
		for _, p := range one.scores {
			p.Close()
		}
	}
	e.Weights.Adapter.Close()
	e.Weights.Adapter = nil
	if e.team != nil {
		e.team.Close()
	}
	e.held.release()
	e.Tokenizer.Close()
}

// logf says something to a person who asked for it.
func (e *Engine) logf(format string, args ...any) {
	if e.options.Log != nil {
		fmt.Fprintf(e.options.Log, format+"\n", args...)
	}
}

// pool is the key-value memory of an engine and what runs on it.
type pool struct {
	executor
	pages     int
	allocator *paged.Allocator
}

// Reserve makes the pool that sequences of longest tokens need, some of them decoded together.
// On several devices each makes such a pool.
func (e *Engine) Reserve(longest, together int) error {
	for _, one := range e.all() {
		if err := one.ensurePool(longest, one.poolTokens(longest, together)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) poolTokens(longest, sequences int) int {
	return poolTokens(longest, sequences, e.options.PageSize)
}

// ensurePool makes a pool in which a sequence of longest tokens fits, and as far
// as memory allows want tokens in all. An existing pool that is large enough stays.
func (e *Engine) ensurePool(longest, want int) error {
	c, size := e.Weights.Config, e.options.PageSize
	pagesFor := func(tokens int) int { return (tokens + size - 1) / size }
	tokens := e.options.PoolTokens
	if tokens == 0 {
		most := int(e.poolBytes() / c.KVBytesPerToken(e.poolDType()))
		tokens = max(min(want, most), longest)
	}
	count := pagesFor(tokens) + 1 // page 0 is padding's
	if need := pagesFor(longest) + 1; count < need {
		return fmt.Errorf("a sequence of %d tokens needs %d pages of %d, "+
			"the pool of %d tokens has %d: give it more", longest, need-1, size, tokens, count-1)
	}
	if e.pool != nil && e.pool.pages >= count {
		return nil
	}
	e.dropPool()
	p := &pool{pages: count, allocator: paged.New(count, size)}
	if e.host != nil {
		memory, err := e.host.NewPool(count, size)
		if err != nil {
			return err
		}
		p.executor = &hostSteps{host: e.host, pool: memory}
	} else {
		graphs, err := newGraphs(e.Weights, count, size, e.logf)
		if err != nil {
			return err
		}
		p.executor = graphs
	}
	e.pool = p
	e.logf("key-value pool: %d pages of %d tokens, %.1f MiB", count, size, float64(p.bytes())/(1<<20))
	return nil
}

// poolBytes is the bound of Options.PoolBytes.
func (e *Engine) poolBytes() int64 {
	if e.options.PoolBytes > 0 {
		return e.options.PoolBytes
	}
	if !e.Device().IsCPU() {
		if h, err := e.Device().Hardware(); err == nil {
			return max(DefaultPoolBytes, (h.Limit-h.InUse)/2)
		}
	}
	return DefaultPoolBytes
}

// dropPool frees the pool and what was compiled for its size.
func (e *Engine) dropPool() {
	if e.pool != nil {
		e.pool.close()
		e.pool = nil
	}
}

// poolDType returns the dtype of keys and values in the pool.
func (e *Engine) poolDType() checkpoint.DType {
	if e.host != nil && e.Weights.DType != dtypes.Float32 || e.Weights.HeldAs() == dtypes.BFloat16 {
		return checkpoint.BF16
	}
	return checkpoint.F32
}
