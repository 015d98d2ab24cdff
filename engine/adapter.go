package engine

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/text"
)

// OpenAdapter opens an adapter in PEFT's layout, a folder or a hub id found in the local cache, and checks
// that it fits the model; Open must come before. What everybody must know is said as the options of Open
// have it.
func (s *Source) OpenAdapter(name string) (*checkpoint.Adapter, error) {
	dir, err := checkpoint.ResolveAdapter(name)
	if err != nil {
		return nil, err
	}
	a, err := checkpoint.OpenAdapter(dir, s.Config)
	if err != nil {
		return nil, err
	}
	if err := a.CheckVocabulary(s.Dir, s.Config); err != nil {
		a.Close()
		return nil, err
	}
	if s.otherTemplate(dir) {
		a.Notes = append(a.Notes, fmt.Sprintf("%s has a different chat template from %s: it is ignored, and "+
			"prompts use the model's", dir, s.Name))
	}
	if s.options.Say != nil {
		for _, note := range a.Notes {
			fmt.Fprintln(s.options.Say, note)
		}
		if a.Base != "" && !sameModel(a.Base, s.Name, s.Dir) {
			fmt.Fprintf(s.options.Say, "%s is added to %s, although it says that it was made for "+
				"%s\n", a.Dir, s.Name, a.Base)
		}
		if held := s.heldAs(); a.TrainedOver != "" && a.TrainedOver != held {
			fmt.Fprintf(s.options.Say, "%s was trained over a base in %s, and here it is in %s%s\n", a.Dir,
				a.TrainedOver, held, howToHold(a.TrainedOver))
		}
	}
	return a, nil
}

// howToHold says which settings hold a base as it was in training, if any do.
func howToHold(trainedOver string) string {
	code, double := strings.CutSuffix(trainedOver, doubled)
	switch {
	case code == "float32" || code == "bfloat16":
		return ": --dtype " + code + " holds it as it was"
	case code != "nf4" && code != "int8":
		return ""
	case double || code == "int8":
		return ": --quantize " + code + ", in training lora.base, holds it as it was"
	}
	return ": in training lora.base: " + code + " with lora.double_quant: false holds it as it was"
}

// doubled ends what is said of a base whose magnitudes are quantised, too.
const doubled = " with double quantisation"

// heldAs says how the projections of the model are held, as checkpoint.Adapter.TrainedOver does.
func (s *Source) heldAs() string {
	switch f := s.options.Projections; {
	case !f.Quantises():
		return s.DType()
	case f.Double:
		return string(f.Code) + doubled
	default:
		return string(f.Code)
	}
}

// otherTemplate reports whether the folder of an adapter has a chat template that writes a short conversation
// otherwise than the model's.
func (s *Source) otherTemplate(dir string) bool {
	own, err := text.LoadTemplate(dir)
	if err != nil {
		return false
	}
	if s.Template == nil {
		return true
	}
	probe := []text.Message{{Role: "user", Content: "1 + 1"}}
	theirs, err := own.Render(probe, true)
	ours, failed := s.Template.Render(probe, true)
	return err == nil && failed == nil && theirs != ours
}

// sameModel reports whether two names of models may be of the same: an adapter names its base as it was
// called where it was trained.
func sameModel(a, name, dir string) bool {
	last := filepath.Base(a)
	return a == name || last == filepath.Base(name) || last == filepath.Base(dir)
}

// Attach adds an adapter to the model instead of the one that it has; nil takes that off. The weights stay
// as they are, and programs for adapters of the same layout are used again. The adapter's files are not
// needed afterwards.
func (e *Engine) Attach(a *checkpoint.Adapter) error {
	w := e.Weights
	w.Adapter.Close()
	w.Adapter = nil
	e.WeightsChanged()
	if a == nil {
		return nil
	}
	w.Adapter = model.ReadAdapter(a)
	if w.Buffers == nil {
		return nil // host kernels read the values where they are
	}
	return w.Upload()
}
