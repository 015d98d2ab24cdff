package trainer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/runlock"
	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/isa"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
)

// checked is a run that nothing speaks against, ready to be loaded.
type checked struct {
	source  *engine.Source
	adapter *checkpoint.Adapter // that is trained further; nil for none
	set     *problems.Set
	plan    *Plan
	now     Manifest
	latest  string            // checkpoint to go on from; empty for none
	at      state             // its state
	hashes  map[string]string // of the model's weights, where several processes compared them; nil elsewhere
}

func (c *checked) close() {
	if c.adapter != nil {
		c.adapter.Close()
	}
	if c.source != nil {
		c.source.Close()
	}
}

// Check does what Run does before it loads the model and writes anything: whatever it
// refuses Run refuses, with the same error, and nothing else is refused later that can be
// known now. The plan is there as soon as the data could be read, also with an error. dir
// may be empty: then nothing is said of the folder and the disk.
func Check(ctx context.Context, config Config, dir string, options Options) (*Plan, error) {
	r := newRun(config, dir, options)
	c, err := r.check(ctx)
	if c == nil {
		return nil, err
	}
	defer c.close()
	if c.plan != nil && err != nil {
		c.plan.Refusal = err.Error()
	}
	return c.plan, err
}

// check looks at everything that can be known before the model is loaded, what costs
// least first. What it returns must be closed, also with an error.
func (r *run) check(ctx context.Context) (*checked, error) {
	found, err := r.look(ctx)
	if err = r.together(err); err != nil {
		return found, err
	}
	limit, err := r.limit(found, r.checkAlike(found))
	if err == nil {
		err = r.together(r.settle(ctx, found, limit))
	}
	return found, err
}

