package reward

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/stele-lm/stele/internal/command"
)

// Command is a reward that a program of the user's computes. It is started for
// each sampling, gets one JSON object a line on standard input as rollouts end,
//
//	{"id", "sample", "language", "prompt", "output", "answer", "tokens", "truncated"}
//
// and writes one line for each, in the same order, {"reward": number}. Its environment is
// that of Stele's user. It may write at once or when its input ends. What it says should
// depend on the line alone: the order of lines depends on which rollouts end first. A reward
// of null (or NaN, as Python writes it) does not count for that rollout. An answer may repeat
// "id" and "sample", which must then be those of the line it answers.
type Command struct {
	// Name is the reward's in metrics and rollouts.
	Name string `yaml:"name" json:"name"`
	// Run is the program and its arguments; no shell reads them.
	Run []string `yaml:"run" json:"run"`
	// Weight is that of the reward in the sum.
	Weight float64 `yaml:"weight" json:"weight"`
	// TimeoutS is the time it has after its input ended, seconds; 0 means 60.
	TimeoutS float64 `yaml:"timeout_s" json:"timeout_s"`
}

func (c Command) validate() error {
	switch {
	case c.Name == "" || strings.ContainsAny(c.Name, "/ \t\n"):
		return fmt.Errorf("reward: command %q needs a name without spaces and slashes",
			strings.Join(c.Run, " "))
	case len(c.Run) == 0 || c.Run[0] == "":
		return fmt.Errorf("reward: command %s has nothing to run", c.Name)
	case c.Weight == 0 || math.IsNaN(c.Weight) || math.IsInf(c.Weight, 0):
		return fmt.Errorf("reward: command %s has weight %g", c.Name, c.Weight)
	case c.TimeoutS < 0:
		return fmt.Errorf("reward: command %s has a time limit of %g s", c.Name, c.TimeoutS)
	}
	return nil
}

// query is a line that a command reads.
type query struct {
	ID        string `json:"id"`
	Sample    int    `json:"sample"`
	Language  string `json:"language"`
	Prompt    string `json:"prompt"`
	Output    string `json:"output"`
	Answer    string `json:"answer"`
	Tokens    int    `json:"tokens"`
	Truncated bool   `json:"truncated"`
}

// process is a command that was started; its answers are rewards, NaN for null.
type process = command.Process[float64]

func (c Command) start() (*process, error) {
	return c.program().Start()
}

func (c Command) program() command.Program[float64] {
	return command.Program[float64]{Name: "reward " + c.Name, Run: c.Run, Sent: "rollout",
		Limit:   command.Seconds(c.TimeoutS),
		Expects: `{"reward": number or null}`, Read: rewardOf}
}

// rewardOf is the reward in an answer, NaN where it says null.
func rewardOf(answer map[string]json.RawMessage) (float64, bool) {
	var reward *float64
	value, there := answer["reward"]
	if !there || json.Unmarshal(value, &reward) != nil {
		return 0, false
	}
	if reward == nil {
		return math.NaN(), true
	}
	return *reward, true
}
