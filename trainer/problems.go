package trainer

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/prompt"
)

// problem is a problem ready to be sampled or learnt from.
type problem struct {
	bench.Problem
	text     string  // the prompt, with the reasoning prefix when there is one
	prefix   string  // the part of it that counts as the model's output
	ids      []int32 // the prompt's tokens
	solution []int32 // SFT: the reference solution's tokens and the end of sequence
}

// dataset is the problems of a run.
type dataset struct {
	problems []problem // languages interleaved
	long     int       // questions left out because a prompt or a solution is too long
}

// source says where the problems come from; say gets what was guessed.
func (d Data) source(say io.Writer) bench.Options {
	return bench.Options{
		Dir: d.Dir, Registry: d.Registry, Limit: d.Limit, Split: d.Split, Levels: d.Levels, Fields: d.Fields, Say: say,
	}
}

func (d Data) validate() error {
	if d.Count < 0 || d.Limit < 0 || d.MaxSolution < 0 {
		return fmt.Errorf("data: count %d, limit %d and max_solution %d must not be negative", d.Count, d.Limit, d.MaxSolution)
	}
	if d.Count == 0 && (d.Unparallel || len(d.Shares) > 0) {
		return fmt.Errorf("data: unparallel and shares need a count of problems to choose")
	}
	sum := 0.0
	for level, share := range d.Shares {
		if !(share > 0) {
			return fmt.Errorf("data: the share of level %d is %g, expected above 0", level, share)
		}
		sum += share
	}
	if len(d.Shares) > 0 && (sum < 0.999 || sum > 1.001) {
		return fmt.Errorf("data: shares add up to %g, expected 1", sum)
	}
	for i, l := range d.Languages {
		if slices.Contains(d.Languages[:i], l) {
			return fmt.Errorf("data: language %s is there twice", l)
		}
	}
	return nil
}

// reader turns problems into prompts of bounded length.
type reader struct {
	data        Data
	tokenizer   *text.Tokenizer
	template    *text.Template
	maxPrompt   int     // tokens
	sft         bool    // solutions are needed
	maxSolution int     // tokens
	positions   int     // of the model
	eos         []int32 // of the model
	say         io.Writer
}

// load reads the training set. A question whose prompt (or solution, for SFT) is
// too long in one of the languages is left out in all of them, so that a parallel
// set stays one.
func (r *reader) load() (*dataset, error) {
	loaded, err := bench.Load(r.data.Bench, r.data.Languages, r.data.source(r.say))
	if err != nil {
		return nil, err
	}
	d := r.data
	byLanguage := map[string][]bench.Problem{}
	for _, p := range loaded {
		if len(d.Types) == 0 || slices.Contains(d.Types, p.Type) {
			byLanguage[p.Language] = append(byLanguage[p.Language], p)
		}
	}
	for _, language := range d.Languages {
		if len(byLanguage[language]) == 0 {
			return nil, fmt.Errorf("data: %s has no problem in %s of type %s: its types are %s", d.Bench, language, strings.Join(d.Types, " or "), typesOf(loaded))
		}
	}
	set := &dataset{}
	columns := make([][]problem, len(d.Languages))
	switch {
	case d.Count == 0:
		columns, err = r.takeAll(byLanguage, set)
	case d.Unparallel:
		taken := map[string]bool{}
		for i, language := range d.Languages {
			own := slices.DeleteFunc(slices.Clone(byLanguage[language]), func(p bench.Problem) bool { return taken[p.ID] })
			var rows [][]problem
			if rows, err = r.choose([][]bench.Problem{own}, set); err != nil {
				break
			}
			columns[i] = rows[0]
			for _, p := range rows[0] {
				taken[p.ID] = true
			}
		}
	default:
		var own [][]bench.Problem
		for _, language := range d.Languages {
			own = append(own, byLanguage[language])
		}
		columns, err = r.choose(own, set)
	}
	if err != nil {
		return nil, err
	}
	set.problems = interleave(columns)
	if len(set.problems) == 0 {
		return nil, fmt.Errorf("data: no problem of %s has a prompt of at most %d tokens", d.Bench, r.maxPrompt)
	}
	return set, nil
}

