package problems

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/eval/prompt"
	"github.com/stele-lm/stele/internal/splitmix"
)

// Problem is a problem ready to be sampled or learnt from.
type Problem struct {
	bench.Problem
	Text        string  // the prompt, with the reasoning prefix when there is one
	Prefix      string  // its end, which counts as the model's output
	IDs         []int32 // the prompt's tokens
	SolutionIDs []int32 // SFT: the reference solution's tokens and the end of sequence
	// Learnt says which of SolutionIDs are learnt from, where they hold several turns of the assistant's; nil is all.
	Learnt []bool
}

// LearntTokens returns how many of SolutionIDs are learnt from.
func (p *Problem) LearntTokens() (n int) {
	for _, run := range p.LearntRuns() {
		n += run
	}
	return n
}

// LearntRuns yields the tokens of SolutionIDs that are learnt from, as runs of some from the first on.
func (p *Problem) LearntRuns() iter.Seq2[int, int] {
	return func(yield func(first, n int) bool) {
		if p.Learnt == nil {
			yield(0, len(p.SolutionIDs))
			return
		}
		for at := 0; at < len(p.Learnt); {
			end := at
			for end < len(p.Learnt) && p.Learnt[end] == p.Learnt[at] {
				end++
			}
			if p.Learnt[at] && !yield(at, end-at) {
				return
			}
			at = end
		}
	}
}

// Set is the problems of a run.
type Set struct {
	Problems []Problem // languages interleaved
	Long     int       // questions left out because a prompt or a solution is too long
}

// Reader turns problems into prompts of bounded length.
type Reader struct {
	Options     Options
	Tokenizer   *text.Tokenizer
	Template    *text.Template
	MaxPrompt   int       // tokens
	Solutions   bool      // are needed, for SFT
	Unanswered  bool      // problems may have no answer: nobody compares with it
	MaxSolution int       // tokens
	Positions   int       // of the model
	EOS         []int32   // of the model
	Say         io.Writer // gets what was guessed of the data's fields; may be nil

	languages *language.Table
	answers   answer.Type   // of the benchmark
	unthought int           // turns whose reasoning the chat template leaves out
	unread    prompt.Unread // of conversations
	told      int           // prompts of a dataset's text that went into a template's instructions
}

