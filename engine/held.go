package engine

import (
	"cmp"
	"errors"
	"sync/atomic"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/hostmodel"
	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// held is what engines over one set of weights share.
type held struct {
	weights *model.Weights
	folder  *checkpoint.Folder
	users   atomic.Int32
}

func hold(w *model.Weights, folder *checkpoint.Folder) *held {
	h := &held{weights: w, folder: folder}
	h.users.Store(1)
	return h
}

// release frees the weights when the last engine lets go of them.
func (h *held) release() {
	if h.users.Add(-1) == 0 {
		h.weights.Close()
		h.folder.Close()
	}
}

// CanShare reports whether LoadBeside can make engines over this one's weights: what runs on GoMLX's Go
// backend cannot run beside each other, and what is on several devices is not shared.
func (e *Engine) CanShare() bool {
	return len(e.others) == 0 && (e.host != nil && e.Weights.Buffers == nil || e.Device().IsXLA())
}

// LoadBeside is Load of a model that another engine, which CanShare, has loaded from the same folder with the
// same backend, kernels and dtype: the weights, which nobody may train then, are shared. The adapter, the
// pool and the threads are the new engine's own, and both may run at the same time.
func (s *Source) LoadBeside(other *Engine) (*Engine, error) {
	e := &Engine{
		Dir: s.Dir, Weights: other.held.weights.Beside(), held: other.held,
		Tokenizer: s.Tokenizer, Template: s.Template,
		options: s.options, scores: map[scoreKey]*backend.NamedProgram{},
	}
	e.held.users.Add(1)
	s.Tokenizer = nil
	var err error
	if s.adapter != nil {
		e.Weights.Adapter = model.ReadAdapter(s.adapter)
	}
	if other.host != nil {
		e.team = host.NewTeam(cmp.Or(s.options.Threads, threads.Count))
		e.host, err = hostmodel.New(e.Weights, e.team)
	} else {
		err = e.Weights.Upload()
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// errShared is the error of what would move weights that several engines read.
var errShared = errors.New("the weights are shared with another engine: score by the kernels that generate")

// upload is Upload of weights that this engine reads.
func (e *Engine) upload(w *model.Weights) error {
	if w.Buffers == nil && e.held.users.Load() > 1 {
		return errShared
	}
	return w.Upload()
}
