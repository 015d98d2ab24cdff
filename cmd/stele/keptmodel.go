package main

import (
	"fmt"
	"sync"

	"github.com/stele-lm/stele/engine"
)

// keptModel is the model of the evaluation before, which the next one of the same model, with another
// adapter or other questions, need not load again.
type keptModel struct {
	mu     sync.Mutex
	key    string
	engine *engine.Engine // nil while it is in use, or there is none
}

// loaded returns the model that a source has found, loaded as for so many threads and samples together. done
// must be called when it is not needed any more.
func (w *studyWork) loaded(source *engine.Source, threads, batch int) (e *engine.Engine, done func(), err error) {
	key := fmt.Sprint(source.Dir, " ", threads, " ", batch)
	shared := w.bases[source.Name] > 1
	k := &w.kept
	k.mu.Lock()
	if k.engine != nil && k.key == key {
		e, k.engine = k.engine, nil
	}
	k.mu.Unlock()
	if e == nil {
		w.unload()
		if e, err = source.Load(); err != nil {
			return nil, nil, err
		}
	}
	return e, func() {
		if !shared {
			e.Close()
			return
		}
		w.unload()
		k.mu.Lock()
		k.key, k.engine = key, e
		k.mu.Unlock()
	}, nil
}

// unload lets go of the model that is kept.
func (w *studyWork) unload() {
	w.kept.mu.Lock()
	defer w.kept.mu.Unlock()
	if w.kept.engine != nil {
		w.kept.engine.Close()
		w.kept.engine = nil
	}
}