// look is check's part before it is known how much memory there is.
func (r *run) look(ctx context.Context) (*checked, error) {
	c := &r.config
	if err := c.validate(); err != nil {
		return nil, err
	}
	dtype, err := engine.ParseDType(r.options.DType)
	if err != nil {
		return nil, err
	}
	if model.HostOnly(dtype) {
		return nil, fmt.Errorf("--dtype %s is for generating on a CPU: train with float32 or bfloat16",
			r.options.DType)
	}
	found := &checked{}
	if r.dir != "" {
		if err := r.findRun(ctx, found); err != nil {
			return nil, err
		}
	}
	from := c.Model
	if found.latest != "" && !c.LoRA.Trains() {
		from = found.latest // an adapter is attached to the base model anew
	}
	if found.source, err = engine.Find(from); err != nil {
		return found, err
	}
	s := found.source
	var layout strings.Builder
	data := c.reader(s.Tokenizer, s.Template, s.Config)
	data.Say = &layout
	if found.set, err = data.Load(); err != nil {
		return found, err
	}
	found.plan = newPlan(*c, s.Dir, s.Config, found.set, r.options.DType)
	if found.plan.Layout = strings.TrimSpace(layout.String()); found.plan.Layout != "" {
		r.sayf("%s", found.plan.Layout)
	}
	if !r.options.IgnoredSaid {
		for _, setting := range found.plan.Ignored {
			r.sayf("%s", setting)
		}
	}
	if n := found.set.Long; n > 0 {
		r.sayf("data: %d questions are left out, their prompts or solutions are too long "+
			"(rollout.max_prompt %d, data.max_solution %d)",
			n, c.Rollout.MaxPrompt, c.Data.MaxSolution)
	}
	asked, name := c.Rollout.Questions, "rollout.questions"
	if !c.Samples() {
		asked, name = c.Update.Batch, "update.batch"
	}
	if n := len(found.set.Problems); asked > n {
		r.sayf("%s is %d and the data has %d prompts: a step takes some of them more than once", name, asked,
			n)
	}
	if err := r.checkPositions(s.Config.MaxPositions, found.plan.workload.Prompt); err != nil {
		return found, err
	}
	backend.Reproducible() // a run goes on exactly
	if err := s.Open(engine.Options{
		Backend: r.options.Backend, DType: r.options.DType, Kernels: r.options.Kernels,
		Shared: r.options.Shared, Threads: r.options.Threads, Devices: r.options.Devices,
		MaxBatch: c.Rollout.Batch, Log: r.options.Log, Say: r.options.Say,
		Projections: c.LoRA.Format(),
		PoolBytes:   engine.DefaultPoolBytes, // as memory.Workload counts
	}); err != nil {
		return found, err
	}
	if r.saved = r.savedIn(s); r.saved != "float32" && s.DType() == "float32" && c.Save.DType == "" {
		r.sayf("checkpoints are written in %s, the model's own dtype (save.dtype: float32 for what it is trained in)",
			r.saved)
		_, notes := s.StoredDType()
		for _, note := range notes {
			r.sayf("%s", note)
		}
	}
	found.plan.Notes, found.plan.Saved = s.Notes(), r.saved
	if err := r.findAdapter(found); err != nil {
		return found, err
	}
	if w := found.plan.workload; found.adapter != nil || !reflect.DeepEqual(w.Model, s.Config) {
		w.Model, w.LoRA = s.Config, c.LoRA // the head may be another than was announced
		if found.adapter != nil {
			w.Factors = lora.Of(found.adapter, s.Config.Model().Tensors())
		}
		found.plan.take(w)
	}
	if _, err := s.Device().Description(); err != nil { // opens it
		return found, err
	}
	found.plan.take(attended(found.plan.workload, s.Device()))
	if d := s.Device(); !d.IsCPU() && found.plan.workload.DType == "bfloat16" {
		if none := d.CUDNN(); none != nil {
			r.sayf("attention is computed in blocks, which takes time and memory: %v", none)
		}
	}
	planned := found.plan.workload.On(len(s.Mesh()))
	planned.Processes = r.job.Size
	if s.Device().IsCPU() {
		planned.Exchange = r.job.ExchangeBytes()
	}
	found.plan.take(planned)
	if none := learner.Scatters(s.Device(), len(s.Mesh())); c.Optimizer.ZeROStage > 1 && r.job.Size > 1 && none != nil {
		r.sayf("optimizer.zero_stage: 2 works as 1 here: %v", none)
	}
	if c.Optimizer.ZeROStage > 0 && r.job.Size == 1 {
		r.sayf("optimizer.zero_stage has no effect: it divides what several processes have (mpirun, srun), this is one")
	}
	known, err := c.Data.Source(nil).LanguageTable()
	if err != nil {
		return found, err
	}
	found.now = Manifest{
		Stele: r.options.Version, Backend: s.Device().Name, DType: r.options.DType, Saved: r.saved,
		Rollout: s.Executor(),
		Devices: len(s.Mesh()),
		Kernels: host.Tier().String(), CPU: isa.InForce().String(), Config: *c, OwnLanguages: known.Own(),
		CUDNN: found.plan.workload.CUDNN, Hardware: s.Device().Machine(len(s.Mesh())),
	}
	if found.latest != "" {
		if err := r.started.goesOnAs(found.now); err != nil {
			return found, fmt.Errorf("%s: %w", r.dir, err)
		}
		if was, is := max(r.started.Devices, 1), found.now.Devices; was != is {
			r.sayf("the run began with --devices %d and continues with %d: sums of gradients round differently, so "+
				"it is not bit for bit what it would have been", was, is)
		}
		if was, is := max(found.at.Processes, 1), r.job.Size; was != is {
			r.sayf("the checkpoint is of %d processes and the run continues with %d: sums of gradients round "+
				"differently, so it is not bit for bit what it would have been", was, is)
		}
		was, is := r.started.Kernels, found.now.Kernels
		if was == is && r.started.CPU != "" { // host kernels may lack what XLA uses
			was, is = r.started.CPU, found.now.CPU
		}
		if r.started.CUDNN != found.now.CUDNN {
			is := map[bool]string{false: "computed in blocks", true: "cuDNN's"}
			r.sayf("attention is %s here and was %s when the run began: it continues, but not bit for bit as it would "+
				"have", is[found.now.CUDNN], is[r.started.CUDNN])
		}
		if was != is {
			r.sayf("this machine computes with %s, the run began with %s: it continues, but not bit for bit as it "+
				"would have there", is, was)
		}
	}
	return found, nil
}

// settle is check's part from then on.
func (r *run) settle(ctx context.Context, found *checked, available int64) error {
	c, s := &r.config, found.source
	if err := r.checkMemory(found, available); err != nil {
		return err
	}
	if r.dir != "" && r.writes() {
		err := r.guarded("reading "+r.dir, 0, func() error {
			return r.checkDisk(found.plan.Memory, s.Config.NumParameters())
		})
		if err != nil {
			return err
		}
	}
	if c.Eval.Bench != "" && r.options.CheckEvaluation != nil {
		if err := r.options.CheckEvaluation(s); err != nil {
			return fmt.Errorf("eval: %w", err)
		}
	}
	if c.Samples() {
		p := found.set.Problems[0]
		_, _, own, err := c.scorer()
		if err != nil {
			return err
		}
		of, err := answer.Labelled(p.AnswerType, own)
		if err != nil {
			return err
		}
		return c.Reward.Try(ctx, reward.Rollout{
			ID: p.ID, Prompt: p.Text[:len(p.Text)-len(p.Prefix)], Output: p.Prefix + `\boxed{` + p.Answer +
				"}",
			Answer: p.Answer, Type: of, Language: p.Language, Tokens: 1, MaxTokens: c.Rollout.MaxTokens,
		})
	}
	return nil
}

