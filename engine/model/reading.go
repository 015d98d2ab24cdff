package model

import (
	"fmt"
	"strings"
)

// Reading records the parameters that an executor has read, by name.
type Reading map[string]bool

// All returns an error that names those of a model's parameters that were not read: what
// the executor computes would be another model, and nobody would see it.
func (r Reading) All(executor string, names []string) error {
	var unread []string
	for _, name := range names {
		if !r[name] {
			unread = append(unread, name)
		}
	}
	if len(unread) == 0 {
		return nil
	}
	const most = 3
	more := ""
	if n := len(unread) - most; n > 0 {
		unread, more = unread[:most], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("%s would leave out %s%s: the model has it and this executor does not read it",
		executor, strings.Join(unread, ", "), more)
}
