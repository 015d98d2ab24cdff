package report

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/jsonl"
)

// readRollouts adds to the steps of a run how hard their questions were: the share
// of groups of rollouts that were all wrong, mixed and all right. Steps whose
// rollouts were not kept stay as they are.
func readRollouts(dir string, steps []Step) error {
	names, err := fs.Glob(os.DirFS(dir), "step-*.jsonl") // the folder's own name is no pattern
	if err != nil {
		return err
	}
	bySteps := map[float64]Step{}
	for _, s := range steps {
		bySteps[s["step"]] = s
	}
	for _, name := range names {
		number, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(name, "step-"), ".jsonl"), 64)
		if err != nil || bySteps[number] == nil {
			continue
		}
		if err := groupDifficulty(filepath.Join(dir, name), bySteps[number]); err != nil {
			return err
		}
	}
	return nil
}

// Names of what readRollouts adds.
const (
	groupsWrong = "groups/all_wrong"
	groupsMixed = "groups/mixed"
	groupsRight = "groups/all_right"
)

func groupDifficulty(path string, s Step) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	type group struct{ right, rollouts int }
	groups := map[[2]string]*group{}
	err = eachLine(path, f, func(line []byte) error {
		var r struct {
			ID       string  `json:"id"`
			Language string  `json:"language"`
			Accuracy float64 `json:"accuracy"`
		}
		if err := jsonl.Unmarshal(line, &r); err != nil {
			return err
		}
		key := [2]string{r.ID, r.Language}
		if groups[key] == nil {
			groups[key] = &group{}
		}
		groups[key].rollouts++
		groups[key].right += int(metric.Indicator(r.Accuracy > 0))
		return nil
	})
	if err != nil || len(groups) == 0 {
		return err
	}
	s[groupsWrong], s[groupsMixed], s[groupsRight] = 0, 0, 0
	for _, g := range groups {
		switch share := 1 / float64(len(groups)); g.right {
		case 0:
			s[groupsWrong] += share
		case g.rollouts:
			s[groupsRight] += share
		default:
			s[groupsMixed] += share
		}
	}
	return nil
}
