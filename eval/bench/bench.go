// Package bench loads the problems of a benchmark in some languages.
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
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stele/engine/jsonl"
	"stele/eval/bench/arith"
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
}

// Options choose from a benchmark.
type Options struct {
	Dir    string // holds <benchmark>/<language>.jsonl
	Limit  int    // first N questions, the same in each language; 0 for all
	Split  string // train or test where the benchmark has both; empty for test
	Levels []int  // of difficulty; empty for all
}

// Arith is the name of the built-in benchmark.
const Arith = "arith"

// Load reads a benchmark by name (see Registry), or the problems of one JSONL
// file, plain or with .gz, whose records name their language; a record without
// one belongs to the first language.
func Load(name string, languages []string, o Options) ([]Problem, error) {
	if len(languages) == 0 {
		return nil, errors.New("no language is asked for")
	}
	var all []Problem
	var err error
	switch entry, known := Registry[name]; {
	case name == Arith:
		all, err = loadArith(languages, o)
	case known:
		all, err = entry.load(name, languages, o)
	case strings.Contains(name, ".jsonl"):
		all, err = loadFile(name, languages)
	default:
		return nil, fmt.Errorf("unknown benchmark %q: expected %s or the path of a .jsonl file", name, strings.Join(Names(), ", "))
	}
	if err != nil {
		return nil, err
	}
	if name != Arith && len(o.Levels) > 0 {
		all = slices.DeleteFunc(all, func(p Problem) bool { return !slices.Contains(o.Levels, p.Level) })
	}
	return choose(name, all, languages, o.Limit)
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
				return nil, fmt.Errorf("%s in %s: question %s is there twice", name, language, p.ID)
			}
			seen[p.ID] = true
			if i == 0 {
				answers[p.ID] = p.Answer
			} else if first, ok := answers[p.ID]; ok && first != p.Answer {
				return nil, fmt.Errorf("%s: question %s has answer %q in %s and %q in %s", name, p.ID, first, languages[0], p.Answer, language)
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

func loadArith(languages []string, o Options) ([]Problem, error) {
	split := arith.Split(o.Split)
	if split == "" {
		split = arith.Test
	}
	generated, err := arith.Generate(o.Levels, split, languages)
	if err != nil {
		return nil, err
	}
	problems := make([]Problem, len(generated))
	for i, p := range generated {
		problems[i] = Problem{
			ID: p.ID, Benchmark: Arith, Language: p.Language, Problem: p.Text, Answer: p.Answer, Solution: p.Solution, Level: p.Level,
		}
	}
	return problems, nil
}

// load reads the files of a known benchmark.
func (e Entry) load(name string, languages []string, o Options) ([]Problem, error) {
	var all []Problem
	for _, language := range languages {
		if !slices.Contains(e.Languages, language) {
			return nil, fmt.Errorf("%s is not there in %s: it has %s", name, language, strings.Join(e.Languages, " "))
		}
		file, err := e.file(language, o)
		if err != nil {
			return nil, fmt.Errorf("%s in %s: %w", name, language, err)
		}
		problems, err := loadFile(file, []string{language})
		if err != nil {
			return nil, err
		}
		for i := range problems {
			problems[i].Benchmark = name
		}
		all = append(all, problems...)
	}
	return all, nil
}

// file finds the file of a language, packed or not.
func (e Entry) file(language string, o Options) (string, error) {
	split := o.Split
	if split == "" {
		split = "test"
	}
	base := strings.NewReplacer("{language}", language, "{split}", split).Replace(e.Path)
	for _, suffix := range []string{"", ".gz"} {
		path := filepath.Join(o.Dir, base+suffix)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("no file %s: name the folder of benchmarks with --data", filepath.Join(o.Dir, base))
}

// loadFile reads problems from JSONL. The first language is that of records that
// name none; records in other languages than those asked for are left out.
func loadFile(path string, languages []string) ([]Problem, error) {
	in, err := jsonl.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return readProblems(in, languages)
}

func readProblems(in *jsonl.Reader, languages []string) ([]Problem, error) {
	var problems []Problem
	for {
		record, err := in.Next()
		if err == io.EOF {
			return problems, nil
		}
		if err != nil {
			return nil, err
		}
		p, err := problem(record)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.Where(), err)
		}
		if p.Language == "" {
			p.Language = languages[0]
		}
		if p.ID == "" {
			p.ID = fmt.Sprint(len(problems))
		}
		if slices.Contains(languages, p.Language) {
			problems = append(problems, p)
		}
	}
}

// problem reads a record; the question may be called problem or question, and
// ids and answers may be numbers.
func problem(record *jsonl.Record) (Problem, error) {
	var p Problem
	for _, field := range []struct {
		to    *string
		names []string
		must  bool
	}{
		{&p.ID, []string{"id"}, false}, {&p.Benchmark, []string{"benchmark"}, false}, {&p.Language, []string{"language"}, false},
		{&p.Problem, []string{"problem", "question"}, true}, {&p.Answer, []string{"answer"}, true},
		{&p.Solution, []string{"solution"}, false}, {&p.Type, []string{"type"}, false},
	} {
		found := false
		for _, name := range field.names {
			var value any
			ok, err := record.Decode(name, &value)
			if err != nil {
				return p, err
			}
			if !ok || found {
				continue
			}
			found = true
			switch v := value.(type) {
			case string:
				*field.to = v
			case float64:
				*field.to = fmt.Sprint(v)
			default:
				return p, fmt.Errorf("field %q is neither text nor a number", name)
			}
		}
		if field.must && strings.TrimSpace(*field.to) == "" {
			return p, fmt.Errorf(`no "%s"`, strings.Join(field.names, `" or "`))
		}
	}
	var level any
	if _, err := record.Decode("level", &level); err != nil {
		return p, err
	}
	switch v := level.(type) {
	case float64:
		p.Level = int(v)
	case string: // "Level 3", as MATH has it
		_, _ = fmt.Sscanf(strings.TrimPrefix(v, "Level "), "%d", &p.Level)
	}
	return p, nil
}
