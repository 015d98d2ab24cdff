package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
)

// rewardCase is a case of testdata/rewards.json: rewards of each rollout by each
// function, null for none, and what TRL and verl make of them.
type rewardCase struct {
	Name      string       `json:"name"`
	Group     int          `json:"group"`
	Weights   []float64    `json:"weights"`
	Rewards   [][]*float64 `json:"rewards"`
	Lengths   []int        `json:"lengths"`
	Penalties []float64    `json:"penalties"` // verl: the KL divergence, taken off
	// What TRL logs, and its advantages with and without division by the deviation.
	TRL      Metrics   `json:"trl"`
	TRLGroup []float64 `json:"trl_group"`
	TRLNone  []float64 `json:"trl_none"`
	// What verl logs, and its advantages, of cases without null.
	Verl           Metrics   `json:"verl"`
	VerlAdvantages []float64 `json:"verl_advantages"`
}

// scored has programs give the rewards of a case to rollouts.
func (c *rewardCase) scored(t *testing.T) (*run, [][]*rollout) {
	t.Helper()
	r := &run{job: cluster.Alone()}
	for k, weight := range c.Weights {
		var answers strings.Builder
		for _, row := range c.Rewards {
			answer, _ := json.Marshal(row[k])
			fmt.Fprintf(&answers, "{\"reward\": %s}\n", answer)
		}
		path := filepath.Join(t.TempDir(), "answers")
		if err := os.WriteFile(path, []byte(answers.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		r.config.Reward.Commands = append(r.config.Reward.Commands,
			reward.Command{Name: fmt.Sprintf("r%d", k), Weight: weight,
				Run: []string{"sh", "-c", "cat >/dev/null; cat " + path}})
	}
	session, err := reward.NewScorer(r.config.Reward, langid.New()).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var groups [][]*rollout
	p := &problems.Problem{}
	for i, n := range c.Lengths {
		if i%c.Group == 0 {
			groups = append(groups, nil)
		}
		o := &rollout{problem: p, Completion: engine.Completion{Tokens: make([]int32, n)}}
		groups[len(groups)-1] = append(groups[len(groups)-1], o)
		if err := session.Add(reward.Rollout{Language: "en"}, &o.score); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r, groups
}

// TestRewardGoldens: what programs answer, null too, becomes the metrics and the
// advantages that TRL's and verl's own code makes of it.
func TestRewardGoldens(t *testing.T) {
	var golden struct {
		Cases []rewardCase `json:"cases"`
	}
	data, err := os.ReadFile(filepath.Join("..", "testdata", "rewards.json"))
	if err == nil {
		err = json.Unmarshal(data, &golden)
	}
	if err != nil {
		t.Fatal(err)
	}
	near := func(got, want float64) bool {
		return math.IsNaN(got) && math.IsNaN(want) || math.Abs(got-want) <= 1e-6*max(1, math.Abs(want))
	}
	for _, c := range golden.Cases {
		r, groups := c.scored(t)
		rollouts := slices.Concat(groups...)
		m := r.rolloutMetrics(1, sampled{groups: groups, all: groups})
		for name, want := range c.TRL {
			if got, ok := m[name]; !ok || !near(got, want) {
				t.Errorf("%s: %s is %g, TRL's is %g", c.Name, name, got, want)
			}
		}
		advantages := func(std bool) (all []float64) {
			setAdvantages(groups, objective.Options{Std: std})
			for _, group := range groups {
				for _, o := range group {
					all = append(all, float64(o.advantage))
				}
			}
			return all
		}
		for i, got := range advantages(false) {
			if !near(got, c.TRLNone[i]) {
				t.Errorf("%s: advantage %d is %g, TRL's is %g", c.Name, i, got, c.TRLNone[i])
			}
		}
		for i, got := range advantages(true) {
			// TRL adds 1e-4 to the deviation where verl and Stele add 1e-6.
			if want := c.TRLGroup[i]; (got == 0) != (want == 0) || math.Abs(got-want) > 2e-3*math.Abs(got) {
				t.Errorf("%s: scaled advantage %d is %g, TRL's is %g", c.Name, i, got, want)
			}
		}
		if c.Verl == nil {
			continue
		}
		for i, o := range rollouts {
			o.klPenalty = c.Penalties[i]
		}
		for i, got := range advantages(true) {
			if !near(got, c.VerlAdvantages[i]) {
				t.Errorf("%s: advantage %d is %g, verl's is %g", c.Name, i, got, c.VerlAdvantages[i])
			}
		}
		advantageMetrics(rollouts, m)
		for name, want := range c.Verl {
			if got, ok := m[name]; !ok || !near(got, want) {
				t.Errorf("%s: %s is %g, verl's is %g", c.Name, name, got, want)
			}
		}
	}
}

// TestMetricsAreJSON: what is not defined is null on disk, and NaN again when read.
func TestMetricsAreJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	if err := appendMetrics(path, Metrics{"step": 1, "reward": math.NaN(), "loss": math.Inf(1)}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if want := `{"loss":null,"reward":null,"step":1}` + "\n"; err != nil || string(data) != want {
		t.Errorf("%q, %v; want %q", data, err, want)
	}
	m, err := ReadMetrics(path)
	if err != nil || len(m) != 1 || m[0]["step"] != 1 || !math.IsNaN(m[0]["reward"]) {
		t.Errorf("read back as %v, %v", m, err)
	}
}

// TestContrast: a rollout without a reward has no part in a group's contrast.
func TestContrast(t *testing.T) {
	null := math.NaN()
	for _, c := range []struct {
		rewards []float64
		want    bool
	}{
		{[]float64{1, 1, 1}, false}, {[]float64{0, 1}, true}, {[]float64{1, null, 1}, false},
		{[]float64{null, null}, false},
		{[]float64{null, 0, 1}, true}, {[]float64{null, 1}, false},
	} {
		var group []*rollout
		for _, x := range c.rewards {
			group = append(group, &rollout{score: reward.Score{Total: x}})
		}
		if got := contrast(group, FilterByReward); got != c.want {
			t.Errorf("%v: %v, want %v", c.rewards, got, c.want)
		}
	}
}

// TestWordsMetrics: shares of words are means over rollouts that have words, by language too, and
// there where they were measured.
func TestWordsMetrics(t *testing.T) {
	scored := func(language string, reasoning, all float64) *rollout {
		return &rollout{problem: &problems.Problem{Problem: bench.Problem{Language: language}},
			score: reward.Score{ReasoningWords: reasoning, OutputWords: all}}
	}
	groups := [][]*rollout{{scored("en", 1, 1), scored("en", 0.5, 0.25)},
		{scored("ru", 0, 0.5), scored("ru", math.NaN(), math.NaN())}}
	for _, words := range []bool{false, true} {
		r := &run{job: cluster.Alone(), config: defaults()}
		r.config.Reward.Words = words
		m := r.rolloutMetrics(1, sampled{groups: groups, all: groups})
		for key, want := range map[string]float64{
			"words/reasoning/mean": 0.5, "words/reasoning/en": 0.75, "words/reasoning/ru": 0,
			"words/rollout/mean": 1.75 / 3, "words/rollout/en": 0.625, "words/rollout/ru": 0.5,
		} {
			if got, ok := m[key]; ok != words || ok && math.Abs(got-want) > 1e-12 {
				t.Errorf("words %v: %s is %g (%v), want %g", words, key, got, ok, want)
			}
		}
	}
}

// TestPadding: train/padding is the share of padding among the tokens of a step's gradient passes, as counted
// from the rollouts that the step kept.
func TestPadding(t *testing.T) {
	c := tinyRun(t, 2)
	c.Rollout.MaxTokens, c.Update.Epochs = 24, 2
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, c, dir, Options{})
	all, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil || len(all) != 2 {
		t.Fatalf("%d steps, %v", len(all), err)
	}
	source, err := engine.Find(c.Model)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	set, err := c.reader(source.Tokenizer, source.Template, source.Config).Load()
	if err != nil {
		t.Fatal(err)
	}
	prompts := map[string][]int32{}
	for _, p := range set.Problems {
		prompts[p.ID+p.Language] = p.IDs
	}
	for i, m := range all {
		text, err := os.ReadFile(filepath.Join(dir, "rollouts", fmt.Sprintf("step-%d.jsonl", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		var groups [][]dense.Pair // as they were sampled
		n := 0
		for one := range strings.Lines(string(text)) {
			var l line
			if err := json.Unmarshal([]byte(one), &l); err != nil {
				t.Fatal(err)
			}
			if n%c.Rollout.GroupSize == 0 {
				groups = append(groups, nil)
			}
			last := &groups[len(groups)-1]
			*last = append(*last, dense.Pair{Prompt: prompts[l.ID+l.Language], Completion: l.TokenIDs})
			n++
		}
		computed, filled := 0, 0
		for mini := range c.Update.MiniBatches {
			from, to := len(groups)*mini/c.Update.MiniBatches, len(groups)*(mini+1)/c.Update.MiniBatches
			pairs := slices.Concat(groups[from:to]...)
			for indices, batch := range c.layout().Batches(pairs) {
				computed += batch.Shape.Tokens()
				seen := map[string]bool{}
				for _, index := range indices {
					if key := fmt.Sprint(pairs[index].Prompt); !seen[key] {
						seen[key] = true
						filled += len(pairs[index].Prompt)
					}
					filled += len(pairs[index].Completion)
				}
			}
		}
		want := 1 - float64(filled)/float64(computed)
		if got := m["train/padding"]; math.Abs(got-want) > 1e-12 || want <= 0 {
			t.Errorf("step %d: padding is %g, want %g", i+1, got, want)
		}
	}
}