// typesOf names the types of problems.
func typesOf(problems []bench.Problem) string {
	var types []string
	for _, p := range problems {
		if !slices.Contains(types, p.Type) {
			types = append(types, p.Type)
		}
	}
	slices.Sort(types)
	if len(types) == 0 || len(types) == 1 && types[0] == "" {
		return "not named"
	}
	return strings.Join(types, ", ")
}

// interleave takes one problem of each language in turn, so that every language
// has its share of each step.
func interleave(columns [][]problem) []problem {
	var all []problem
	for i := 0; ; i++ {
		before := len(all)
		for _, column := range columns {
			if i < len(column) {
				all = append(all, column[i])
			}
		}
		if len(all) == before {
			return all
		}
	}
}

// takeAll takes every problem of each language, in file order.
func (r *reader) takeAll(byLanguage map[string][]bench.Problem, set *dataset) ([][]problem, error) {
	long := map[string]bool{}
	columns := make([][]problem, len(r.data.Languages))
	for i, language := range r.data.Languages {
		for _, p := range byLanguage[language] {
			built, fits, err := r.build(p)
			if err != nil {
				return nil, err
			}
			if !fits {
				long[p.ID] = true
			}
			columns[i] = append(columns[i], built)
		}
	}
	for i := range columns {
		columns[i] = slices.DeleteFunc(columns[i], func(p problem) bool { return long[p.ID] })
	}
	set.long = len(long)
	return columns, nil
}

// choose takes Data.Count questions that every column has, the same in each,
// ranked by Data.Seed and their ids alone: neither the order of the file nor what
// else is in it changes which of two questions comes first.
func (r *reader) choose(columns [][]bench.Problem, set *dataset) ([][]problem, error) {
	at := make([]map[string]bench.Problem, len(columns))
	for i, column := range columns {
		at[i] = make(map[string]bench.Problem, len(column))
		for _, p := range column {
			at[i][p.ID] = p
		}
	}
	candidates := slices.DeleteFunc(slices.Clone(columns[0]), func(p bench.Problem) bool {
		return slices.ContainsFunc(at, func(column map[string]bench.Problem) bool { _, ok := column[p.ID]; return !ok })
	})
	rank := func(p bench.Problem) uint64 {
		h := fnv.New64a()
		h.Write([]byte(p.ID))
		return mix(mix(r.data.Seed) + h.Sum64())
	}
	slices.SortFunc(candidates, func(a, b bench.Problem) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID))
	})
	quota := quotas(r.data.Count, r.data.Shares)
	left := r.data.Count
	chosen := make([][]problem, len(columns))
	for _, candidate := range candidates {
		if left == 0 {
			break
		}
		if quota != nil && quota[candidate.Level] == 0 {
			continue
		}
		row := make([]problem, len(columns))
		fits := true
		for i := range columns {
			built, ok, err := r.build(at[i][candidate.ID])
			if err != nil {
				return nil, err
			}
			row[i], fits = built, fits && ok
		}
		if !fits {
			set.long++
			continue
		}
		for i := range row {
			chosen[i] = append(chosen[i], row[i])
		}
		left--
		if quota != nil {
			quota[candidate.Level]--
		}
	}
	if left > 0 {
		missing := ""
		if quota != nil {
			var lacks []string
			for _, level := range slices.Sorted(maps.Keys(quota)) {
				if quota[level] > 0 {
					lacks = append(lacks, fmt.Sprintf("%d of level %d", quota[level], level))
				}
			}
			missing = "; missing are " + strings.Join(lacks, ", ")
		}
		return nil, fmt.Errorf("data: %d problems are asked for, %s has %d that fit%s", r.data.Count, r.data.Bench, r.data.Count-left, missing)
	}
	return chosen, nil
}

