// Package bench loads the problems of a benchmark in some languages; registry.yaml
// says what the benchmarks are.
//
// Invariants: one id is the same question in every language; what Load returns is
// checked, language by language in the order asked for, questions in the order of
// the file.
package bench

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/bench/arith"
	"github.com/stele-lm/stele/eval/dataset"
	"github.com/stele-lm/stele/internal/hub"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
)

// Problem is a question in one language.
type Problem struct {
	ID        string `json:"id"`
	Benchmark string `json:"benchmark"`
	Language  string `json:"language"`
	Problem   string `json:"problem"`
	Answer    string `json:"answer"`
	Solution  string `json:"solution"` // worked out; empty where the benchmark has none
	Level     int    `json:"level"`    // of difficulty; 0 where the benchmark has none
	Type      string `json:"type"`
	// AnswerType is the answer.Label of the type of Answer.
	AnswerType string `json:"answer_type,omitempty"`
	// Messages are the conversation that the data ask with, the user's Problem last;
	// nil where they ask with a text.
	Messages []text.Turn `json:"messages,omitempty"`
	// Turns are the whole conversation, the assistant's turn last, where Options.Solutions asks for solutions
	// and the data have a conversation; Solution is that last turn.
	Turns []text.Turn `json:"turns,omitempty"`
}

// Options choose from a benchmark.
type Options struct {
	Dir      string // folder of benchmarks, as <benchmark>/<language>.jsonl
	Registry string // file of the user's own benchmarks; beside Dir/benchmarks.yaml
	Limit    int    // first N questions, the same in each language; 0 for all
	Split    string // train or test where the benchmark has both; empty for test
	Levels   []int  // of difficulty; empty for all
	// Fields say where the parts of a problem are in a dataset named by its path, as
	// {"answer": "reward_model.ground_truth"}; what they leave out is looked for at
	// the usual places.
	Fields map[string]string
	// Solutions asks for what is learnt from: each problem has a Solution, or Turns, and need not have an Answer.
	Solutions bool
	// Unanswered lets problems have no Answer, or a text without a final one: nobody compares with it.
	Unanswered bool
	// Say gets a line about what was guessed of a dataset named by its path; nil is
	// silent.
	Say io.Writer
}

// Arith is the name of the first of the built-in benchmarks.
const Arith = "arith"

// Load reads the problems of a benchmark: one that Lookup knows by name, or a
// dataset of the user's own by its path or its id in the hub cache, whose records
// name their language; a record without one belongs to the first language.
func Load(name string, languages []string, o Options) ([]Problem, error) {
	if len(languages) == 0 {
		return nil, errors.New("no language is asked for")
	}
	entry, err := Lookup(name, o)
	if err != nil {
		return nil, err
	}
	var all []Problem
	switch {
	case entry.builtin():
		all, err = loadBuiltin(name, languages, o)
	case entry.Languages == nil:
		all, err = entry.loadPath(name, languages, o)
	default:
		all, err = entry.load(languages, o)
	}
	if err != nil {
		return nil, err
	}
	if !entry.builtin() && len(o.Levels) > 0 {
		there := slices.Clone(all)
		var absent []int
		for _, level := range o.Levels {
			if !slices.ContainsFunc(all, func(p Problem) bool { return p.Level == level }) {
				absent = append(absent, level)
			}
		}
		all = slices.DeleteFunc(all, func(p Problem) bool { return !slices.Contains(o.Levels, p.Level) })
		if len(all) == 0 && len(there) > 0 {
			return nil, fmt.Errorf("%s has no question of level %s: %s", name, numbers(o.Levels),
				levelsOf(there))
		}
		if len(absent) > 0 && o.Say != nil {
			fmt.Fprintf(o.Say, "%s has no question of level %s: %s\n", name, numbers(absent), levelsOf(there))
		}
	}
	return choose(name, all, languages, o.Limit)
}

// numbers are levels in words.
func numbers(levels []int) string {
	var out []string
	for _, l := range levels {
		out = append(out, strconv.Itoa(l))
	}
	return strings.Join(out, " or ")
}

// levelsOf says which levels there are, and of how many questions.
func levelsOf(problems []Problem) string {
	count := map[int]int{}
	for _, p := range problems {
		count[p.Level]++
	}
	if len(count) == 1 && count[0] > 0 {
		return "its questions have no level that is a number"
	}
	var out []string
	for _, l := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%d of level %d", count[l], l))
	}
	return "it has " + strings.Join(out, ", ")
}

