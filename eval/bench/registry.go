package bench

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/internal/hub"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/internal/settings"
)

// Entry describes a benchmark: where its data lie and how it is asked. The comment
// at the head of registry.yaml explains the fields.
type Entry struct {
	About     string   `yaml:"about"`
	Languages []string `yaml:"languages"`
	Answer    Answer   `yaml:"answer"`
	// DataName is the benchmark's name as the grader knows it.
	DataName string `yaml:"grader"`
	// Samples drawn for each question when nothing else is said.
	Samples int `yaml:"samples"`
	// MaxTokens generated when nothing else is said.
	MaxTokens int `yaml:"max_tokens"`
	// Exemplars is a file of worked examples under the folder of benchmarks, or "".
	Exemplars string   `yaml:"exemplars"`
	Sources   []Source `yaml:"sources"`

	name   string
	byPath bool   // a dataset named by its path or hub id
	dir    string // that paths are relative to, before Options.Dir; of a user's registry
}

// Source is a place that a benchmark may be read from.
type Source struct {
	Path      string            `yaml:"path"`
	Hub       string            `yaml:"hub"`
	Revision  string            `yaml:"revision"`
	Languages []string          `yaml:"languages"`
	Called    map[string]string `yaml:"called"` // what the source calls languages, where not by our code
	Config    string            `yaml:"config"`
	Split     string            `yaml:"split"`
	Columns   []string          `yaml:"columns"`
	Quoted    bool              `yaml:"quoted"`
	Fields    map[string]string `yaml:"fields"`
	Patterns  map[string]string `yaml:"patterns"`
	Choices   *Choices          `yaml:"choices"`

	patterns map[string]*regexp.Regexp
	// Of Options.
	solutions, unanswered bool

	// Of a dataset named by its path, whose records nothing describes.
	ofPath    bool
	guesses   *guesses
	guessedID bool
}

// Choices describe options that stand in columns of their own.
type Choices struct {
	Column  string   `yaml:"column"`  // a list of texts
	Columns []string `yaml:"columns"` // or a text each
	Answer  string   `yaml:"answer"`  // how the answer names one: letter, index or text
	Shuffle bool     `yaml:"shuffle"`
	Suffix  string   `yaml:"suffix"`
}

// RegistryFile is the name of a registry of the user's own in the folder of
// benchmarks.
const RegistryFile = "benchmarks.yaml"

//go:embed registry.yaml
var registryText []byte

// Registry holds the benchmarks that are part of the program, by name.
var Registry = func() map[string]Entry {
	entries, err := parseRegistry(registryText)
	if err != nil {
		panic("registry.yaml, which is part of the program: " + err.Error())
	}
	return entries
}()

// Names lists the benchmarks that are part of the program.
func Names() []string { return slices.Sorted(maps.Keys(Registry)) }

// Lookup is the description of a benchmark by name: of the registry that o names,
// else of the one in o.Dir, else of the program's own. What is none of these is the
// path of a dataset or its id on the hub, of which only the defaults are known.
func Lookup(name string, o Options) (Entry, error) {
	entries, err := registry(o)
	if err != nil {
		return Entry{}, err
	}
	if e, ok := entries[name]; ok {
		return e, nil
	}
	_, absent := os.Stat(name)
	if name != "" && (absent == nil || strings.ContainsAny(name, `/\.`)) {
		return Entry{
			DataName: "math", Samples: 1, MaxTokens: defaultMaxTokens,
			Sources: []Source{{Columns: []string{"problem", "answer"}}}, name: name, byPath: true,
		}, nil
	}
	names := slices.Sorted(maps.Keys(entries))
	return Entry{}, fmt.Errorf("unknown benchmark %q: expected %s, the path of a dataset (.jsonl, "+
		".parquet, a folder) or its hub id owner/name%s",
		name, strings.Join(names, ", "), nearest.Hint(name, names))
}

// ByPath reports whether the benchmark is a dataset named by its path or hub id, which
// Options.Fields are for.
func (e Entry) ByPath() bool { return e.byPath }

