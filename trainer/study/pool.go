package study

import (
	"context"
	"slices"
	"sync"
)

// pool hands out jobs to workers: always the first, in the file's order, that waits for no
// other. The report waits for all.
type pool struct {
	jobs    []*Job
	workers int

	mu      sync.Mutex
	changed sync.Cond
	taken   map[string]bool
	settled map[string]bool // done, or not to be done
}

func newPool(jobs []*Job, workers int) *pool {
	p := &pool{jobs: jobs, workers: workers, taken: map[string]bool{}, settled: map[string]bool{}}
	p.changed.L = &p.mu
	return p
}

// run calls do for every job, on all workers, until ctx ends. others is how many jobs may run
// beside it.
func (p *pool) run(ctx context.Context, do func(j *Job, others int)) {
	var workers sync.WaitGroup
	for range p.workers {
		workers.Go(func() {
			for {
				j, others := p.take(ctx)
				if j == nil {
					return
				}
				do(j, others)
				p.settle(j)
			}
		})
	}
	workers.Wait()
}

// take waits for a job that can begin. It is nil when all are taken, or ctx has ended.
func (p *pool) take(ctx context.Context) (j *Job, others int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ctx.Err() == nil && len(p.taken) < len(p.jobs) {
		if i := slices.IndexFunc(p.jobs, p.ready); i >= 0 {
			p.taken[p.jobs[i].Name] = true
			return p.jobs[i], min(p.workers, len(p.jobs)-len(p.settled)) - 1
		}
		p.changed.Wait() // a job that is being done settles, and wakes this
	}
	return nil, 0
}

// ready reports whether a job is not begun, and what it waits for is settled.
func (p *pool) ready(j *Job) bool {
	if p.taken[j.Name] {
		return false
	}
	if j.Kind == Reports {
		return len(p.settled) == len(p.jobs)-1
	}
	return !slices.ContainsFunc(j.Needs, func(need string) bool { return !p.settled[need] })
}

func (p *pool) settle(j *Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled[j.Name] = true
	p.changed.Broadcast()
}
