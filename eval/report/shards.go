package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/internal/jsonl"
)

// samplesFolder holds the index of samples.html and the texts, in shards, as scripts: a page that is opened from a
// file may load these, and nothing else.
const samplesFolder = "samples"

// shardBytes is about how long a shard is.
const shardBytes = 1 << 20

// sampleIndex is what the page of samples knows before it loads a shard: every sample by what it is filtered by.
type sampleIndex struct {
	Models     []indexModel    `json:"models"`
	Pairs      [][2]string     `json:"pairs"` // base and trained, by name
	Benchmarks []string        `json:"benchmarks"`
	Languages  []indexLanguage `json:"languages"`
	Graders    []string        `json:"graders"`
	Questions  []indexQuestion `json:"questions"`
	Shards     []int           `json:"shards"` // the first sample of each
	// Of each sample, sorted by question, language, model and number.
	Question []int32 `json:"question"`
	Language []int32 `json:"language"`
	Model    []int32 `json:"model"`
	Sample   []int32 `json:"sample"`
	Marks    []marks `json:"marks"`
	Tokens   []int32 `json:"tokens"`
}

type indexModel struct {
	Name string `json:"name"`
	Of   string `json:"of,omitempty"` // the mean over seeds that it is one of
}

type indexLanguage struct {
	Code   string `json:"code"`
	Called string `json:"called"`
}

// indexQuestion is a question in all its languages.
type indexQuestion struct {
	benchmark int
	id        string
}

// MarshalJSON writes a question as a pair.
func (q indexQuestion) MarshalJSON() ([]byte, error) { return json.Marshal([]any{q.benchmark, q.id}) }

// sampled are the models whose samples are there, each seed by itself, and the means that they are of.
func (s *study) sampled() (models []*model, of []string) {
	for _, m := range s.models {
		each := []*model{m}
		mean := ""
		if m.seeds != nil {
			each, mean = m.seeds, m.name
		}
		for _, one := range each {
			if one.answers != nil && len(one.answers.lines) > 0 {
				models, of = append(models, one), append(of, mean)
			}
		}
	}
	return models, of
}

// placedSample is a sample in the order of the page.
type placedSample struct {
	question, language, model int32
	line                      *sampleLine
}

// index orders the samples of the study.
func (s *study) index() (*sampleIndex, []*model, []placedSample) {
	models, of := s.sampled()
	x := &sampleIndex{Pairs: [][2]string{}}
	var evaluations []evaluation
	for i, m := range models {
		x.Models = append(x.Models, indexModel{m.name, of[i]})
		evaluations = append(evaluations, m.evaluation)
	}
	for _, p := range s.pairs {
		x.Pairs = append(x.Pairs, [2]string{p.base.name, p.name()})
	}
	for _, g := range grade.Graders {
		x.Graders = append(x.Graders, g.Name)
	}
	benchmarks, languages := benchmarksOf(evaluations), []string{}
	for _, m := range models {
		for _, key := range m.answers.keys {
			if !slices.Contains(benchmarks, key[0]) {
				benchmarks = append(benchmarks, key[0])
			}
			if !slices.Contains(languages, key[1]) {
				languages = append(languages, key[1])
			}
		}
	}
	x.Benchmarks, languages = benchmarks, s.known.inOrder(languages)
	for _, l := range languages {
		x.Languages = append(x.Languages, indexLanguage{l, s.known.called(l)})
	}
	// Questions in the order of their benchmarks, then as they come in the first model's file.
	type named struct {
		benchmark int32
		id        string
	}
	first := map[named]int{}
	var questions []named
	at := func(key [3]string) named { return named{int32(slices.Index(benchmarks, key[0])), key[2]} }
	for _, m := range models {
		for _, key := range m.answers.keys {
			q := at(key)
			if _, there := first[q]; !there {
				first[q] = len(questions)
				questions = append(questions, q)
			}
		}
	}
	slices.SortStableFunc(questions, func(a, b named) int { return cmp.Compare(a.benchmark, b.benchmark) })
	for i, q := range questions {
		first[q] = i
		x.Questions = append(x.Questions, indexQuestion{int(q.benchmark), q.id})
	}
	var placed []placedSample
	for k, m := range models {
		where := make([]placedSample, len(m.answers.keys))
		for i, key := range m.answers.keys {
			where[i] = placedSample{question: int32(first[at(key)]), language: int32(slices.Index(languages, key[1])),
				model: int32(k)}
		}
		for i := range m.answers.lines {
			one := where[m.answers.lines[i].key]
			one.line = &m.answers.lines[i]
			placed = append(placed, one)
		}
	}
	slices.SortStableFunc(placed, func(a, b placedSample) int {
		return cmp.Or(cmp.Compare(a.question, b.question), cmp.Compare(a.language, b.language),
			cmp.Compare(a.model, b.model), cmp.Compare(a.line.sample, b.line.sample))
	})
	for _, p := range placed {
		x.Question, x.Language = append(x.Question, p.question), append(x.Language, p.language)
		x.Model, x.Sample = append(x.Model, p.model), append(x.Sample, p.line.sample)
		x.Marks, x.Tokens = append(x.Marks, p.line.marks), append(x.Tokens, p.line.tokens)
	}
	return x, models, placed
}

