package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stele-lm/stele/trainer/objective"
)

// ownSettings are those of an algorithm of this test.
type ownSettings struct {
	// High is the largest ratio.
	High float64 `yaml:"high"`
}

// TestAlgorithm: the settings that only one algorithm has are explained by their comments.
func TestAlgorithm(t *testing.T) {
	d := document{root: "../.."}
	d.algorithm(objective.Algorithm{Name: "mine", Own: ownSettings{High: 5}})
	d.algorithm(objective.Algorithm{Name: "other"})
	want := "\n## loss.options\n\nSettings of algorithm mine alone.\n\n" +
		"- `loss.options.high` (number; default 5): the largest ratio.\n"
	if got := d.out.String(); got != want || errors.Join(d.errs...) != nil {
		t.Errorf("%q, %v, want %q", got, errors.Join(d.errs...), want)
	}
	if text, err := write("../.."); err != nil || !strings.Contains(text, "`loss.beta`") {
		t.Errorf("the settings of a run: %v", err)
	}
}