// quotas divides a count by shares, the largest remainders first; nil without.
func quotas(count int, shares map[int]float64) map[int]int {
	if len(shares) == 0 {
		return nil
	}
	quota := make(map[int]int, len(shares))
	var levels []int
	left := count
	for level, share := range shares {
		levels = append(levels, level)
		quota[level] = int(share * float64(count))
		left -= quota[level]
	}
	rest := func(level int) float64 {
		return shares[level]*float64(count) - float64(int(shares[level]*float64(count)))
	}
	slices.SortFunc(levels, func(a, b int) int { return cmp.Or(cmp.Compare(rest(b), rest(a)), cmp.Compare(a, b)) })
	for i := range max(left, 0) {
		quota[levels[i%len(levels)]]++
	}
	return quota
}

// build writes a problem's prompt and, for SFT, its solution; fits is false when
// one of them is too long.
func (r *reader) build(p bench.Problem) (built problem, fits bool, err error) {
	options := prompt.Options{Template: r.data.Template, Hack: r.data.Hack}
	if r.template != nil {
		options.Chat = r.template.Render
	}
	asked, err := prompt.Build(p, options)
	if err != nil {
		return built, false, fmt.Errorf("prompt of %s (%s): %w", p.ID, p.Language, err)
	}
	ids, err := asked.Encode(r.tokenizer)
	if err != nil {
		return built, false, fmt.Errorf("prompt of %s (%s): %w", p.ID, p.Language, err)
	}
	built = problem{Problem: p, text: asked.Text, prefix: asked.Prefix, ids: ids}
	if !r.sft {
		return built, len(ids) <= r.maxPrompt && len(ids) < r.positions, nil
	}
	if p.Solution == "" {
		return built, false, fmt.Errorf("problem %s (%s) has no solution to learn from", p.ID, p.Language)
	}
	if built.solution, err = r.tokenizer.Encode(p.Solution, false); err != nil {
		return built, false, fmt.Errorf("solution of %s (%s): %w", p.ID, p.Language, err)
	}
	if len(r.eos) > 0 {
		built.solution = append(built.solution, r.eos[0])
	}
	n := len(built.solution)
	return built, len(ids) <= r.maxPrompt && n <= r.maxSolution && len(ids)+n <= r.positions, nil
}

// order is the endless sequence of problems that a run takes its steps from: the
// training set epoch after epoch, each time in another order that depends on the
// seed alone, so that a resumed run goes on with the same problems.
type order struct {
	problems   []problem
	seed       uint64
	curriculum bool // by level within an epoch

	epoch int // whose permutation is held
	held  []int
}

// take returns count problems from a position of the sequence, counted from 0.
func (o *order) take(position, count int) []problem {
	chosen := make([]problem, 0, count)
	for len(chosen) < count {
		epoch, at := position/len(o.problems), position%len(o.problems)
		if o.held == nil || o.epoch != epoch {
			o.epoch, o.held = epoch, permutation(len(o.problems), o.seed, uint64(epoch))
			if o.curriculum {
				slices.SortStableFunc(o.held, func(a, b int) int { return cmp.Compare(o.problems[a].Level, o.problems[b].Level) })
			}
		}
		take := min(count-len(chosen), len(o.problems)-at)
		for _, i := range o.held[at : at+take] {
			chosen = append(chosen, o.problems[i])
		}
		position += take
	}
	return chosen
}

// permutation is a random order of 0..n-1 that depends on (seed, epoch) alone.
func permutation(n int, seed, epoch uint64) []int {
	order := make([]int, n)
	rank := make([]uint64, n)
	for i := range order {
		order[i] = i
		rank[i] = mix(mix(mix(seed)+epoch) + uint64(i))
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(a, b)) })
	return order
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