// choose groups problems by language, checks that they are parallel and takes the
// first of each.
func choose(name string, all []Problem, languages []string, limit int) ([]Problem, error) {
	var out []Problem
	answers := map[string]string{}
	for i, language := range languages {
		seen := map[string]bool{}
		n := 0
		for _, p := range all {
			if p.Language != language || limit > 0 && n == limit {
				continue
			}
			if seen[p.ID] {
				return nil, fmt.Errorf("%s in %s: question %s appears twice", name, language, p.ID)
			}
			seen[p.ID] = true
			if i == 0 {
				answers[p.ID] = p.Answer
			} else if first, ok := answers[p.ID]; ok && first != p.Answer && answer.Universal(p.AnswerType) {
				return nil, fmt.Errorf("%s: question %s has answer %q in %s and %q in %s",
					name, p.ID, first, languages[0], p.Answer, language)
			}
			out = append(out, p)
			n++
		}
		if n == 0 {
			return nil, fmt.Errorf("%s has no question in %s", name, language)
		}
	}
	return out, nil
}

// Builtin says whether a benchmark of a name is built in.
func Builtin(name string) bool {
	_, ok := arith.Find(name)
	return ok
}

// builtin says whether the program makes the questions: the benchmark has a built-in one's name,
// and no file of the user's is called like it.
func (e Entry) builtin() bool { return Builtin(e.name) && len(e.Sources) == 0 }

func loadBuiltin(name string, languages []string, o Options) ([]Problem, error) {
	split := arith.Split(o.Split)
	if split == "" {
		split = arith.Test
	}
	task, _ := arith.Find(name)
	generated, err := task.Generate(o.Levels, split, languages)
	if err != nil {
		return nil, err
	}
	problems := make([]Problem, len(generated))
	for i, p := range generated {
		problems[i] = Problem{
			ID: p.ID, Benchmark: name, Language: p.Language, Problem: p.Text, Answer: p.Answer,
			Solution: p.Solution, Level: p.Level,
		}
	}
	return problems, nil
}

// defaultSplit is read when no split is asked for.
const defaultSplit = "test"

// load reads the data of a known benchmark, each language from the first source
// that has it.
func (e Entry) load(languages []string, o Options) ([]Problem, error) {
	var all []Problem
	for _, language := range languages {
		if !slices.Contains(e.Languages, language) {
			return nil, fmt.Errorf("%s does not exist in %s: it has %s", e.name, language,
				strings.Join(e.Languages, " "))
		}
		problems, err := e.loadLanguage(language, o)
		if err != nil {
			return nil, err
		}
		all = append(all, problems...)
	}
	return all, nil
}

func (e Entry) loadLanguage(language string, o Options) ([]Problem, error) {
	split := o.Split
	if split == "" {
		split = defaultSplit
	}
	of, err := e.Answer.Type()
	if err != nil {
		return nil, err
	}
	var sought []string
	for _, s := range e.Sources {
		if !slices.Contains(s.languages(e), language) {
			continue
		}
		files, missing, err := s.files(e.dir, language, split, o)
		if err != nil {
			return nil, fmt.Errorf("%s in %s: %w", e.name, language, err)
		}
		if missing != "" {
			sought = append(sought, missing)
			continue
		}
		in := dataset.OpenFiles(files, s.options(language, split))
		own := s.inLanguage(language)
		own.solutions = o.Solutions
		problems, err := own.read(in, of, split, []string{language})
		if err := errors.Join(err, in.Close()); err != nil {
			return nil, err
		}
		if err := checkEncoding(files[0], problems); err != nil {
			return nil, err
		}
		for i := range problems {
			problems[i].Benchmark = e.name
		}
		return problems, nil
	}
	advice := ""
	if len(e.Repositories()) > 0 {
		advice = ", or fetch it with stele pull " + e.name
	}
	return nil, fmt.Errorf("%s in %s: not found as %s: name the folder of benchmarks with --data%s",
		e.name, language, strings.Join(sought, ", "), advice)
}

// options say how the source's files are read.
func (s *Source) options(language, split string) dataset.Options {
	return dataset.Options{Config: s.Config, Split: s.fill(s.Split, language, split), Columns: s.Columns,
		Quoted: s.Quoted}
}

