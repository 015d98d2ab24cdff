package reward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/command"
	"github.com/stele-lm/stele/internal/environment"
)

// shell is a command that a shell runs.
func shell(script string) Command {
	return Command{Name: "mine", Weight: 2, Run: []string{"sh", "-c", script}, TimeoutS: 20}
}

// ask has a command score n rollouts.
func ask(t *testing.T, c Command, n int) ([]Score, error) {
	t.Helper()
	s := NewScorer(Config{Commands: []Command{c}}, langid.New())
	session, err := s.NewSession()
	if err != nil {
		return nil, err
	}
	scores := make([]Score, n)
	for i := range scores {
		// Once the command failed Add says so, and Close says it again.
		_ = session.Add(Rollout{ID: "p", Sample: i, Output: strings.Repeat("7", i), Answer: "7",
			Language: "en"}, &scores[i])
	}
	return scores, session.Close(context.Background())
}

// TestCommand: each rollout gets the reward of its line, whether the command
// answers line by line or at the end.
func TestCommand(t *testing.T) {
	for name, script := range map[string]string{
		"at once": `while IFS= read -r line; do echo "{\"reward\": ${#line}}"; done`,
		"at the end": `all=""; while IFS= read -r line; do all="$all ${#line}"; done;` +
			` for n in $all; do echo; echo "{\"x\": [], \"reward\": $n}"; done`,
	} {
		scores, err := ask(t, shell(script), 30)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := 2; i < 9; i++ {
			// A line is longer by the one more digit of output.
			if got, before := scores[i].Commands["mine"], scores[i-1].Commands["mine"]; got != before+1 {
				t.Errorf("%s: rollout %d has %g after %g", name, i, got, before)
			}
			if want := 2 * scores[i].Commands["mine"]; math.Abs(scores[i].Total-want) > 1e-12 {
				t.Errorf("%s: total %g, want %g", name, scores[i].Total, want)
			}
		}
	}
}

