package study

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/trainer"
)

// Several processes do each job of a study together, one job after another: process 0 decides which, and reads and
// writes records, and the others are told what it works at. Jobs are not shared out, as a job that many wait for would
// leave the others idle, and a large model's training needs all of them.

// order is what process 0 tells the others to work at; without a job it is the end.
type order struct {
	Job, Model, Called string
	Factors            string // of the adapter that is trained further
	Work               Work
}

// leader is process 0's Runner: it has the others do the same.
type leader struct {
	Runner
	job *cluster.Job
}

// Lead returns the Runner of process 0; end tells the others that no more jobs come.
func Lead(job *cluster.Job, own Runner) (all Runner, end func() error) {
	l := leader{own, job}
	return l, func() error { return l.send(order{}) }
}

func (l leader) send(o order) error {
	data, err := json.Marshal(o)
	if err == nil {
		_, err = l.job.Broadcast(data)
	}
	return err
}

// Train implements Runner.
func (l leader) Train(ctx context.Context, config trainer.Config, w Work) error {
	if err := l.send(order{Job: w.Job, Model: config.Model, Factors: config.LoRA.Adapter, Work: w}); err != nil {
		return err
	}
	return settle(ctx, l.job, w.Job, l.Runner.Train(ctx, config, w))
}

// Evaluate implements Runner.
func (l leader) Evaluate(ctx context.Context, e Evaluation, model, called string, w Work) error {
	if err := l.send(order{Job: w.Job, Model: model, Called: called, Work: w}); err != nil {
		return err
	}
	return settle(ctx, l.job, w.Job, l.Runner.Evaluate(ctx, e, model, called, w))
}

// Follow does, as another process than 0, what process 0 works at, until it ends.
func (s *Study) Follow(ctx context.Context, job *cluster.Job, own Runner, threads int) error {
	for {
		data, err := job.Broadcast(nil)
		if err != nil {
			return err
		}
		var o order
		if err := jsonl.Unmarshal(data, &o); err != nil {
			return err
		}
		if o.Job == "" {
			return ctx.Err()
		}
		j := s.Job(o.Job)
		if j == nil {
			err := fmt.Errorf("process 0 works at %s, which this process's study does not have", o.Job)
			job.Abort(err)
			return err
		}
		o.Work.Threads, o.Work.Say = threads, io.Discard
		if j.Kind == Train {
			config := j.Config
			config.Model, config.LoRA.Adapter = o.Model, o.Factors
			err = own.Train(ctx, config, o.Work)
		} else {
			err = own.Evaluate(ctx, j.Evaluation, o.Model, o.Called, o.Work)
		}
		_ = settle(ctx, job, o.Job, err) // process 0 says it
	}
}

// settle returns a job's error where all processes have it, and they go on together. One that others do not know of
// ends all: they would wait for this process.
func settle(ctx context.Context, job *cluster.Job, name string, err error) error {
	if err != nil && !cluster.IsAgreed(err) && ctx.Err() == nil {
		job.Abort(fmt.Errorf("%s: %w", name, err))
	}
	return err
}
