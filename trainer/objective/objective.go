package objective

import (
	"fmt"
	"maps"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/nearest"
)

// Objective is a loss for each completion token, as graph code, with the tables of what it reads and what
// it returns. The sum of the losses, each times the token's Weight, is the loss of a batch.
type Objective struct {
	// Formula names the objective in errors.
	Formula string
	// Inputs are the numbers of each token that Loss reads. A run has those of Rollout.
	Inputs []Input
	// RefOnlyWithBeta says that Loss has no use for Ref where beta is 0. A run then loads no
	// reference model, and Ref is 0.
	RefOnlyWithBeta bool
	// Scalars are the numbers that Loss reads once, so that one program serves all their
	// values. Values returns them; beta is the weight of the KL divergence now.
	Scalars []string
	Values  func(beta float64) map[string]float32
	// Sequences says that Loss asks for sums or means over a token's sequence.
	Sequences bool
	// Statistics are the numbers of each token that Loss returns.
	Statistics []string
	// Loss returns the loss of each token, and the statistics through t.Return.
	Loss func(t *Tokens) *Node
	// Derived are further statistics, which are computed of token i on the host.
	Derived map[string]func(seen Seen, columns Columns, i int) float64
	// Report writes metrics of a step; beta is as in Values.
	Report func(t *Totals, beta float64, m map[string]float64)
}

// Input is a number of each token by its name, and what it is where nothing says otherwise.
type Input struct {
	Name    string
	Default float32
}

// Numbers that a run has of each token of a rollout. Every objective reads Weight.
const (
	Weight     = "weight"     // see Aggregation
	Sampled    = "sampled"    // log-probability that the engine reported
	Old        = "old"        // log-probability under the policy before the update
	Ref        = "ref"        // log-probability under the reference model; 0 without one
	Advantage  = "advantage"  // see Advantages
	Correction = "correction" // see ImportanceSampling of Options
)

// Rollout holds what a run knows of a rollout's tokens, a number each. What is nil leaves
// the inputs' defaults.
type Rollout struct {
	Sampled, Old, Ref, Correction []float32
	Advantage                     float32 // the same for all
}

// ofRollout writes a rollout's numbers of one name to the entries of its tokens. Weight, which
// depends on the whole mini-batch, is not among them.
var ofRollout = map[string]func(entries []float32, r Rollout){
	Sampled:    func(entries []float32, r Rollout) { copy(entries, r.Sampled) },
	Old:        func(entries []float32, r Rollout) { copy(entries, r.Old) },
	Ref:        func(entries []float32, r Rollout) { copy(entries, r.Ref) },
	Correction: func(entries []float32, r Rollout) { copy(entries, r.Correction) },
	Advantage: func(entries []float32, r Rollout) {
		for i := range entries {
			entries[i] = r.Advantage
		}
	},
}

// Numbers that a pass returns of each token, whatever the objective.
const (
	LogProb = "logprob"
	Entropy = "entropy" // of the distribution that the token was drawn from
)

// Columns are inputs of an objective: numbers by their name, one for each entry of a batch.
type Columns map[string][]float32

// Fill writes the numbers of a rollout of n tokens, from entry first, to the columns that there are;
// it leaves Weight.
func (c Columns) Fill(first, n int, r Rollout) {
	for name, values := range c {
		if name != Weight {
			ofRollout[name](values[first:first+n], r)
		}
	}
}

// Seen are results of a pass: LogProb, Entropy and the objective's statistics by their name,
// one number for each entry of a batch.
type Seen map[string][]float32

// Columns makes the columns of a batch of n entries: each input's default, weights 0.
func (o Objective) Columns(n int) Columns {
	columns := Columns{Weight: make([]float32, n)}
	for _, in := range o.Inputs {
		columns[in.Name] = slices.Repeat([]float32{in.Default}, n)
	}
	return columns
}

// Reads reports whether an input is one of the objective's.
func (o Objective) Reads(name string) bool {
	return slices.ContainsFunc(o.Inputs, func(in Input) bool { return in.Name == name })
}

// NonFinite looks for the first of n tokens from entry first that has a number that is not
// finite, and says which.
func (o Objective) NonFinite(seen Seen, first, n int) (position int, what string, found bool) {
	names := append([]string{LogProb, Entropy}, o.Statistics...)
	for i := range n {
		for _, name := range names {
			if x := float64(seen[name][first+i]); math.IsNaN(x) || math.IsInf(x, 0) {
				return i, name, true
			}
		}
	}
	return 0, "", false
}

// Algorithm is a way to train, by the name that a configuration has for it.
type Algorithm struct {
	Name string
	// Rollouts says that it learns from completions that the model samples and their
	// rewards. Otherwise it learns from reference solutions.
	Rollouts bool
	// Unused are the settings of Options that it does not read, as "loss.dual_clip".
	Unused []string
	// Own is a struct of the settings that only it has, loss.options in a configuration, with their
	// defaults, yaml tags and a comment for each, from which documents are made; nil for none.
	Own any
	// New makes the objective, or refuses options that are the algorithm's own.
	New func(Options) (Objective, error)
}

// Objective makes the objective and checks that a run has what it reads: the numbers of
// Rollout, and nothing but Weight of a solution. It refuses settings of an algorithm's own
// for one that has none.
func (a Algorithm) Objective(options Options) (Objective, error) {
	if a.Own == nil && len(options.Own) > 0 {
		return Objective{}, fmt.Errorf("loss.options.%s: algorithm %s has no settings of its own",
			slices.Min(slices.Collect(maps.Keys(options.Own))), a.Name)
	}
	o, err := a.New(options)
	if err != nil {
		return o, err
	}
	for _, in := range o.Inputs {
		if !a.Rollouts {
			return o, fmt.Errorf("algorithm %s reads %q, which reference solutions do not have", a.Name, in.Name)
		}
		if in.Name != Weight && ofRollout[in.Name] == nil {
			return o, fmt.Errorf("algorithm %s reads %q: rollouts have %q", a.Name, in.Name,
				append([]string{Weight}, slices.Sorted(maps.Keys(ofRollout))...))
		}
	}
	return o, nil
}

var algorithms = map[string]Algorithm{}

// Register makes an algorithm known. It is called by init functions; a name that is known
// already panics.
func Register(a Algorithm) {
	if _, known := algorithms[a.Name]; known {
		panic(fmt.Errorf("two algorithms are named %q", a.Name))
	}
	algorithms[a.Name] = a
}

// Names lists the algorithms.
func Names() []string { return slices.Sorted(maps.Keys(algorithms)) }

// Named finds an algorithm.
func Named(name string) (Algorithm, error) {
	a, ok := algorithms[name]
	if !ok {
		names := Names()
		return a, fmt.Errorf("unknown algorithm %q: expected %s%s", name, nearest.List(names),
			nearest.Hint(name, names))
	}
	return a, nil
}
