package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/eval"
)

// trainingDType is the dtype of trainings where --dtype is auto: gradients are summed, and small steps taken, in
// what float32 can tell apart.
const trainingDType = "float32"

// dtypeOfTraining is what --dtype says of a training.
func (g *globals) dtypeOfTraining() string {
	if g.dtype == engine.AutoDType {
		return trainingDType
	}
	return g.dtype
}

// settleTraining turns --dtype into the dtype of a training of a model: float32 where the flag is not given, the
// model's own where it is auto.
func (g *globals) settleTraining(c *cobra.Command, model string) error {
	if g.dtype != engine.AutoDType {
		return nil
	}
	if !c.Flags().Changed("dtype") {
		g.dtype = trainingDType
		return nil
	}
	own, notes, err := engine.OwnDType(model)
	if err != nil {
		return err
	}
	sayNotes(g.stderr(), notes)
	g.dtype = own
	return nil
}

// sayNotes prints what is to be said of a model's dtype.
func sayNotes(w io.Writer, notes []string) {
	for _, note := range notes {
		fmt.Fprintln(w, note)
	}
}

// goOnIn takes the dtype of the evaluation that is in one of some folders, which goes on, where --dtype is not
// given. One that began with the model's own finds that again.
func (g *globals) goOnIn(c *cobra.Command, say io.Writer, model string, folders ...string) {
	if c.Flags().Changed("dtype") {
		return
	}
	for _, dir := range folders {
		if dir == "" {
			continue
		}
		done := g.guard("reading "+dir, 0)
		m, err := eval.ReadManifest(dir)
		done()
		if err != nil || m == nil || m.DTypeAuto {
			continue // what is wrong with it is said where it is gone on with
		}
		dtype, _, _ := strings.Cut(m.DType, over)
		if !slices.Contains(dtypes, dtype) {
			continue
		}
		if own, _, err := engine.OwnDType(model); err == nil && own != dtype {
			fmt.Fprintf(say, "%s was begun in %s, and goes on in it: the model's own dtype is %s\n", dir, dtype, own)
		}
		g.dtype = dtype
		return
	}
}

// over stands in the dtype of a manifest before what the projections are held in.
const over = " over "