// files finds the data of a language; missing says what is not there.
func (s *Source) files(own, language, split string, o Options) (files []string, missing string, err error) {
	path := s.fill(s.Path, language, split)
	var roots []string
	if s.Hub != "" {
		root, err := hub.Snapshot(hub.Dataset, s.Hub, s.Revision)
		if errors.Is(err, hub.ErrNotCached) {
			return nil, s.Hub + " in the hub cache", nil
		}
		if err != nil {
			return nil, "", err
		}
		roots = []string{root}
	} else {
		if own != "" {
			roots = append(roots, own)
		}
		if filepath.IsAbs(path) {
			roots, path = []string{"/"}, strings.TrimPrefix(path, "/")
		} else if own == "" || o.Dir != "" && o.Dir != own {
			roots = append(roots, o.Dir)
		}
	}
	for _, root := range roots {
		found, err := s.find(root, path, language, split)
		if errors.Is(err, fs.ErrNotExist) {
			missing = filepath.Join(root, path)
			continue
		}
		return found, "", err
	}
	return nil, missing, nil
}

// find lists the files of a path under root; one that is not there is looked for
// packed.
func (s *Source) find(root, path, language, split string) ([]string, error) {
	if strings.ContainsAny(path, "*?") {
		if _, err := os.Stat(root); err != nil {
			return nil, err
		}
		files, err := dataset.Glob(root, path)
		if err != nil {
			return nil, fmt.Errorf("%w (%w)", err, fs.ErrNotExist)
		}
		return files, nil
	}
	full := filepath.Join(root, filepath.FromSlash(path))
	if _, err := os.Stat(full); errors.Is(err, fs.ErrNotExist) && path != "" {
		if _, err := os.Stat(full + ".gz"); err == nil {
			full += ".gz"
		}
	}
	return dataset.Files(full, s.options(language, split))
}

// openPath opens a dataset by its path, or by its id in the hub cache.
func (e Entry) openPath(path string, o Options) (*dataset.Reader, *Source, error) {
	source := &e.Sources[0]
	source.Split, source.ofPath, source.guesses = o.Split, true, &guesses{}
	source.solutions, source.guesses.solutions, source.unanswered = o.Solutions, o.Solutions, o.Unanswered
	source.Fields = nil
	for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
		part, field := name, o.Fields[name]
		if also, ok := alsoCalled[name]; ok {
			part = also
		}
		if !slices.Contains(fieldNames, part) {
			return nil, nil, fmt.Errorf("fields: unknown part %q: expected %s%s", part,
				strings.Join(fieldNames, ", "), nearest.Hint(part, fieldNames))
		}
		if source.Fields[part] != "" {
			return nil, nil, fmt.Errorf("fields: %s appears twice, once as %s", part, name)
		}
		if source.Fields == nil {
			source.Fields = map[string]string{}
		}
		source.Fields[part] = field
		if strings.TrimSpace(field) == "" {
			return nil, nil, fmt.Errorf("fields: %s names no field", part)
		}
	}
	root := path
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && hub.IsID(path) {
		if root, err = hub.Snapshot(hub.Dataset, path, ""); err != nil {
			return nil, nil, fmt.Errorf("%s is no file or folder here, and as a dataset of the hub: %w",
				path, err)
		}
	}
	options := source.options("", "")
	options.Header, options.Say = source.header(), o.Say
	in, err := dataset.Open(root, options)
	return in, source, err
}

// loadPath reads a dataset by its path. Records in other languages than those asked for
// are left out.
func (e Entry) loadPath(path string, languages []string, o Options) ([]Problem, error) {
	in, source, err := e.openPath(path, o)
	if err != nil {
		return nil, err
	}
	problems, err := source.read(in, answer.Math, o.Split, languages)
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	if err := checkEncoding(path, problems); err != nil {
		return nil, err
	}
	source.guesses.say(o.Say, path)
	return problems, nil
}

