package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// reader reads the samples.jsonl of a run that is done, question by question.
type reader struct {
	*SampleReader
	file *os.File
	spec *Spec
}

func openSamples(dir string, spec *Spec) (*reader, error) {
	f, err := os.Open(filepath.Join(dir, samplesName))
	if err != nil {
		return nil, err
	}
	return &reader{NewSampleReader(f.Name(), f), f, spec}, nil
}

func (r *reader) close() { r.file.Close() }

// rewind goes back to the first question.
func (r *reader) rewind() error {
	_, err := r.file.Seek(0, io.SeekStart)
	r.SampleReader = NewSampleReader(r.path, r.file)
	return err
}

// errMissing marks samples that are not there; what is there may go on.
var errMissing = errors.New("samples are missing")

// next returns all samples of the next question and their lines, or io.EOF.
func (r *reader) next() (samples []Sample, lines []json.RawMessage, err error) {
	for n := 1; len(samples) < n; {
		s, line, err := r.Next()
		switch {
		case err == io.EOF && len(samples) == 0 && !r.torn:
			return nil, nil, io.EOF
		case err == io.EOF:
			return nil, nil, fmt.Errorf("%s ends after line %d: %w: finish the run with stele eval", r.path,
				r.number, errMissing)
		case err != nil:
			return nil, nil, err
		}
		first := s
		if len(samples) > 0 {
			first = &samples[0]
		} else if n = r.spec.Samples[s.Benchmark]; n < 1 {
			return nil, nil, r.errorf("benchmark %q is not one of the manifest's", s.Benchmark)
		}
		a, b := first.question(), s.question()
		if s.Sample != len(samples) || a.key() != b.key() {
			return nil, nil, r.errorf("sample %d of %s where sample %d of %s belongs: %w: finish the run "+
				"with stele eval",
				s.Sample, b.key(), len(samples), a.key(), errMissing)
		}
		samples, lines = append(samples, *s), append(lines, line)
	}
	return samples, lines, nil
}

// collected are the questions and outcomes that results are made of.
type collected struct {
	questions []Question // without their prompts
	outcomes  []outcome
	hash      *questionHash
}

// add notes a question's samples.
func (c *collected) add(samples []Sample) error {
	q := samples[0].question()
	if err := c.hash.add(&q); err != nil {
		return err
	}
	q.Prompt, q.PromptIDs = "", nil
	c.questions = append(c.questions, q)
	for i := range samples {
		c.outcomes = append(c.outcomes, samples[i].outcome())
	}
	return nil
}

// check compares the questions with the manifest's.
func (c *collected) check(m *Manifest) error {
	switch {
	case len(c.questions) < m.Questions:
		return fmt.Errorf("%w: %d questions of %d are there: finish the run with stele eval", errMissing,
			len(c.questions), m.Questions)
	case len(c.questions) > m.Questions:
		return fmt.Errorf("%d questions are there, the manifest says %d", len(c.questions), m.Questions)
	case c.hash.sum() != m.QuestionsSHA256:
		return fmt.Errorf("the questions are not those of the manifest: their SHA-256 is %s, expected %s",
			c.hash.sum(), m.QuestionsSHA256)
	}
	return nil
}

// noManifest says that a folder is of no run.
type noManifest string

func (dir noManifest) Error() string {
	what := "holds no " + manifestName
	if _, err := os.Stat(string(dir)); err != nil {
		what = "is not there"
	}
	return fmt.Sprintf("%s %s: expected the folder of a run, the --out of stele eval", string(dir), what)
}

// Is lets a caller ask for fs.ErrNotExist.
func (noManifest) Is(target error) bool { return target == fs.ErrNotExist }

// manifestOf reads a manifest that must be there.
func manifestOf(dir string) (*Manifest, error) {
	m, err := readManifest(dir)
	if err == nil && m == nil {
		err = noManifest(dir)
	}
	if err != nil {
		return nil, err
	}
	if err := m.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, manifestName), err)
	}
	return m, nil
}
