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
	// Formula names the graph that Loss builds: objectives with the same name build the
	// same, and share compiled programs.
	Formula string
	// Inputs are the numbers of each token that Loss reads. A run has those of Offered.
	Inputs []Input
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

// Numbers that a run offers of each token of a rollout. Every objective has Weight.
const (
	Weight     = "weight"     // see Aggregation
	Sampled    = "sampled"    // log-probability that the engine reported
	Old        = "old"        // log-probability under the policy before the update
	Ref        = "ref"        // log-probability under the reference model; 0 without one
	Advantage  = "advantage"  // see Advantages
	Correction = "correction" // see ImportanceSampling of Options
)

// Offered lists them.
var Offered = []string{Weight, Sampled, Old, Ref, Advantage, Correction}

// Numbers that a pass returns of each token, whatever the objective.
const (
	LogProb = "logprob"
	Entropy = "entropy" // of the distribution that the token was drawn from
)

// Columns are inputs of an objective: numbers by their name, one for each entry of a batch.
type Columns map[string][]float32

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

// Objective makes the objective and checks that a run has what it reads: Offered of a
// rollout, nothing but Weight of a solution.
func (a Algorithm) Objective(options Options) (Objective, error) {
	o, err := a.New(options)
	if err != nil {
		return o, err
	}
	for _, in := range o.Inputs {
		if !a.Rollouts {
			return o, fmt.Errorf("algorithm %s reads %q, which reference solutions do not have", a.Name, in.Name)
		}
		if !slices.Contains(Offered, in.Name) {
			return o, fmt.Errorf("algorithm %s reads %q: rollouts have %q", a.Name, in.Name, Offered)
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
