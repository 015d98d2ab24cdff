package multilingual

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/jsonl"
)

// StepMeasures are the words and switches of the rollouts of one training step.
type StepMeasures struct {
	Step     int                       `json:"step"`
	Words    *ByLanguage[WordShares]   `json:"words,omitempty"`
	Switches *ByLanguage[SwitchCounts] `json:"switches,omitempty"`
}

// MeasureRollouts reads the rollouts that a training run kept, step by step; nil where it kept none,
// or neither words nor switches are asked for.
func MeasureRollouts(dir string, asked Asked) ([]StepMeasures, error) {
	if err := asked.Check(); err != nil {
		return nil, err
	}
	if !asked.has(Words) && !asked.has(Switches) {
		return nil, nil
	}
	names, err := fs.Glob(os.DirFS(dir), "rollouts/step-*.jsonl") // the folder's own name is no pattern
	if err != nil || len(names) == 0 {
		return nil, err
	}
	detector, err := trainingDetector(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return nil, err
	}
	var steps []StepMeasures
	for _, name := range names {
		number, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "rollouts/step-"), ".jsonl"))
		if err != nil {
			continue
		}
		of, err := readRollouts(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		var all []*said
		for _, language := range sortedKeys(of) {
			all = append(all, of[language]...)
		}
		tell(detector, all)
		step := StepMeasures{Step: number}
		cells := map[cell][]*said{}
		for language, said := range of {
			cells[cell{"", language}] = said
		}
		if asked.has(Words) {
			step.Words = byLanguage(cells, shareOf, meanShares)[""]
		}
		if asked.has(Switches) {
			step.Switches = byLanguage(cells, switchesOf, meanSwitches)[""]
		}
		steps = append(steps, step)
	}
	slices.SortFunc(steps, func(a, b StepMeasures) int { return cmp.Compare(a.Step, b.Step) })
	return steps, nil
}

func readRollouts(path string) (map[string][]*said, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	of := map[string][]*said{}
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // files of rollouts are written whole
			return of, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		var rollout struct {
			Language string `json:"language"`
			Output   string `json:"output"`
		}
		if err := jsonl.Unmarshal(line, &rollout); err != nil {
			return nil, fmt.Errorf("%s:%d: not a rollout: %w", path, number, err)
		}
		of[rollout.Language] = append(of[rollout.Language],
			&said{language: rollout.Language, output: rollout.Output})
	}
}

// trainingDetector tells apart the languages that a training run did, of the candidates and the
// user's own languages in its manifest; all where there is none.
func trainingDetector(path string) (*langid.Detector, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return langid.New(), nil
	}
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Config struct {
			Reward struct {
				LangCandidates []string `json:"lang_candidates"`
			} `json:"reward"`
		} `json:"config"`
		OwnLanguages []*language.Language `json:"own_languages"`
	}
	if err := jsonl.Unmarshal(data, &manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	detector, err := langid.Among(manifest.Config.Reward.LangCandidates,
		language.Builtin().With(manifest.OwnLanguages))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return detector, nil
}