// header are the names that tell the header of a file of text: those that parts of a problem have in other programs'
// data, and those that Fields name.
func (s *Source) header() []string {
	names := slices.Concat(fieldNames, learntPlaces)
	for _, part := range fieldNames {
		names = append(names, usualPlaces[part]...)
		field := s.Fields[part]
		own := []string{field}
		if hole.MatchString(field) {
			own = nil
			for _, name := range hole.FindAllString(field, -1) {
				own = append(own, name[1:len(name)-1])
			}
		}
		for _, name := range own {
			first, _, _ := strings.Cut(name, ".")
			names = append(names, name, first)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// checkEncoding refuses data whose answers or questions are all base64, as some tools
// write columns of bytes: every answer to them would be wrong.
func checkEncoding(path string, problems []Problem) error {
	for _, part := range []struct {
		name string
		of   func(Problem) string
	}{{"answer", func(p Problem) string { return p.Answer }},
		{"problem", func(p Problem) string { return p.Problem }}} {
		all, padded := len(problems) > 0, ""
		for _, p := range problems {
			value := part.of(p)
			if all = all && fromBase64(value) != ""; !all {
				break
			}
			if decoded(value) != "" {
				padded = value
			}
		}
		if all && padded != "" {
			return fmt.Errorf("%s: every %s is base64, such as %.60q, which is %.60q: write the column as "+
				"text, not as bytes", path, part.name, padded, fromBase64(padded))
		}
	}
	return nil
}

// records gives records one after another: a dataset.Reader, a jsonl.Reader.
type records interface {
	Next() (*jsonl.Record, error)
	Where() string
}

// readProblems reads problems from columns of the usual names.
func readProblems(in records, languages []string) ([]Problem, error) {
	return (&Source{}).read(in, answer.Math, defaultSplit, languages)
}

// read reads all problems in the given languages; the first is that of records
// which name none.
func (s *Source) read(in records, of answer.Type, split string, languages []string) ([]Problem, error) {
	var problems []Problem
	others := map[string]int{} // records in languages that were not asked for
	own := *s
	s = &own
	for row := 0; ; row++ {
		record, err := in.Next()
		if err == io.EOF {
			if len(problems) == 0 && len(others) > 0 {
				return nil, fmt.Errorf("%s: no question in %s: its records are in %s", in.Where(),
					strings.Join(languages, " "), strings.Join(slices.Sorted(maps.Keys(others)), ", "))
			}
			if row == 0 {
				return nil, fmt.Errorf("%s: no record", in.Where())
			}
			s.countRows(problems)
			return problems, nil
		}
		if err != nil {
			return nil, err
		}
		p, err := s.problem(record, of, split, row)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.Where(), err)
		}
		if p.Language == "" {
			p.Language = languages[0]
		}
		if p.ID == "" {
			p.ID = strconv.Itoa(row)
		}
		if slices.Contains(languages, p.Language) {
			problems = append(problems, p)
		} else {
			others[p.Language]++
		}
	}
}

// countRows numbers the problems of each language where ids that were guessed name
// several.
func (s *Source) countRows(problems []Problem) {
	if !s.guessedID || s.guesses == nil {
		return
	}
	seen := map[[2]string]bool{}
	for _, p := range problems {
		key := [2]string{p.Language, p.ID}
		s.guesses.repeats = s.guesses.repeats || seen[key]
		seen[key] = true
	}
	if s.guesses.repeats {
		row := map[string]int{}
		for i := range problems {
			problems[i].ID = strconv.Itoa(row[problems[i].Language])
			row[problems[i].Language]++
		}
	}
}

// Exemplars are the worked examples of a benchmark in a language, in the order of
// the file: at most n, or an error when there are fewer.
func Exemplars(name, language string, n int, o Options) ([]Problem, error) {
	entry, err := Lookup(name, o)
	if err != nil {
		return nil, err
	}
	if entry.Exemplars == "" {
		return nil, fmt.Errorf("%s has no worked examples: its registry entry names no exemplars", name)
	}
	source := Source{Path: entry.Exemplars}
	files, missing, err := source.files(entry.dir, language, defaultSplit, o)
	if err != nil {
		return nil, err
	}
	if missing != "" {
		return nil, fmt.Errorf("the worked examples of %s are missing: there is no file %s", name, missing)
	}
	in := dataset.OpenFiles(files, dataset.Options{})
	all, err := readProblems(in, []string{language})
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	if len(all) < n {
		return nil, fmt.Errorf("%s: %d worked examples in %s, %d are asked for", files[0], len(all),
			language, n)
	}
	for _, p := range all[:n] {
		if p.Solution == "" {
			return nil, fmt.Errorf(`%s: example %s in %s has no "solution"`, files[0], p.ID, language)
		}
	}
	return all[:n], nil
}