// registry is all that is known by name with these options.
func registry(o Options) (map[string]Entry, error) {
	entries := maps.Clone(Registry)
	var files []string
	if o.Dir != "" {
		own := filepath.Join(o.Dir, RegistryFile)
		if _, err := os.Stat(own); err == nil {
			files = append(files, own)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if o.Registry != "" {
		files = append(files, o.Registry)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("registry: %w", err)
		}
		own, err := parseRegistry(text)
		if err != nil {
			return nil, fmt.Errorf("registry %s: %w", file, err)
		}
		for name, e := range own {
			e.dir = filepath.Dir(file)
			entries[name] = e
		}
	}
	return entries, nil
}

const defaultMaxTokens = 2048

// fieldNames are the keys of a registry's `fields:`, a part of a problem each.
var fieldNames = []string{"id", "language", "problem", "answer", "solution", "level", "type"}

// alsoCalled are other words for parts of a problem in Options.Fields.
var alsoCalled = map[string]string{"question": "problem", "prompt": "problem", "completion": "solution"}

var benchmarkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// parseRegistry reads a registry and reports the first entry that is wrong.
func parseRegistry(text []byte) (map[string]Entry, error) {
	entries := map[string]Entry{}
	if err := settings.Read(text, &entries); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		if err := e.check(name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		entries[name] = e
	}
	return entries, nil
}

func (e *Entry) check(name string) error {
	e.name = name
	_, wrongAnswer := e.Answer.Type()
	if e.DataName == "" {
		e.DataName = "math"
	}
	if e.Samples == 0 {
		e.Samples = 1
	}
	if e.MaxTokens == 0 {
		e.MaxTokens = defaultMaxTokens
	}
	switch {
	case !benchmarkName.MatchString(name):
		return errors.New("not a name: expected letters, digits, _ and -")
	case len(e.Languages) == 0:
		return errors.New("languages: none is named")
	case wrongAnswer != nil:
		return wrongAnswer
	case grade.Known(e.DataName):
		return fmt.Errorf("grader is %q, which is chosen for a run "+
			"(--grader, or reward.grader and eval.grader in training): here stands "+
			"the benchmark's name in the Qwen2.5-Math grader, such as math, mmlu_stem or minerva_math",
			e.DataName)
	case e.DataName != "math" && answer.Known(e.DataName):
		return fmt.Errorf("grader is %q, which is a type of answer: write answer: %s, and for the grader "+
			"the benchmark's name in the Qwen2.5-Math grader, such as math or mmlu_stem",
			e.DataName, e.DataName)
	case e.Samples < 0:
		return fmt.Errorf("samples is %d: expected 1 or more", e.Samples)
	case e.MaxTokens < 0:
		return fmt.Errorf("max_tokens is %d: expected 1 or more", e.MaxTokens)
	case len(e.Sources) == 0 && !Builtin(name):
		return errors.New("sources: none is named")
	}
	for i := range e.Sources {
		if err := e.Sources[i].check(e.Languages); err != nil {
			return fmt.Errorf("sources[%d]: %w", i, err)
		}
	}
	return nil
}

func (s *Source) check(languages []string) error {
	if s.Path == "" && s.Hub == "" {
		return errors.New("neither path nor hub is named")
	}
	if s.Hub != "" && !hub.IsID(s.Hub) {
		return fmt.Errorf("hub is %q: expected owner/name", s.Hub)
	}
	if s.Hub != "" && s.Path != "" && !filepath.IsLocal(s.Path) {
		return fmt.Errorf("path %q points outside the repository", s.Path)
	}
	for _, l := range s.Languages {
		if !slices.Contains(languages, l) {
			return fmt.Errorf("languages: %q is none of the benchmark's", l)
		}
	}
	for l := range s.Called {
		if !slices.Contains(languages, l) {
			return fmt.Errorf("called: %q is none of the benchmark's languages", l)
		}
	}
	for part := range s.Fields {
		if !slices.Contains(fieldNames, part) {
			return fmt.Errorf("fields: unknown part %q: expected %s%s", part, strings.Join(fieldNames, ", "),
				nearest.Hint(part, fieldNames))
		}
	}
	if len(s.Fields) > 0 && (s.Fields["problem"] == "" || s.Fields["answer"] == "") {
		return errors.New("fields: problem and answer are needed")
	}
	s.patterns = map[string]*regexp.Regexp{}
	for part, pattern := range s.Patterns {
		if !slices.Contains(fieldNames, part) {
			return fmt.Errorf("patterns: unknown part %q: expected %s%s", part, strings.Join(fieldNames, ", "),
				nearest.Hint(part, fieldNames))
		}
		expression, err := regexp.Compile(pattern)
		if err != nil {
			return fmt.Errorf("patterns: %s: %w", part, err)
		}
		if expression.NumSubexp() < 1 {
			return fmt.Errorf("patterns: %s: no group, expected one or more", part)
		}
		s.patterns[part] = expression
	}
	if c := s.Choices; c != nil {
		if (c.Column == "") == (len(c.Columns) == 0) {
			return errors.New("choices: expected either column or columns")
		}
		if c.Answer == "" {
			c.Answer = "letter"
		}
		if !slices.Contains([]string{"letter", "index", "text"}, c.Answer) {
			return fmt.Errorf("choices: answer is %q: expected letter, index or text", c.Answer)
		}
	}
	return nil
}

// Repositories are the datasets of the hub that a benchmark can be read from, with
// the files of each that are needed for all its languages and splits.
func (e Entry) Repositories() []Repository {
	var out []Repository
	for _, s := range e.Sources {
		if s.Hub == "" {
			continue
		}
		r := Repository{ID: s.Hub, Revision: s.Revision, Languages: s.languages(e)}
		for _, language := range r.Languages {
			if path := s.fill(s.Path, language, "*"); path != "" && !slices.Contains(r.Paths, path) {
				r.Paths = append(r.Paths, path)
			}
		}
		out = append(out, r)
	}
	return out
}

// Repository is a dataset of the hub, and the paths or patterns in it that are
// needed; none for all.
type Repository struct {
	ID, Revision string
	Paths        []string
	Languages    []string // of the benchmark that it has
}

// languages that the source has of an entry.
func (s *Source) languages(e Entry) []string {
	if len(s.Languages) > 0 {
		return s.Languages
	}
	return e.Languages
}

// fill puts language and split into a path or a name.
func (s *Source) fill(text, language, split string) string {
	language = cmp.Or(s.Called[language], language)
	return strings.NewReplacer("{language}", language, "{split}", split).Replace(text)
}

// inLanguage is the source with the columns of a language: where every language has a column
// of its own, the field {language} names it.
func (s Source) inLanguage(language string) *Source {
	s.Fields = maps.Clone(s.Fields)
	for _, part := range []string{"problem", "answer", "solution"} {
		if s.Fields[part] == "{language}" {
			s.Fields[part] = s.fill(s.Fields[part], language, "")
		}
	}
	return &s
}