// TestCommandsThatFail: a command that hangs, dies or talks nonsense is an error
// that says so, and no process of it is left.
// TestEnvironment: a program gets its environment from the user, not what Stele sets
// for itself.
func TestEnvironment(t *testing.T) {
	t.Setenv("STELE_TEST_USERS", "1")
	t.Setenv("STELE_TEST_CHANGED", "1")
	for _, name := range []string{"STELE_TEST_CHANGED", "STELE_TEST_ADDED"} {
		if err := environment.Set(name, "0"); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Unsetenv("STELE_TEST_ADDED")
	scores, err := ask(t, shell(`while IFS= read -r line; do`+
		` echo "{\"reward\": $STELE_TEST_USERS$STELE_TEST_CHANGED$STELE_TEST_ADDED}"; done`), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scores {
		for _, reward := range s.Commands {
			if reward != 11 {
				t.Errorf("it read %v, want 11", reward)
			}
		}
	}
}

func TestCommandsThatFail(t *testing.T) {
	quick := func(c Command) Command { c.TimeoutS = 0.2; return c }
	for name, c := range map[string]struct {
		command Command
		want    string
	}{
		"hangs":           {quick(shell(`sleep 1000`)), "did not end within 200ms"},
		"never reads":     {quick(shell(`exec sleep 1000 <&-`)), "did not end within"},
		"leaves a child":  {quick(shell(`cat >/dev/null; sleep 1000 & exit 0`)), "did not end within"},
		"ignores SIGTERM": {quick(shell(`trap "" TERM; cat; while :; do sleep 1; done`)), "expected {"},
		"dies":            {shell(`echo why >&2; exit 3`), "exit status 3"},
		"says why":        {shell(`echo because of this >&2; exit 3`), "because of this"},
		"dies half-way":   {shell(`read -r x; echo '{"reward": 1}'; kill -9 $$`), "killed"},
		"answers too few": {shell(`read -r x; echo '{"reward": 1}'; cat >/dev/null`),
			"after 1 answers to 3 lines"},
		"answers too many": {shell(`cat >/dev/null; for i in 1 2 3 4; do echo '{"reward": 1}'; done`),
			"more lines than it was sent"},
		"prints garbage": {shell(`cat >/dev/null; echo '<html>'`),
			`line 1 of its output is wrong: "<html>"`},
		"prints for ever": {shell(`yes '{"reward": 1}'`), "more lines than it was sent"},
		"one long line":   {shell(`head -c 3000000 /dev/zero | tr '\0' x`), "longer than"},
		"no number":       {shell(`cat >/dev/null; echo '{"reward": "1"}'`), "number or null"},
		"true":            {shell(`cat >/dev/null; echo '{"reward": true}'`), "number or null"},
		"infinite":        {shell(`cat >/dev/null; echo '{"reward": -Infinity}'`), "number or null"},
		"too large":       {shell(`cat >/dev/null; echo '{"reward": 1e999}'`), "number or null"},
		"a bare number":   {shell(`cat >/dev/null; echo 1.5`), "number or null"},
		"a list":          {shell(`cat >/dev/null; echo '[1, 1, 1]'`), "number or null"},
		"misspelt":        {shell(`cat >/dev/null; echo '{"Reward": 1}'`), "number or null"},
		"another rollout": {shell(`cat >/dev/null; echo '{"id": "p", "sample": 1, "reward": 1}'`),
			`line 1 of its output is wrong: "{\"id\": \"p\", \"sample\": 1, \"reward\": 1}": ` +
				`it answers sample "1", expected the answer to "0"`},
		"another question": {shell(`cat >/dev/null; echo '{"id": "q", "reward": 1}'`),
			`it answers id "q", expected the answer to "p"`},
		"says it in lines": {shell(`echo one >&2; echo two >&2; exit 3`), "one | two"},
		"no such program": {Command{Name: "mine", Weight: 1, Run: []string{"/no/such/program"}},
			"/no/such/program"},
		"no such name": {Command{Name: "mine", Weight: 1, Run: []string{"no-such-program"}},
			`reward mine: there is no program "no-such-program" in PATH`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := ask(t, c.command, 3)
			if err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), "reward mine") ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %v, want it to say %q", err, c.want)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestNull: null, and NaN as Python writes it, is no reward: it counts for nothing, and
// a rollout that nothing else judges has none.
func TestNull(t *testing.T) {
	answers := shell(`cat >/dev/null; echo '{"reward": null, "why": "NaN"}';` +
		` echo '{"x": [NaN], "reward": NaN, "id": "p", "sample": 1}'; echo '{"reward": 0.5}'`)
	for _, c := range []struct {
		accuracy float64
		want     []float64
	}{{0, []float64{math.NaN(), math.NaN(), 1}}, {1, []float64{0, 0, 1}}} {
		s := NewScorer(Config{Accuracy: c.accuracy, Commands: []Command{answers}}, langid.New())
		session, err := s.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		scores := make([]Score, 3)
		for i := range scores {
			_ = session.Add(Rollout{ID: "p", Sample: i, Output: "8", Answer: "7", Language: "en"}, &scores[i])
		}
		if err := session.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if got := scores[i].Total; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("accuracy weighs %g: rollout %d has %g, want %g", c.accuracy, i, got, want)
			}
			if null := math.IsNaN(scores[i].Commands["mine"]); null != (i < 2) {
				t.Errorf("rollout %d: null is %v", i, null)
			}
		}
	}
}

// TestCommandIsCancelled: an interrupted run does not wait for its commands.
func TestCommandIsCancelled(t *testing.T) {
	s := NewScorer(Config{Commands: []Command{shell("cat >/dev/null; sleep 1000")}}, langid.New())
	session, err := s.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var score Score
	if err := session.Add(Rollout{Output: "7", Language: "en"}, &score); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := session.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestCommandBreaks: that a command has ended early is known while rollouts still come, and how it ended is said even
// where all are cancelled for it.
func TestCommandBreaks(t *testing.T) {
	failing := shell(`read line; echo '{"reward": 1}'; read line; echo broke >&2; exit 3`)
	fine := shell(`while read line; do echo '{"reward": 1}'; done; sleep 1000`)
	fine.Name = "fine"
	session, err := NewScorer(Config{Commands: []Command{fine, failing}}, langid.New()).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	scores := make([]Score, 2)
	for i := range scores {
		select {
		case <-session.Broken():
			t.Fatal("it is broken before it ended")
		default:
		}
		if err := session.Add(Rollout{Output: "7", Language: "en"}, &scores[i]); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-session.Broken():
	case <-time.After(20 * time.Second):
		t.Fatal("nobody says that the command has ended")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = session.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), "it ended with exit status 3, after 1 answers to 2 lines") ||
		strings.Contains(err.Error(), "canceled") {
		t.Errorf("%v", err)
	}
}

// TestReasons: of several programs that fail each says why, and so does an answer's type that cannot be closed; a
// program that was ended for it says nothing.
func TestReasons(t *testing.T) {
	named := func(name, script string) Command {
		c := shell(script)
		c.Name = name
		return c
	}
	config := Config{Commands: []Command{
		named("one", `read line; exit 3`), named("fine", `cat >/dev/null; sleep 1000`), named("two", `read line; exit 4`),
	}}
	session, err := NewScorer(config, langid.New()).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var score Score
	r := Rollout{Output: "7", Language: "en", Type: unclosed{answer.Math}}
	if err := session.Add(r, &score); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} { // they end by themselves, before anything is cancelled
		_, _ = session.pools[i].workers[0].Finish(t.Context())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = session.Close(ctx)
	for _, want := range []string{"reward one (", "status 3", "; and reward two (", "status 4", "; and it stays open"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n") ||
			strings.Contains(err.Error(), "reward fine") || errors.Is(err, context.Canceled) {
			t.Fatalf("%v, expected %q in one line", err, want)
		}
	}
}

// unclosed is a type of answers that cannot be closed.
type unclosed struct{ answer.Type }

func (unclosed) Close() error { return errors.New("it stays open") }

// TestManyRollouts: more than a pipe holds, to a command that reads nothing before
// it has slept; adding never waits for it.
func TestManyRollouts(t *testing.T) {
	scores, err := ask(t, shell(`sleep 0.3; while IFS= read -r line; do echo '{"reward": 0.5}'; done`), 2000)
	if err != nil || scores[1999].Commands["mine"] != 0.5 {
		t.Errorf("%v", err)
	}
}

// TestCommandsSideBySide: each of several commands reads every line whole, whenever it
// gets round to it. Lines are shared; with -race this also says that nobody writes to one.
func TestCommandsSideBySide(t *testing.T) {
	config := Config{}
	for _, name := range []string{"a", "b", "c"} {
		c := shell(`while IFS= read -r line; do echo "{\"reward\": ${#line}}"; done`)
		c.Name = name
		config.Commands = append(config.Commands, c)
	}
	session, err := NewScorer(config, langid.New()).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	scores := make([]Score, 300)
	for i := range scores {
		r := Rollout{ID: "p", Sample: i % 10, Output: strings.Repeat("7", i), Answer: "7", Language: "en"}
		if err := session.Add(r, &scores[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, s := range scores {
		want := scores[0].Commands["a"] + float64(i)
		for name, got := range s.Commands {
			if got != want {
				t.Errorf("rollout %d: command %s read a line of %g bytes, it has %g", i, name, got, want)
			}
		}
		if len(s.Commands) != 3 {
			t.Errorf("rollout %d has rewards %v", i, s.Commands)
		}
	}
}

func TestValidateCommands(t *testing.T) {
	ok := shell("cat")
	for _, c := range []Command{
		{}, {Name: "a b", Run: ok.Run, Weight: 1}, {Name: "x", Weight: 1}, {Name: "x", Run: ok.Run},
		{Name: "accuracy", Run: ok.Run, Weight: 1}, {Name: "x", Run: ok.Run, Weight: 1, TimeoutS: -1},
	} {
		config := DefaultConfig()
		config.Commands = []Command{c}
		if config.Validate(language.Builtin()) == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if (Config{Commands: []Command{ok, ok}}).Validate(language.Builtin()) == nil {
		t.Error("two commands of one name were taken")
	}
	if err := (Config{Commands: []Command{ok}}).Validate(language.Builtin()); err != nil {
		t.Error(err)
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, text := range []string{
		`{"reward": 1}`, `{"reward": "1"}`, `{"reward": 1e999}`, `{}`, `null`, `[`, `{"reward":-0.5,"x":{}}`,
		`{"reward": null}`,
		`{"reward": NaN}`, `{"reward": -Infinity}`, `{"id": "a", "sample": 1, "reward": 2}`,
		`{"id": "\"NaN", "reward": 0}`, `{"sample": 1.0, "reward": 2}`,
	} {
		f.Add([]byte(text))
	}
	program := Command{Name: "mine"}.program()
	f.Fuzz(func(t *testing.T, line []byte) {
		reward, err := program.Parse(line, &command.Asked{ID: "a", Sample: 1})
		if err == nil && math.IsInf(reward, 0) {
			t.Fatalf("%q is %g", line, reward)
		}
		if err == nil && math.IsNaN(reward) && !bytes.Contains(line, []byte("null")) &&
			!bytes.Contains(line, []byte("NaN")) {
			t.Fatalf("%q is null", line)
		}
		if err != nil && len(fmt.Sprint(err)) > 1000 {
			t.Fatalf("an error of %d bytes", len(err.Error()))
		}
	})
}
