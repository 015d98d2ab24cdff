package trainer

import (
	"os"
	"path/filepath"

	"github.com/stele-lm/stele/internal/jsonl"
)

// line is one rollout in RUN/rollouts/step-N.jsonl.
type line struct {
	ID         string  `json:"id"`
	Language   string  `json:"language"`
	Sample     int     `json:"sample"`
	Prompt     string  `json:"prompt"`
	Output     string  `json:"output"`
	Answer     string  `json:"answer"`
	Extracted  string  `json:"extracted"`
	Lang       string  `json:"lang"`
	Reward     number  `json:"reward"` // null where no reward judged it
	Accuracy   float64 `json:"accuracy"`
	Format     float64 `json:"format"`
	LanguageOK float64 `json:"language_reward"`
	Overlong   float64 `json:"overlong,omitempty"`
	// ReasoningWords and OutputWords are shares of words in Language, where they were measured;
	// null without words.
	ReasoningWords *number `json:"reasoning_words,omitempty"`
	OutputWords    *number `json:"output_words,omitempty"`
	// Commands are the rewards that commands gave, null where one did.
	Commands     map[string]number `json:"commands,omitempty"`
	KLPenalty    float64           `json:"kl_penalty,omitempty"` // taken off the reward
	Advantage    float32           `json:"advantage"`
	Dropped      bool              `json:"dropped,omitempty"` // by dynamic sampling
	Tokens       int               `json:"tokens"`
	FinishReason string            `json:"finish_reason"`
	Version      int               `json:"weights_version"`
	TokenIDs     []int32           `json:"token_ids"`
}

func (r *run) keepRollouts(step int, rollouts []*rollout) error {
	if !r.config.Save.Rollouts || !r.writes() {
		return nil
	}
	path := r.rolloutPath(step)
	defer r.guard("writing "+path, 0)()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	w, err := jsonl.Create(path)
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, o := range rollouts {
		var commands map[string]number
		for name, reward := range o.score.Commands {
			if commands == nil {
				commands = map[string]number{}
			}
			commands[name] = number(reward)
		}
		var reasoning, all *number
		if r.config.Reward.MeasuresWords() {
			reasoning, all = new(number(o.score.ReasoningWords)), new(number(o.score.OutputWords))
		}
		err := w.Write(line{
			ID: o.problem.ID, Language: o.problem.Language, Sample: o.Sample, Prompt: o.problem.Text,
			Output: o.problem.Prefix + o.Text, Answer: o.problem.Answer, Extracted: o.score.Extracted,
			Lang:   o.score.Detected,
			Reward: number(o.score.Total), Accuracy: o.score.Accuracy, Format: o.score.Format,
			LanguageOK:     o.score.Language,
			ReasoningWords: reasoning, OutputWords: all,
			Overlong: o.score.Overlong, Commands: commands, KLPenalty: o.klPenalty, Dropped: o.dropped,
			Advantage: o.advantage, Tokens: len(o.Tokens), FinishReason: string(o.FinishReason),
			Version: r.engine.Weights.Version, TokenIDs: o.Tokens,
		})
		if err != nil {
			return err
		}
	}
	return w.Close()
}
