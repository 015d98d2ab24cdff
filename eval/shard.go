package eval

import (
	"fmt"
	"strconv"
	"strings"
)

// Shard is one of several parts of a run, for as many machines. The zero value is
// the whole run. Question k of a run (from 0) belongs to the part k mod Of + 1, so
// that the parts take alike long.
type Shard struct {
	Index, Of int // Index from 1
}

// ParseShard reads "i/n", such as "3/8".
func ParseShard(text string) (Shard, error) {
	i, n, ok := strings.Cut(text, "/")
	index, errIndex := strconv.Atoi(i)
	of, errOf := strconv.Atoi(n)
	if !ok || errIndex != nil || errOf != nil || index < 1 || index > of {
		return Shard{}, fmt.Errorf("shard %q: expected i/n with i from 1 to n, as in 3/8", text)
	}
	return Shard{index, of}, nil
}

// String is "i/n", or "" for the whole.
func (s Shard) String() string {
	if s.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Of)
}

// MarshalText implements encoding.TextMarshaler.
func (s Shard) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Shard) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*s = Shard{}
		return nil
	}
	*s, err = ParseShard(string(text))
	return err
}

// take is the questions of the part.
func (s Shard) take(questions []Question) []Question {
	if s.Of == 0 {
		return questions
	}
	var mine []Question
	for k := s.Index - 1; k < len(questions); k += s.Of {
		mine = append(mine, questions[k])
	}
	return mine
}
