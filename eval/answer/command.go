package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/internal/command"
)

// Command is a type whose answers a program of the user's judges. The program gets one
// JSON object a line on standard input,
//
//	{"id", "sample", "language", "prompt", "output", "reference", "data_name"}
//
// and writes one line for each, in the same order and as soon as it has read it,
//
//	{"verdict": true or false, "extracted": text, "group": text}
//
// "extracted" is the final answer that it found, "" or left out for none. "group" is the
// same for answers that are the same, by which maj@n counts votes; left out it is the
// answer itself. What the program says should depend on the line alone. Its verdict stands
// for every grader.
type Command struct {
	Boxed
	Run []string // the program and its arguments; no shell
	// TimeoutS limits the seconds for an answer; 0 means 60.
	TimeoutS float64
	// Instructions are those of Type.Instruction, by language.
	Instructions map[string]string

	mu      sync.Mutex
	process *command.Process[verdict] // nil before the first answer, and once closed
	failed  bool                      // and that was said
}

// commandName is the name of every Command: a benchmark has one.
const commandName = "command"

// Validate refuses a command that cannot be run.
func (c *Command) Validate() error {
	switch {
	case len(c.Run) == 0 || c.Run[0] == "":
		return errors.New("answer: command has nothing to run")
	case c.TimeoutS < 0:
		return fmt.Errorf("answer: command has a time limit of %g s", c.TimeoutS)
	}
	return nil
}

// verdict is a program's answer to an output.
type verdict struct {
	right            bool
	extracted, group string
}

func verdictOf(answer map[string]json.RawMessage) (v verdict, ok bool) {
	var right *bool
	if json.Unmarshal(answer["verdict"], &right) != nil || right == nil {
		return v, false
	}
	v.right = *right
	for key, to := range map[string]*string{"extracted": &v.extracted, "group": &v.group} {
		if value, there := answer[key]; there && json.Unmarshal(value, to) != nil {
			return v, false
		}
	}
	if v.group == "" {
		v.group = v.extracted
	}
	return v, true
}

// Check finds the program.
func (c *Command) Check() error { return c.program().Find() }

// Open starts the program, so that one that cannot be run is found out before anything is
// generated.
func (c *Command) Open() error {
	_, err := c.open()
	return err
}

func (c *Command) open() (*command.Process[verdict], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		return c.process, nil
	}
	p, err := c.program().Start()
	if err == nil {
		c.process = p
	}
	return p, err
}

func (c *Command) program() command.Program[verdict] {
	return command.Program[verdict]{Name: "answers", Run: c.Run, Sent: "output",
		Limit:   command.Seconds(c.TimeoutS),
		Expects: `{"verdict": true or false, "extracted": text, "group": text}`, Read: verdictOf}
}

// Close ends the program. Grade starts it again.
func (c *Command) Close() error {
	c.mu.Lock()
	p := c.process
	c.process = nil
	c.mu.Unlock()
	if p == nil {
		return nil
	}
	_, err := p.Finish(context.Background())
	if c.failed {
		return nil
	}
	return err
}

// Name implements Type.
func (c *Command) Name() string { return commandName }

// Read implements Type.
func (c *Command) Read(reference string) (string, error) { return reference, nil }

// Instruction implements Type.
func (c *Command) Instruction(language string) string { return c.Instructions[language] }

// query is a line that a program reads.
type query struct {
	ID        string `json:"id"`
	Sample    int    `json:"sample"`
	Language  string `json:"language"`
	Prompt    string `json:"prompt"`
	Output    string `json:"output"`
	Reference string `json:"reference"`
	DataName  string `json:"data_name"`
}

// ViaCommand marks a verdict that a program gave.
const ViaCommand = "command"

// Grade implements Type.
func (c *Command) Grade(o Output, graders ...*grade.Grader) ([]grade.Result, error) {
	p, err := c.open()
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(query{o.ID, o.Sample, o.Language, o.Prompt, o.Text, o.Reference, o.DataName})
	if err != nil {
		return nil, err
	}
	v, err := p.Ask(command.Asked{ID: o.ID, Sample: o.Sample}, append(line, '\n'))
	if err != nil {
		c.mu.Lock()
		c.failed = true
		c.mu.Unlock()
		return nil, err
	}
	return alike(grade.Result{Extracted: v.extracted, Pred: v.group, GT: o.Reference, Verdict: v.right,
		Via: ViaCommand}, graders), nil
}

// Groups implements Type.
func (c *Command) Groups(predictions []string, _ *grade.Grader) []int {
	return same(predictions, func(p string) string { return p })
}

// String shows the command.
func (c *Command) String() string { return strings.Join(c.Run, " ") }