// findAdapter opens the adapter that is trained further, if there is one, and takes its rank, alpha and targets
// for the run's.
func (r *run) findAdapter(found *checked) (err error) {
	l := &r.config.LoRA
	if l.Adapter == "" {
		return nil
	}
	if found.adapter, err = found.source.OpenAdapter(l.Adapter); err != nil {
		return fmt.Errorf("lora.adapter: %w", err)
	}
	if d := found.adapter.Dropout; d > 0 {
		r.sayf("%s: lora_dropout %g is not applied: training here has none", found.adapter.Dir, d)
	}
	return l.Settle(found.adapter, found.source.Config.Model().Tensors())
}

// beforeManifest reports whether an entry of a run's folder may be there without a manifest: what a run
// that was killed while it began left.
func beforeManifest(e fs.DirEntry) bool {
	for _, name := range []string{"manifest.json", "metrics.jsonl"} {
		if jsonl.IsPartial(e.Name(), name) {
			return true
		}
	}
	if e.Name() == "metrics.jsonl" {
		info, err := e.Info()
		return err == nil && info.Mode().IsRegular() && info.Size() == 0
	}
	return e.Name() == runlock.Name
}

// findRun refuses a folder that this run must not write to, and finds the newest
// checkpoint of the one it goes on with.
func (r *run) findRun(ctx context.Context, found *checked) error {
	done := r.guard("reading "+r.dir, 0)
	_, none := os.Stat(filepath.Join(r.dir, runlock.Name))
	if done(); none == nil && r.writes() {
		release, err := runlock.Lock(ctx, r.dir, r.options.Say, r.guard)
		if err != nil {
			return err
		}
		if err := release(); err != nil {
			return err
		}
	}
	path := filepath.Join(r.dir, "manifest.json")
	done = sync.OnceFunc(r.guard("reading "+path, 0))
	defer done()
	old, err := readManifest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		entries, _ := os.ReadDir(r.dir)
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !beforeManifest(e) }) {
			return fmt.Errorf("%s is not empty and holds no run: choose another folder", r.dir)
		}
		return jsonl.CheckFolder(r.dir)
	case err != nil:
		if folder := jsonl.CheckFolder(r.dir); folder != nil {
			return folder // a file lies in the way
		}
		return err
	case !r.options.Resume:
		return fmt.Errorf("%s already holds a run: continue it with --resume, or choose another folder", r.dir)
	}
	was := old.Config
	if tail := r.options.ModelTail; tail != "" && endsIn(was.Model, tail) && endsIn(r.config.Model, tail) {
		was.Model = r.config.Model
	}
	if tail, now := r.options.AdapterTail, r.config.LoRA.Adapter; tail != "" && endsIn(was.LoRA.Adapter, tail) &&
		endsIn(now, tail) {
		was.LoRA.Adapter = now
	}
	r.config.LoRA = r.config.LoRA.Given(was.LoRA)
	if c := &r.config; c.Memory == MemoryAuto && was.Memory == MemoryAuto {
		given := *c
		c.fit(was.workload(nil, "", 0, 0)) // what was chosen stays chosen
		if !reflect.DeepEqual(given, *c) {
			r.sayf("memory: auto: the run continues with what it began with, update.remat=%t update.micro_tokens=%d "+
				"rollout.batch=%d optimizer.state=%s", c.Update.Remat, c.Update.MicroTokens, c.Rollout.Batch,
				c.Optimizer.State)
		}
	}
	was.samePaths(&r.config)
	if err := was.sameAs(r.config); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := jsonl.CheckFolder(r.dir); err != nil {
		return err
	}
	r.started = old
	if old.older {
		r.sayf("%s was written by an older Stele: the run continues, but not bit for bit as it would have "+
			"with that, and tells apart the languages that it knew (reward.lang_candidates %v)", path,
			old.Config.Reward.LangCandidates)
	}
	done() // a checkpoint's files are watched one by one
	if found.latest, found.at, err = latestCheckpoint(r.dir, r.sayf, r.guard); err != nil {
		return err
	}
	if taken := found.at.Step; found.latest != "" && r.config.Steps < taken {
		return fmt.Errorf("%s: steps is %d, and the run has taken %d: set steps to that or more", path,
			r.config.Steps, taken)
	}
	return nil
}

