package study

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/stele-lm/stele/internal/hub"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/memory"
)

// Estimate holds the resources that a job needs, as far as it is known before it begins. What is 0 is not
// known.
type Estimate struct {
	Memory    int64 `json:"memory"`    // bytes of the device
	Generated int64 `json:"generated"` // tokens, at most
	Tokens    int64 `json:"tokens"`    // prompts' among them, at most
	Disk      int64 `json:"disk"`      // bytes of checkpoints, at most
	// PerSecond counts the tokens that the job generates in a second, or in SFT those that it
	// trains on; SpeedOf names the measurement.
	PerSecond float64   `json:"tokens_per_second,omitempty"`
	SpeedOf   string    `json:"speed_of,omitempty"`
	Missing   []Missing `json:"missing,omitempty"`
	// Refusal says why the job would not begin here, apart from what is missing.
	Refusal string   `json:"refusal,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

// Missing is something that a job needs and that is not here.
type Missing struct {
	What string `json:"what"`
	Get  string `json:"get,omitempty"` // the command that gets it; empty where there is none
	// About says what data are that no command gets, and where they are described.
	About string `json:"about,omitempty"`
	// Languages are those that data are not here in, where these are some of a benchmark's.
	Languages []string `json:"languages,omitempty"`
	// Bytes of a model's weights at two a parameter, of which its name says how many there are: a model
	// in float32 has twice as many. 0 where the name does not say it.
	Bytes int64 `json:"bytes_at_least,omitempty"`
}

// Planner says what jobs need. A model that is trained first has the same shape as the one
// that its training starts from, which is what is asked about.
type Planner interface {
	PlanTrain(ctx context.Context, config trainer.Config) (Estimate, error)
	PlanEvaluate(ctx context.Context, e Evaluation, model, adapter string) (Estimate, error)
}

// PlannedJob is a line of a plan.
type PlannedJob struct {
	Job   string   `json:"job"`
	Kind  Kind     `json:"kind"`
	Needs []string `json:"needs"`
	State State    `json:"state"`
	// Anew says that the job, or one that it is made from, was begun with other settings: --update
	// does it anew, which is what the estimate is of.
	Anew  bool   `json:"anew,omitempty"`
	Model string `json:"model,omitempty"`
	Estimate
	Hours float64 `json:"hours,omitempty"` // at most; 0 where it is not known
}

// Plan lists the jobs of a study with what each needs, before anything runs.
type Plan struct {
	Title string       `json:"title"`
	Jobs  []PlannedJob `json:"jobs"`
	// Given are the models whose results are given: they have no jobs.
	Given []Given `json:"given"`
	// Missing is everything that is not here, once.
	Missing []Missing `json:"missing"`
	// Of the jobs that are not done: tokens and hours, of Unmeasured without hours.
	Tokens     int64   `json:"tokens"`
	Hours      float64 `json:"hours"`
	Unmeasured int     `json:"jobs_without_hours"`
	Uncounted  int     `json:"jobs_without_tokens"`
	Disk       int64   `json:"disk"`
	DiskFree   int64   `json:"disk_free"`   // 0 where the system does not say
	Fetched    int64   `json:"to_fetch"`    // bytes of models that are not here, at least, as their names say
	CacheFree  int64   `json:"cache_free"`  // where models are fetched to; 0 where the system does not say
	MemoryFree int64   `json:"memory_free"` // of this machine
	// Workers is how many jobs are done at the same time, and Together the memory of so many
	// of those that need most.
	Workers  int   `json:"workers"`
	Together int64 `json:"memory_together"`
	// Changed says of a folder that was begun which settings differ from the file's.
	Changed string `json:"changed,omitempty"`
}

// Plan asks about every job that is not done, or that an update would do anew. dir is the study's folder, there or not.
func (s *Study) Plan(ctx context.Context, dir string, options Options, planner Planner) (*Plan, error) {
	p := &Plan{Title: s.Report.Title, Given: s.Given(), MemoryFree: memory.Available(), Missing: []Missing{}}
	states, err := s.State(dir, options)
	if err != nil {
		return nil, err
	}
	changed, err := s.changes(dir, s.Jobs, options)
	if err != nil {
		p.Changed = err.Error()
	}
	stale := s.stale(changed)
	for _, j := range s.Jobs {
		planned := PlannedJob{Job: j.Name, Kind: j.Kind, Needs: j.Needs, State: states[j.Name], Model: j.model(),
			Anew: slices.Contains(stale, j)}
		if j.Needs == nil {
			planned.Needs = []string{}
		}
		if j.Kind != Reports && (planned.State != Done || planned.Anew) {
			if planned.Estimate, err = s.estimate(ctx, j, planner); err != nil {
				return nil, fmt.Errorf("%s: %w", j.Name, err)
			}
			p.add(&planned)
		}
		p.Jobs = append(p.Jobs, planned)
	}
	if p.DiskFree, err = free(dir); err != nil {
		return nil, err
	}
	if cache, unknown := hub.Cache(); unknown == nil {
		p.CacheFree, err = free(cache)
	}
	return p, err
}

// free returns the bytes that are free where a folder is or would be; 0 where the system does not say.
func free(dir string) (int64, error) {
	there, err := jsonl.Existing(dir)
	if err != nil {
		return 0, err
	}
	var disk unix.Statfs_t
	if unix.Statfs(there, &disk) != nil {
		return 0, nil
	}
	return int64(disk.Bavail) * disk.Bsize, nil
}

func (s *Study) estimate(ctx context.Context, j *Job, planner Planner) (Estimate, error) {
	if j.Kind == Evaluate {
		return planner.PlanEvaluate(ctx, j.Evaluation, j.Start, j.Adapter)
	}
	config := j.Config
	config.Model, config.LoRA = j.Start, s.factors(j)
	return planner.PlanTrain(ctx, config)
}

// add counts a job.
func (p *Plan) add(j *PlannedJob) {
	generated := j.Generated
	if generated == 0 {
		generated = j.Tokens // SFT
	}
	if j.PerSecond > 0 && generated > 0 {
		j.Hours = float64(generated) / j.PerSecond / 3600
	} else {
		p.Unmeasured++
	}
	if j.Tokens == 0 {
		p.Uncounted++
	}
	p.Tokens, p.Hours, p.Disk = p.Tokens+j.Tokens, p.Hours+j.Hours, p.Disk+j.Disk
	for _, m := range j.Missing {
		at := slices.IndexFunc(p.Missing, func(known Missing) bool {
			return known.What == m.What && known.Get == m.Get
		})
		if at < 0 {
			at = len(p.Missing)
			p.Missing = append(p.Missing, Missing{What: m.What, Get: m.Get, About: m.About, Bytes: m.Bytes})
			p.Fetched += m.Bytes
		}
		for _, l := range m.Languages {
			if !slices.Contains(p.Missing[at].Languages, l) {
				p.Missing[at].Languages = append(p.Missing[at].Languages, l)
			}
		}
	}
}

// Beside plans so many jobs at the same time. It is an error that this machine has not the
// memory for those that need most.
func (p *Plan) Beside(workers int) error {
	var needs []int64
	for _, j := range p.Jobs {
		needs = append(needs, j.Memory)
	}
	slices.Sort(needs)
	p.Workers, p.Together = workers, 0
	for _, need := range needs[max(0, len(needs)-workers):] {
		p.Together += need
	}
	if workers > 1 && p.MemoryFree > 0 && p.Together > p.MemoryFree {
		return fmt.Errorf("%d jobs at the same time need up to %s, and %s are available here: give fewer "+
			"--workers", workers, size(p.Together), size(p.MemoryFree))
	}
	return nil
}

// Refused counts the jobs that would not begin here.
func (p *Plan) Refused() (n int) {
	for _, j := range p.Jobs {
		if j.Refusal != "" || len(j.Missing) > 0 {
			n++
		}
	}
	return n
}
