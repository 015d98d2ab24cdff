package reward

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
)

// lengthAfterAWhile rewards a line by its length; the first workers are the slowest, and each says what it does.
const lengthAfterAWhile = `n=$$; while IFS= read -r line; do
  case $line in *'"output":"7'*7*) sleep 0.0$((n % 7));; esac
  echo "scored ${#line}" >&2; echo "{\"reward\": ${#line}}"; done; printf 'bye' >&2`

// scoreWith has a scorer score n rollouts.
func scoreWith(s *Scorer, n int) ([]Score, error) {
	session, err := s.NewSession()
	if err != nil {
		return nil, err
	}
	scores := make([]Score, n)
	for i := range scores {
		_ = session.Add(Rollout{ID: "p", Sample: i, Output: strings.Repeat("7", i%13), Answer: "7", Language: "en"},
			&scores[i])
	}
	return scores, session.Close(context.Background())
}

// TestWorkers: several of a program give each rollout the reward that one gives it, and their logs are one file.
func TestWorkers(t *testing.T) {
	const n = 60
	one, err := scoreWith(NewScorer(Config{Commands: []Command{shell(lengthAfterAWhile)}}, langid.New()), n)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{2, 5} {
		c := shell(lengthAfterAWhile)
		c.Workers = workers
		s := NewScorer(Config{Commands: []Command{c}}, langid.New())
		dir := filepath.Join(t.TempDir(), "rewards")
		s.LogTo(dir)
		for range 2 { // a second sampling adds to the log
			several, err := scoreWith(s, n)
			if err != nil {
				t.Fatal(err)
			}
			for i := range one {
				if one[i].Commands["mine"] != several[i].Commands["mine"] || one[i].Total != several[i].Total {
					t.Errorf("%d workers: rollout %d has %g, and %g with one", workers, i, several[i].Commands["mine"],
						one[i].Commands["mine"])
				}
			}
		}
		data, err := os.ReadFile(filepath.Join(dir, "mine.log"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		by := map[string]int{}
		for _, line := range lines {
			who, what, _ := strings.Cut(line, " ")
			by[who]++
			if !strings.HasPrefix(what, "scored ") && what != "bye" {
				t.Errorf("the log has %q", line)
			}
		}
		if len(lines) != 2*(n+workers) || len(by) != workers || by["[1]"] == 0 {
			t.Errorf("%d workers: the log has %d lines by %v", workers, len(lines), by)
		}
	}
}

// TestWorkerDies: one of several programs that ends early ends the sampling, with what it said and where all of it is.
func TestWorkerDies(t *testing.T) {
	c := shell(`while IFS= read -r line; do case $line in *'"sample":7,'*) echo "no memory" >&2; exit 3;; esac; ` +
		`echo '{"reward": 1}'; done`)
	c.Workers = 3
	s := NewScorer(Config{Commands: []Command{c}}, langid.New())
	dir := t.TempDir()
	s.LogTo(dir)
	_, err := scoreWith(s, 20)
	for _, want := range []string{"reward mine, worker ", " of 3", "exit status 3", "no memory",
		filepath.Join(dir, "mine.log")} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q in one line", err, want)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "mine.log")); err != nil || !strings.Contains(string(data),
		"no memory") {
		t.Errorf("the log is %q: %v", data, err)
	}
}

// TestLogIsBounded: a log that has become large makes way for a new one.
func TestLogIsBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.log")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, largestLog-3); err != nil {
		t.Fatal(err)
	}
	l, err := openLog(dir, "mine")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(l.lines(""), "more")
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	info, failed := os.Stat(path + ".1")
	if err != nil || failed != nil || string(data) != "more\n" || info.Size() != largestLog-3 {
		t.Errorf("the log is %q: %v, %v", data, err, failed)
	}
}

// TestOnlyRefused: names of no reward, and of one without a weight, are refused.
func TestOnlyRefused(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`there is no reward "mien": expected accuracy, format, language, overlong or mine, did you mean "mine"`: func(c *Config) {
			c.Only = []string{"mien"}
		},
		"names mine twice":     func(c *Config) { c.Only = []string{"mine", "mine"} },
		"reward.format is 0":   func(c *Config) { c.Format, c.Only = 0, []string{"mine", "format"} },
		"overlong_buffer or ":  func(c *Config) { c.Only = []string{"mine", "overlong"} },
		"nothing would be lea": func(c *Config) { c.Accuracy, c.Format, c.Language, c.Commands = 0, 0, 0, nil },
		"has -1 workers":       func(c *Config) { c.Commands[0].Workers = -1 },
	} {
		c := DefaultConfig()
		c.Commands = []Command{shell("cat")}
		change(&c)
		if err := c.Validate(language.Builtin()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestOnly: the rewards that only names take the place of all others.
func TestOnly(t *testing.T) {
	mine, other := shell(`while read -r line; do echo '{"reward": 0.5}'; done`), shell("exit 1")
	other.Name = "other"
	c := DefaultConfig()
	c.OverlongBuffer, c.OverlongPenalty = 0.5, 1
	c.Commands = []Command{mine, other}
	for _, test := range []struct {
		only []string
		want float64 // of a right answer that is too long
	}{
		{[]string{"mine"}, 1}, {[]string{"accuracy"}, 0.8}, {[]string{"mine", "accuracy"}, 1.8},
		{[]string{"accuracy", "overlong"}, -0.2},
	} {
		c.Only = test.only
		s := NewScorer(c, langid.New())
		session, err := s.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		var score Score
		if err := session.Add(Rollout{Output: `\boxed{7}`, Answer: "7", Language: "en", Tokens: 100, MaxTokens: 100},
			&score); err != nil {
			t.Fatal(err)
		}
		if err := session.Close(context.Background()); err != nil {
			t.Errorf("%v: %v", test.only, err)
			continue
		}
		if math.Abs(score.Total-test.want) > 1e-12 || score.Accuracy != 1 {
			t.Errorf("%v: the reward is %g, want %g", test.only, score.Total, test.want)
		}
		if err := c.Try(context.Background(), Rollout{Answer: "7"}); err != nil {
			t.Errorf("%v: a command that does not count is tried: %v", test.only, err)
		}
	}
}