// endsIn reports whether a path ends in the parts of tail.
func endsIn(path, tail string) bool {
	return path == tail || strings.HasSuffix(path, string(filepath.Separator)+tail)
}

// checkPositions refuses completions of more tokens than the model has positions, and says
// where some of them end earlier than they may. SFT leaves long solutions out instead.
func (r *run) checkPositions(positions, prompt int) error {
	c := r.config
	if !c.Samples() || prompt+c.Rollout.MaxTokens <= positions {
		return nil
	}
	what := fmt.Sprintf("rollout.max_tokens is %d, the longest prompt has %d tokens and the model %d "+
		"positions", c.Rollout.MaxTokens, prompt, positions)
	if c.Rollout.MaxTokens > positions {
		return fmt.Errorf("%s: at most %d fit", what, positions-prompt)
	}
	r.sayf("%s: after it a completion ends at %d and counts as cut off", what, positions-prompt)
	return nil
}

// limit is how much memory a device may take: what the options allow, or else what the machine has free where the
// device is its CPU, and what may be allocated where the device says so; 0 where that is not known. Of several
// processes it is that of the one that has least. own is an error that this one met.
func (r *run) limit(found *checked, own error) (available int64, err error) {
	device := found.source.Device()
	available = r.options.Memory
	if available == 0 && device.IsCPU() {
		if free := memory.Available(); free > 0 {
			// The plan counts the program, most of which is there; devices of a CPU share its memory, and so do
			// processes of a machine.
			available = (free/int64(r.job.LocalSize) + memory.Resident()) / int64(len(found.source.Mesh()))
		}
	} else if available == 0 {
		for _, one := range found.source.Mesh() {
			if h, err := one.Hardware(); err == nil && (available == 0 || h.Limit < available) {
				available = h.Limit
			}
		}
	}
	all, err := r.exchange(binary.LittleEndian.AppendUint64(nil, uint64(available)), own)
	for _, one := range all {
		available = min(available, int64(binary.LittleEndian.Uint64(one)))
	}
	return available, err
}

// checkMemory prints what the run needs and refuses one that does not fit into what is available. A run that is to
// choose its settings by the memory chooses them here.
func (r *run) checkMemory(found *checked, available int64) error {
	device := found.source.Device()
	if c := &r.config; c.Memory == MemoryAuto && r.started.Config.Model == "" && available > 0 {
		before := found.plan.Memory.Total
		smaller, chosen, err := r.choose(found.plan.workload, available)
		if err != nil {
			return err
		}
		if len(chosen) > 0 {
			c.fit(smaller)
			found.plan.take(smaller)
			found.now.Config = *c
			found.source.SetMaxBatch(c.Rollout.Batch)
			r.sayf("memory: auto chose %s: without that the run would need %d MiB, and %d are available",
				strings.Join(chosen, ", "), before>>20, available>>20)
		}
	}
	if r.config.Memory == MemoryAuto && available == 0 {
		r.sayf("memory: auto chooses nothing, because it is not known how much memory there is: give it as in " +
			"--memory 24GiB")
	}
	p := found.plan.Memory
	r.memory, r.available = p, available
	if r.options.Log != nil {
		if err := p.Write(r.options.Log); err != nil {
			return err
		}
	}
	r.sayf("memory planned%s: %d MiB (weights %d, reference %d, gradients and optimizer %d, kv pool %d, "+
		"activations and logits %d)",
		p.Each(), p.Total>>20, p.Weights>>20, p.Reference>>20, (p.Gradients+p.Optimizer)>>20, p.KVPool>>20,
		(p.Activations+p.Logits)>>20)
	if available == 0 {
		return nil
	}
	retainMemory(device, p, available)
	return found.plan.workload.Check(available)
}

// attended returns a workload that says how a device computes attention, and whether it hands gradients over.
func attended(w memory.Workload, d *backend.Device) memory.Workload {
	if d.HostAttention() == nil {
		w.AttentionThreads = threads.Count
	}
	w.CUDNN = w.DType == "bfloat16" && d.CUDNN() == nil
	w.HandsOver = d.HandsOver() == nil
	return w
}

// retainMemory has the memory kept that one gradient pass leaves to the next, on a CPU of whose memory so much is this
// process's that the plan may be off.
func retainMemory(d *backend.Device, p memory.Plan, available int64) {
	if d.IsCPU() && float64(p.Total) < tight*float64(available) {
		backend.RetainMemory()
	}
}