// said are a sample's texts.
type said struct {
	Prompt     string `json:"prompt"`
	Output     string `json:"output"`
	Extracted  string `json:"extracted"`
	Reference  string `json:"reference"`
	Lang       string `json:"lang"`
	AnswerLang string `json:"answer_lang"`
	Via        string `json:"via"`
}

// shard is the texts of samples that follow each other. What is said of one is its prompt's number, output,
// extracted answer, reference, language of the reasoning and of the answer, and the rule that decided its verdict.
type shard struct {
	Prompts []string `json:"prompts"`
	Said    [][]any  `json:"said"`
	numbers map[string]int
	bytes   int
}

func (x *shard) add(s *said) {
	number, there := x.numbers[s.Prompt]
	if !there {
		number = len(x.Prompts)
		x.numbers[s.Prompt] = number
		x.Prompts = append(x.Prompts, s.Prompt)
		x.bytes += len(s.Prompt)
	}
	x.Said = append(x.Said, []any{number, s.Output, s.Extracted, s.Reference, s.Lang, s.AnswerLang, s.Via})
	x.bytes += len(s.Output) + len(s.Extracted) + len(s.Reference)
}

// writeSamples writes samples.html and its folder; nothing where no samples are there. The page comes last, so
// that it refers to what is whole.
func (r *Report) writeSamples(dir string) error {
	index, models, placed := r.study.index()
	folder := filepath.Join(dir, samplesFolder)
	if len(placed) == 0 {
		return errors.Join(removeShards(folder, 0), os.RemoveAll(filepath.Join(dir, SamplesPage)))
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files := make([]*os.File, len(models))
	for i, m := range models {
		f, err := os.Open(m.answers.path)
		if err != nil {
			return err
		}
		defer f.Close()
		files[i] = f
	}
	now := &shard{numbers: map[string]int{}}
	flush := func() error {
		if len(now.Said) == 0 {
			return nil
		}
		n := len(index.Shards) - 1
		err := writeScript(filepath.Join(folder, shardName(n)), fmt.Sprintf("stele.shard(%d, ", n), now)
		now = &shard{numbers: map[string]int{}}
		return err
	}
	var line []byte
	for i, p := range placed {
		// A question in a language is in one shard, with what all models said.
		follows := i > 0 && p.question == placed[i-1].question && p.language == placed[i-1].language
		if !follows && now.bytes > shardBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(now.Said) == 0 {
			index.Shards = append(index.Shards, i)
		}
		line = slices.Grow(line[:0], int(p.line.length))[:p.line.length]
		if _, err := files[p.model].ReadAt(line, p.line.offset); err != nil {
			return fmt.Errorf("%s: changed while it was read: %w", models[p.model].answers.path, err)
		}
		var s said
		if err := jsonl.Unmarshal(line, &s); err != nil {
			return fmt.Errorf("%s: changed while it was read: %w", models[p.model].answers.path, err)
		}
		now.add(&s)
	}
	if err := flush(); err != nil {
		return err
	}
	if err := writeScript(filepath.Join(folder, "index.js"), "stele.index(", index); err != nil {
		return err
	}
	if err := removeShards(folder, len(index.Shards)); err != nil {
		return err
	}
	page, err := r.samplesHTML()
	if err != nil {
		return err
	}
	return jsonl.WriteBytes(filepath.Join(dir, SamplesPage), page)
}

func shardName(n int) string { return fmt.Sprintf("%04d.js", n+1) }

var shardFile = regexp.MustCompile(`^[0-9]{4,}\.js$`)

// removeShards removes those that an earlier report of more samples left, and the folder where none are left.
func removeShards(folder string, keep int) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var kept []string
	for i := range keep {
		kept = append(kept, shardName(i))
	}
	var errs []error
	for _, e := range entries {
		old := shardFile.MatchString(e.Name()) && !slices.Contains(kept, e.Name())
		if old || keep == 0 && e.Name() == "index.js" {
			errs = append(errs, os.Remove(filepath.Join(folder, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// writeScript writes a call with a value. encoding/json escapes what would end a script or a line of one: <, >, &,
// U+2028 and U+2029.
func writeScript(path, call string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return jsonl.WriteBytes(path, slices.Concat([]byte(call), bytes.TrimSpace(data), []byte(");\n")))
}