// Load reads the training set. A question whose prompt (or solution, for SFT) is
// too long in one of the languages is left out in all of them, so that a parallel
// set stays one.
func (r *Reader) Load() (*Set, error) {
	source := r.Options.Source(r.Say)
	source.Solutions, source.Unanswered = r.Solutions, r.Unanswered
	loaded, err := bench.Load(r.Options.Bench, r.Options.Languages, source)
	if err != nil {
		return nil, err
	}
	entry, err := bench.Lookup(r.Options.Bench, source)
	if err != nil {
		return nil, err
	}
	if r.answers, err = entry.Answer.Type(); err != nil {
		return nil, err
	}
	if r.languages, err = source.LanguageTable(); err != nil {
		return nil, err
	}
	d := r.Options
	byLanguage := map[string][]bench.Problem{}
	for _, p := range loaded {
		if len(d.Types) == 0 || slices.Contains(d.Types, p.Type) {
			byLanguage[p.Language] = append(byLanguage[p.Language], p)
		}
	}
	for _, language := range d.Languages {
		if len(byLanguage[language]) == 0 {
			return nil, fmt.Errorf("data: %s has no problem in %s of type %s: its types are %s", d.Bench,
				language, strings.Join(d.Types, " or "), typesOf(loaded))
		}
	}
	set := &Set{}
	columns := make([][]Problem, len(d.Languages))
	switch {
	case d.Count == 0:
		columns, err = r.takeAll(byLanguage, set)
	case d.Unparallel:
		taken := map[string]bool{}
		for i, language := range d.Languages {
			own := slices.DeleteFunc(slices.Clone(byLanguage[language]),
				func(p bench.Problem) bool { return taken[p.ID] })
			var rows [][]Problem
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
	if r.unthought > 0 && r.Say != nil {
		fmt.Fprintf(r.Say, "data: the chat template leaves the reasoning (<think>) of %d turns out, which are learnt "+
			"from without it\n", r.unthought)
	}
	if r.Say != nil {
		done := "asked"
		if r.Solutions {
			done = "learnt from"
		}
		r.unread.Say(r.Say, "data", done)
		if r.told > 0 && r.Solutions && entry.ByPath() {
			fmt.Fprintf(r.Say, "data: %d questions were put into the instructions of the template %s; for text to "+
				"continue as it is, set data.template to verbatim\n", r.told, cmp.Or(d.Template, "auto"))
		}
	}
	set.Problems = interleave(columns)
	if len(set.Problems) == 0 {
		return nil, fmt.Errorf("data: no problem of %s has a prompt of at most %d tokens", d.Bench,
			r.MaxPrompt)
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
func interleave(columns [][]Problem) []Problem {
	var all []Problem
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
func (r *Reader) takeAll(byLanguage map[string][]bench.Problem, set *Set) ([][]Problem, error) {
	long := map[string]bool{}
	columns := make([][]Problem, len(r.Options.Languages))
	for i, language := range r.Options.Languages {
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
		columns[i] = slices.DeleteFunc(columns[i], func(p Problem) bool { return long[p.ID] })
	}
	set.Long = len(long)
	return columns, nil
}

// choose takes Data.Count questions that every column has, the same in each,
// ranked by Data.Seed and their ids alone: neither the order of the file nor what
// else is in it changes which of two questions comes first.
func (r *Reader) choose(columns [][]bench.Problem, set *Set) ([][]Problem, error) {
	at := make([]map[string]bench.Problem, len(columns))
	for i, column := range columns {
		at[i] = make(map[string]bench.Problem, len(column))
		for _, p := range column {
			at[i][p.ID] = p
		}
	}
	candidates := slices.DeleteFunc(slices.Clone(columns[0]), func(p bench.Problem) bool {
		return slices.ContainsFunc(at, func(column map[string]bench.Problem) bool {
			_, ok := column[p.ID]
			return !ok
		})
	})
	rank := func(p bench.Problem) uint64 {
		h := fnv.New64a()
		h.Write([]byte(p.ID))
		return splitmix.Mix(splitmix.Mix(r.Options.Seed) + h.Sum64())
	}
	slices.SortFunc(candidates, func(a, b bench.Problem) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID))
	})
	quota := quotas(r.Options.Count, r.Options.Shares)
	left := r.Options.Count
	chosen := make([][]Problem, len(columns))
	for _, candidate := range candidates {
		if left == 0 {
			break
		}
		if quota != nil && quota[candidate.Level] == 0 {
			continue
		}
		row := make([]Problem, len(columns))
		fits := true
		for i := range columns {
			built, ok, err := r.build(at[i][candidate.ID])
			if err != nil {
				return nil, err
			}
			row[i], fits = built, fits && ok
		}
		if !fits {
			set.Long++
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
		return nil, fmt.Errorf("data: %d problems are asked for, %s has %d that fit%s", r.Options.Count,
			r.Options.Bench, r.Options.Count-left, missing)
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
	slices.SortFunc(levels, func(a, b int) int {
		return cmp.Or(cmp.Compare(rest(b), rest(a)),
			cmp.Compare(a, b))
	})
	for i := range max(left, 0) {
		quota[levels[i%len(levels)]]++
	}
	return quota
}

// build writes a problem's prompt and, for SFT, its solution; fits is false when
// one of them is too long.
func (r *Reader) build(p bench.Problem) (built Problem, fits bool, err error) {
	options := prompt.Options{Template: r.Options.Template, Hack: r.Options.Hack, Languages: r.languages,
		Answer: r.answers}
	if err := options.SetChat(r.Template, r.Options.TemplateArgs); err != nil {
		return built, false, err
	}
	if r.Solutions && p.Turns != nil {
		if built, taken, err := r.converse(p, options); err != nil || taken {
			n := len(built.SolutionIDs)
			return built, len(built.IDs) <= r.MaxPrompt && n <= r.MaxSolution && len(built.IDs)+n <= r.Positions, err
		}
	}
	asked, err := prompt.Build(p, options)
	if err != nil {
		return built, false, fmt.Errorf("prompt of %s (%s): %w", p.ID, p.Language, err)
	}
	if err := r.unread.LookAt(p, options, asked); err != nil {
		return built, false, err
	}
	ids, err := asked.Encode(r.Tokenizer)
	if err != nil {
		return built, false, fmt.Errorf("prompt of %s (%s): %w", p.ID, p.Language, err)
	}
	built = Problem{Problem: p, Text: asked.Text, Prefix: asked.Prefix, IDs: ids}
	if r.Options.Template != "plain" && r.Options.Template != "verbatim" && p.Messages == nil {
		r.told++
	}
	if !r.Solutions {
		return built, len(ids) <= r.MaxPrompt && len(ids) < r.Positions, nil
	}
	if p.Solution == "" {
		return built, false, fmt.Errorf("problem %s (%s) has no solution to learn from", p.ID, p.Language)
	}
	if built.SolutionIDs, err = r.Tokenizer.Encode(p.Solution, false); err != nil {
		return built, false, fmt.Errorf("solution of %s (%s): %w", p.ID, p.Language, err)
	}
	if len(r.EOS) > 0 {
		built.SolutionIDs = append(built.SolutionIDs, r.EOS[0])
	}
	n := len(built.SolutionIDs)
	return built, len(ids) <= r.MaxPrompt && n <= r.MaxSolution && len(ids)+n <= r.Positions, nil
}
