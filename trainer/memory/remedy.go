package memory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// Remedy is a setting that makes a run smaller.
type Remedy struct {
	Setting string // as a command line has it
	apply   func(*Workload)
	// mild ones are settings of a configuration that cost time, or round the optimiser's state.
	mild bool
}

// remedies are tried in this order, each on top of those before: first what only
// costs time, then what rounds more, then what changes what is trained.
func (w Workload) remedies() []Remedy {
	set := func(setting string, apply func(*Workload)) Remedy { return Remedy{"--set " + setting, apply, true} }
	var all []Remedy
	if w.Processes > 1 {
		for stage := w.Optimizer.ZeROStage + 1; stage <= 2 && (stage == 1 || w.scatters()); stage++ {
			all = append(all, set(fmt.Sprintf("optimizer.zero_stage=%d", stage),
				func(w *Workload) { w.Optimizer.ZeROStage = stage }))
		}
	}
	all = append(all, set("update.remat=true", func(w *Workload) { w.Remat = true }))
	for micro := w.Layout.MicroTokens / 2; micro >= 64; micro /= 2 {
		all = append(all, set(fmt.Sprintf("update.micro_tokens=%d", micro),
			func(w *Workload) { w.Layout.MicroTokens = micro }))
	}
	for batch := w.Decoded / 2; batch >= 1; batch /= 2 {
		all = append(all, set(fmt.Sprintf("rollout.batch=%d", batch),
			func(w *Workload) { w.Decoded = batch }))
	}
	adapter := "--set lora.rank=16 "
	if w.LoRA.Trains() {
		adapter = "" // it is what is trained
	}
	return append(all,
		set("optimizer.state=int8", func(w *Workload) { w.Optimizer.State = optimizer.StateInt8 }),
		Remedy{Setting: "--dtype bfloat16", apply: func(w *Workload) { w.DType = "bfloat16" }},
		Remedy{Setting: "--dtype bfloat16 --set optimizer.masters=false",
			apply: func(w *Workload) { w.Optimizer.Masters, w.DType = false, "bfloat16" }},
		Remedy{Setting: "--set lora.rank=16", apply: func(w *Workload) { w.adapt() }},
		Remedy{Setting: adapter + "--set lora.base=nf4", apply: func(w *Workload) {
			w.adapt()
			w.LoRA.Base = blockwise.NF4
		}})
}

// adapt trains an adapter where all weights would be.
func (w *Workload) adapt() {
	if !w.LoRA.Trains() {
		w.LoRA.Rank = 16
	}
}

// Fit returns the fewest settings with which a run fits into available bytes, none
// if it does as it is, and its plan with them; ok is false when no settings do. Only
// remedies that allowed takes are tried, all where it is nil.
func (w Workload) Fit(available int64, allowed func(Remedy) bool) (settings []string, p Plan, ok bool) {
	chosen := w.choose(available, allowed)
	for _, r := range chosen {
		settings = append(settings, r.Setting)
	}
	p = w.with(chosen).Plan()
	return settings, p, p.Total <= available
}

// Choose returns the workload with the fewest settings with which it fits into available bytes,
// of those that change no result beyond rounding and no dtype, and these settings.
func (w Workload) Choose(available int64) (smaller Workload, settings []string) {
	chosen := w.choose(available, func(r Remedy) bool { return r.mild })
	for _, r := range chosen {
		settings = append(settings, strings.TrimPrefix(r.Setting, "--set "))
	}
	return w.with(chosen), settings
}

// with returns the workload with remedies.
func (w Workload) with(chosen []Remedy) Workload {
	for _, r := range chosen {
		r.apply(&w)
	}
	return w
}

// choose returns the fewest remedies with which a run fits into available bytes, or those that
// help most where none are enough.
func (w Workload) choose(available int64, allowed func(Remedy) bool) []Remedy {
	plan := func(chosen []Remedy) Plan { return w.with(chosen).Plan() }
	var chosen []Remedy
	p := plan(nil)
	if p.Total <= available {
		return nil
	}
	all := w.remedies()
	if allowed != nil {
		all = slices.DeleteFunc(all, func(r Remedy) bool { return !allowed(r) })
	}
	for _, r := range all { // one alone
		if p := plan([]Remedy{r}); p.Total <= available {
			return []Remedy{r}
		}
	}
	key := func(r Remedy) string { return strings.Split(r.Setting, "=")[0] }
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
	return chosen
}

// Check returns an error that names the settings that would make the run fit into
// available bytes, the fewest of them, if any would; nil where it fits as it is.
func (w Workload) Check(available int64) error {
	p := w.Plan()
	if p.Total <= available {
		return nil
	}
	reason := fmt.Sprintf("the run needs about %d MiB of memory, and %d MiB are available", p.Total>>20,
		available>>20)
	if settings, _, ok := w.Fit(available, nil); ok {
		return fmt.Errorf("%s: it fits with %s", reason, strings.Join(settings, " "))
	}
	return fmt.Errorf("%s: no setting makes it fit, a smaller model or shorter sequences "+
		"(rollout.max_tokens) would", reason)
}
