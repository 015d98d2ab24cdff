package main

import (
	"fmt"
	"sync"

	"github.com/stele-lm/stele/engine"
)

// keptModels are the models that evaluations of a study have loaded: those in use, over whose weights
// another evaluation of the same model, with another adapter or other questions, may run, and the one that was
// used last, which the next need not load again.
type keptModels struct {
	mu    sync.Mutex
	using map[*engine.Engine]string // folders
	idle  *engine.Engine            // nil for none
	key   string                    // of idle
	// loading has a lock for each folder, so that who finds a model being loaded waits for it.
	loading map[string]*sync.Mutex
}

// loaded returns the model that a source has found, as for so many threads and samples together. done must be
// called when it is not needed any more.
func (w *studyWork) loaded(source *engine.Source, threads, batch int) (e *engine.Engine, done func(), err error) {
	k, dir, key := &w.kept, source.Dir, fmt.Sprint(source.Dir, " ", threads, " ", batch)
	k.mu.Lock()
	if k.using == nil {
		k.using, k.loading = map[*engine.Engine]string{}, map[string]*sync.Mutex{}
	}
	if k.loading[dir] == nil {
		k.loading[dir] = &sync.Mutex{}
	}
	loading := k.loading[dir]
	k.mu.Unlock()
	loading.Lock()
	defer loading.Unlock()
	if e, err = k.take(source, key); err == nil && e == nil {
		e, err = source.Load()
	}
	if err != nil {
		return nil, nil, err
	}
	k.mu.Lock()
	k.using[e] = dir
	k.mu.Unlock()
	return e, func() { k.done(e, key, w.bases[source.Name] > 1) }, nil
}

// take returns a model over weights that are loaded; nil where they are not, and then lets go of others.
func (k *keptModels) take(source *engine.Source, key string) (e *engine.Engine, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.idle != nil && k.key == key {
		e, k.idle = k.idle, nil
		return e, nil
	}
	for other, dir := range k.using {
		if dir == source.Dir && other.CanShare() {
			return source.LoadBeside(other)
		}
	}
	if k.idle != nil && k.idle.Dir == source.Dir && k.idle.CanShare() {
		e, err = source.LoadBeside(k.idle)
	}
	k.close()
	return e, err
}

// done keeps a model for the next evaluation, if it shall stay.
func (k *keptModels) done(e *engine.Engine, key string, stay bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.using, e)
	if !stay {
		e.Close()
		return
	}
	k.close()
	k.idle, k.key = e, key
}

// close lets go of the model that is idle; the lock is held.
func (k *keptModels) close() {
	if k.idle != nil {
		k.idle.Close()
		k.idle = nil
	}
}

// unload lets go of the model that is kept.
func (w *studyWork) unload() {
	w.kept.mu.Lock()
	defer w.kept.mu.Unlock()
	w.kept.close()
}
