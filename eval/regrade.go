package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/progress"
	"github.com/stele-lm/stele/internal/threads"
)

// ReadSpec reads the settings of a run's folder.
func ReadSpec(dir string) (Spec, error) {
	m, err := manifestOf(dir)
	if err != nil {
		return Spec{}, err
	}
	return m.Settings, nil
}

// Regrade judges the saved samples of a run again, without the model, and writes
// the run with these verdicts to the folder out; with out empty it only computes
// the results. grader is the name of one; empty is the run's own. Apart from the
// manifest's graded_by, which is version where another made the run, the outcome is
// that of a run with this grader.
func Regrade(ctx context.Context, dir, grader, out, version string,
	identify func(output, language string) Identified, log io.Writer) (*Results, error) {
	m, err := manifestOf(dir)
	if err != nil {
		return nil, err
	}
	if m.Shard.Of > 0 {
		return nil, fmt.Errorf("%s is part %s of a run: merge the parts first", dir, m.Shard)
	}
	if grader != "" {
		m.Settings.Grader = grader
	}
	if err := m.Settings.Validate(); err != nil {
		return nil, err
	}
	if version != m.Stele {
		m.GradedBy = version
	}
	in, err := openSamples(dir, &m.Settings)
	if err != nil {
		return nil, err
	}
	defer in.close()
	if err := in.verify(m); err != nil { // before anything is written
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	var w *jsonl.Writer // nil writes nothing
	if out != "" {
		if a, err := os.Stat(dir); err != nil {
			return nil, err
		} else if b, err := os.Stat(out); err == nil && os.SameFile(a, b) {
			return nil, fmt.Errorf("%s is the run itself: choose another folder for its new verdicts", out)
		}
		release, err := lockFolder(ctx, out, m, os.Stderr, Processes{}.guard)
		if err != nil {
			return nil, err
		}
		defer release()
		if w, err = jsonl.Create(filepath.Join(out, samplesName)); err != nil {
			return nil, err
		}
		defer w.Abort()
	}
	judges, err := newJudge(&m.Settings, identify)
	if err != nil {
		return nil, err
	}
	defer judges.close()
	c := &collected{hash: newQuestionHash()}
	var meter *progress.Meter
	if log != nil {
		meter = progress.New(log, "grade", "questions", 0, m.Questions, 1)
		defer meter.Close()
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch, err := in.batch(4 * threads.Count)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err := judges.all(batch); err != nil {
			return nil, err
		}
		for _, samples := range batch {
			for i := range samples {
				if w == nil {
					break
				}
				if err := w.Write(&samples[i]); err != nil {
					return nil, err
				}
			}
			if err := c.add(samples); err != nil {
				return nil, err
			}
			meter.Add(1, "")
		}
		if err == io.EOF {
			break
		}
	}
	results := summarize(m, c.questions, c.outcomes)
	if out == "" {
		return results, nil
	}
	return results, errors.Join(w.Close(), jsonl.WriteFile(filepath.Join(out, resultsName), results))
}

// verify reads the samples to their end, finds them to be all those of the run m,
// and goes back to the first.
func (r *reader) verify(m *Manifest) error {
	c := &collected{hash: newQuestionHash()}
	for {
		samples, _, err := r.next()
		if err == io.EOF {
			return errors.Join(c.check(m), r.rewind())
		}
		if err == nil {
			err = c.add(samples)
		}
		if err != nil {
			return err
		}
	}
}

// batch reads up to n questions; err is io.EOF when they were the last.
func (r *reader) batch(n int) (batch [][]Sample, err error) {
	for len(batch) < n {
		samples, _, err := r.next()
		if err != nil {
			return batch, err
		}
		batch = append(batch, samples)
	}
	return batch, nil
}

// all judges the samples of some questions, several at a time.
func (j *judge) all(batch [][]Sample) error {
	queue := make(chan *Sample)
	var workers errgroup.Group
	for range threads.Count {
		workers.Go(func() (err error) {
			for s := range queue {
				if err == nil {
					err = j.judge(s)
				}
			}
			return err
		})
	}
	for _, samples := range batch {
		for i := range samples {
			queue <- &samples[i]
		}
	}
	close(queue)
	return workers.Wait()
}
