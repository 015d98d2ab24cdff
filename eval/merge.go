package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/jsonl"
)

// part is one folder that Merge reads.
type part struct {
	dir      string
	manifest *Manifest
	in       *reader
}

// Merge makes one run of its parts, which RunShard made, in any order. All parts
// must be there, once, done, and of the same run; the outcome is the same, byte for
// byte, as that of a run that was never divided.
func Merge(ctx context.Context, dirs []string, out string) (*Results, error) {
	parts, err := orderParts(dirs)
	if err != nil {
		return nil, err
	}
	whole := *parts[0].manifest
	whole.Shard = Shard{}
	for i := range parts {
		if parts[i].in, err = openSamples(parts[i].dir, &whole.Settings); err != nil {
			return nil, fmt.Errorf("part %s: %w", parts[i].manifest.Shard, err)
		}
		defer parts[i].in.close()
	}
	c := &collected{hash: newQuestionHash()}
	// The parts are read to the end before anything is written.
	err = eachQuestion(ctx, parts, whole.Questions,
		func(samples []Sample, _ []json.RawMessage) error { return c.add(samples) })
	if err == nil {
		err = c.check(&whole)
	}
	if err != nil {
		return nil, err
	}
	release, err := lockFolder(ctx, out, &whole, os.Stderr, Processes{}.guard)
	if err != nil {
		return nil, err
	}
	defer release()
	w, err := jsonl.Create(filepath.Join(out, samplesName))
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	for i := range parts {
		if err := parts[i].in.rewind(); err != nil {
			return nil, err
		}
	}
	err = eachQuestion(ctx, parts, whole.Questions, func(_ []Sample, lines []json.RawMessage) error {
		for _, line := range lines {
			if err := w.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	results := summarize(&whole, c.questions, c.outcomes)
	return results, errors.Join(w.Close(), jsonl.WriteFile(filepath.Join(out, resultsName), results))
}

// orderParts reads the manifests and puts the parts into order, or names what is
// wrong or missing.
func orderParts(dirs []string) ([]part, error) {
	if len(dirs) == 0 {
		return nil, errors.New("no part to merge")
	}
	var parts []part
	for _, dir := range dirs {
		m, err := manifestOf(dir)
		if err != nil {
			return nil, err
		}
		if m.Shard.Of == 0 {
			return nil, fmt.Errorf("%s is a whole run and no part of one", dir)
		}
		parts = append(parts, part{dir: dir, manifest: m})
	}
	first := parts[0]
	byIndex := map[int]string{}
	for _, p := range parts {
		one := *p.manifest
		one.Shard = first.manifest.Shard
		difference, err := first.manifest.difference(&one)
		if err != nil {
			return nil, err
		}
		if p.manifest.Shard.Of != first.manifest.Shard.Of {
			difference = fmt.Sprintf("it is part %s, the other is %s", p.manifest.Shard, first.manifest.Shard)
		}
		if difference != "" {
			return nil, fmt.Errorf("%s is not of the same run as %s: %s", p.dir, first.dir, difference)
		}
		if other, ok := byIndex[p.manifest.Shard.Index]; ok {
			return nil, fmt.Errorf("%s and %s are both part %s", other, p.dir, p.manifest.Shard)
		}
		byIndex[p.manifest.Shard.Index] = p.dir
	}
	var missing []string
	for i := 1; i <= first.manifest.Shard.Of; i++ {
		if _, ok := byIndex[i]; !ok {
			missing = append(missing, Shard{i, first.manifest.Shard.Of}.String())
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("parts are missing: %s", strings.Join(missing, ", "))
	}
	slices.SortFunc(parts, func(a, b part) int { return a.manifest.Shard.Index - b.manifest.Shard.Index })
	return parts, nil
}

// eachQuestion calls f for each question of a run in its order, reading from the
// parts in turn.
func eachQuestion(ctx context.Context, parts []part, questions int,
	f func([]Sample, []json.RawMessage) error) error {
	for k := range questions {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := parts[k%len(parts)]
		samples, lines, err := p.in.next()
		if err == io.EOF {
			err = errMissing
		}
		if err == nil {
			err = f(samples, lines)
		}
		if err != nil {
			return fmt.Errorf("part %s (%s) is not complete or not whole: %w", p.manifest.Shard, p.dir, err)
		}
	}
	for _, p := range parts {
		if _, _, err := p.in.next(); err != io.EOF {
			return fmt.Errorf("part %s (%s) has more samples than its manifest says", p.manifest.Shard, p.dir)
		}
	}
	return nil
}
