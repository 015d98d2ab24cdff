package study

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/sys/unix"

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
	// Languages are those that data are not here in, where these are some of a benchmark's.
	Languages []string `json:"languages,omitempty"`
}

// Planner says what jobs need. A model that is trained first has the same shape as the one
// that its training starts from, which is what is asked about.
type Planner interface {
	PlanTrain(ctx context.Context, config trainer.Config) (Estimate, error)
	PlanEvaluate(ctx context.Context, e Evaluation, model string) (Estimate, error)
}

// PlannedJob is a line of a plan.
type PlannedJob struct {
	Job   string   `json:"job"`
	Kind  Kind     `json:"kind"`
	Needs []string `json:"needs"`
	State State    `json:"state"`
	Model string   `json:"model,omitempty"`
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
	Disk       int64   `json:"disk"`
	DiskFree   int64   `json:"disk_free"`   // 0 where the system does not say
	MemoryFree int64   `json:"memory_free"` // of this machine
	// Workers is how many jobs are done beside each other, and Together the memory of so many
	// of those that need most.
	Workers  int   `json:"workers"`
	Together int64 `json:"memory_together"`
	// Changed says of a folder that was begun which settings differ from the file's.
	Changed string `json:"changed,omitempty"`
}

// Plan asks about every job that is not done. dir is the study's folder, there or not.
func (s *Study) Plan(ctx context.Context, dir string, options Options, planner Planner) (*Plan, error) {
	p := &Plan{Title: s.Report.Title, Given: s.Given(), MemoryFree: memory.Available(), Missing: []Missing{}}
	states, err := s.State(dir, options)
	if err != nil {
		return nil, err
	}
	if _, err := s.changes(dir, s.Jobs, options); err != nil {
		p.Changed = err.Error()
	}
	for _, j := range s.Jobs {
		planned := PlannedJob{Job: j.Name, Kind: j.Kind, Needs: j.Needs, State: states[j.Name], Model: j.model()}
		if j.Needs == nil {
			planned.Needs = []string{}
		}
		if j.Kind != Reports && planned.State != Done {
			if planned.Estimate, err = s.estimate(ctx, j, planner); err != nil {
				return nil, fmt.Errorf("%s: %w", j.Name, err)
			}
			p.add(&planned)
		}
		p.Jobs = append(p.Jobs, planned)
	}
	there, err := jsonl.Existing(dir)
	if err != nil {
		return nil, err
	}
	var disk unix.Statfs_t
	if unix.Statfs(there, &disk) == nil {
		p.DiskFree = int64(disk.Bavail) * disk.Bsize
	}
	return p, nil
}

func (s *Study) estimate(ctx context.Context, j *Job, planner Planner) (Estimate, error) {
	if j.Kind == Evaluate {
		return planner.PlanEvaluate(ctx, j.Evaluation, j.Start)
	}
	config := j.Config
	config.Model = j.Start
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
	p.Tokens, p.Hours, p.Disk = p.Tokens+j.Tokens, p.Hours+j.Hours, p.Disk+j.Disk
	for _, m := range j.Missing {
		at := slices.IndexFunc(p.Missing, func(known Missing) bool {
			return known.What == m.What && known.Get == m.Get
		})
		if at < 0 {
			at = len(p.Missing)
			p.Missing = append(p.Missing, Missing{What: m.What, Get: m.Get})
		}
		for _, l := range m.Languages {
			if !slices.Contains(p.Missing[at].Languages, l) {
				p.Missing[at].Languages = append(p.Missing[at].Languages, l)
			}
		}
	}
}

// Beside plans so many jobs beside each other. It is an error that this machine has not the
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
		return fmt.Errorf("%d jobs beside each other need up to %s, and %s are available here: give fewer "+
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

// Write shows the plan to a person.
func (p *Plan) Write(w io.Writer) error {
	var b strings.Builder
	if p.Title != "" {
		fmt.Fprintf(&b, "%s\n\n", p.Title)
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tjob\tstate\tneeds\tmodel\tmemory\ttokens, at most\thours, at most\t")
	for i, j := range p.Jobs {
		hours := ""
		if j.Hours > 0 {
			hours = fmt.Sprintf("%.3g", j.Hours)
		}
		state := string(j.State)
		if len(j.Missing) > 0 {
			state += ", not all is here"
		} else if j.Refusal != "" {
			state += ", would be refused"
		}
		needs := strings.Join(j.Needs, " ")
		if j.Kind == Reports {
			needs = "whatever is done"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", i, j.Job, state, needs, j.Model, size(j.Memory),
			count(j.Tokens), hours)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "\n%s\n", title)
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	section("Results are given, nothing is run for them:", givenLines(p.Given))
	var missing []string
	for _, m := range p.Missing {
		line := m.What
		if len(m.Languages) > 1 {
			line += fmt.Sprintf("; in %s neither", strings.Join(m.Languages[1:], " "))
		}
		if m.Get != "" && !strings.Contains(m.What, m.Get) {
			line += ": " + m.Get
		}
		missing = append(missing, line)
	}
	slices.SortStableFunc(missing, func(a, b string) int { return cmp.Compare(notModel(a), notModel(b)) })
	section("Not here:", missing)
	section("Would be refused:", p.grouped(func(j *PlannedJob) []string {
		if j.Refusal == "" {
			return nil
		}
		return []string{j.Refusal}
	}))
	section("Notes:", p.grouped(func(j *PlannedJob) []string { return j.Notes }))
	if p.Changed != "" {
		section("Changed:", []string{p.Changed})
	}
	if !slices.ContainsFunc(p.Jobs, func(j PlannedJob) bool { return j.Kind != Reports }) {
		fmt.Fprintln(&b, "\nOnly the report is made: no device, no model and no data are needed.")
		_, err := io.WriteString(w, b.String())
		return err
	}
	if p.Tokens > 0 {
		fmt.Fprintf(&b, "\ntokens  %s at most\n", count(p.Tokens))
	} else {
		fmt.Fprintln(&b, "\ntokens  not known")
	}
	switch {
	case p.Hours == 0 && len(p.speeds()) > 0 && p.Unmeasured > 0:
		fmt.Fprintln(&b, "hours   not known: what is not here has no size")
	case p.Hours > 0 && p.Unmeasured == 0:
		fmt.Fprintf(&b, "hours   %.3g at most (%s)\n", p.Hours, strings.Join(p.speeds(), "; "))
	case p.Hours > 0:
		fmt.Fprintf(&b, "hours   %.3g at most (%s), and those of %d jobs whose speed or size is not known\n",
			p.Hours, strings.Join(p.speeds(), "; "), p.Unmeasured)
	case p.Unmeasured > 0:
		fmt.Fprintln(&b, "hours   not known: measure with stele bench -m MODEL, which is kept, or give "+
			"--tokens-per-second")
	}
	together := ""
	if p.Workers > 1 {
		together = fmt.Sprintf("%s for %d jobs beside each other at most, ",
			cmp.Or(size(p.Together), "not known how much"), p.Workers)
	}
	fmt.Fprintf(&b, "memory  %s%s available here\n", together, cmp.Or(size(p.MemoryFree), "not known how much"))
	disk := "checkpoints' not known"
	if p.Disk > 0 {
		disk = size(p.Disk) + " for checkpoints at most"
	}
	fmt.Fprintf(&b, "disk    %s, %s free\n", disk, cmp.Or(size(p.DiskFree), "not known how much is"))
	_, err := io.WriteString(w, b.String())
	return err
}

// givenLines says of given models, those of one file together, where they are from.
func givenLines(all []Given) (lines []string) {
	var order []string
	models := map[string][]string{}
	for _, g := range all {
		from := fmt.Sprintf("%s (%s; %s)", g.Results, strings.Join(g.Benchmarks, " "), strings.Join(g.Languages, " "))
		if models[from] == nil {
			order = append(order, from)
		}
		models[from] = append(models[from], g.Model)
	}
	for _, from := range order {
		lines = append(lines, from+": "+strings.Join(models[from], ", "))
	}
	return lines
}

// notModel is 0 for a line about a model, which comes first, else 1.
func notModel(line string) int {
	if strings.HasPrefix(line, "model ") {
		return 0
	}
	return 1
}

// speeds lists where speeds are known from.
func (p *Plan) speeds() (all []string) {
	for _, j := range p.Jobs {
		if j.SpeedOf != "" && !slices.Contains(all, j.SpeedOf) {
			all = append(all, j.SpeedOf)
		}
	}
	return all
}

// grouped lists what is said of jobs, each thing once with the jobs it is said of.
func (p *Plan) grouped(of func(*PlannedJob) []string) (lines []string) {
	jobs := map[string][]string{}
	var order []string
	for i := range p.Jobs {
		for _, said := range of(&p.Jobs[i]) {
			if jobs[said] == nil {
				order = append(order, said)
			}
			jobs[said] = append(jobs[said], p.Jobs[i].Job)
		}
	}
	for _, said := range order {
		lines = append(lines, some(jobs[said])+": "+said)
	}
	return lines
}

// count writes a number of tokens for a person; 0 is not known, and nothing.
func count(n int64) string {
	switch x := float64(n); {
	case n == 0:
		return ""
	case x < 1e4:
		return fmt.Sprint(n)
	case x < 1e6:
		return fmt.Sprintf("%.3g thousand", x/1e3)
	case x < 1e9:
		return fmt.Sprintf("%.3g million", x/1e6)
	default:
		return fmt.Sprintf("%.4g billion", x/1e9)
	}
}

// size writes a number of bytes for a person; 0 is not known, and nothing.
func size(n int64) string {
	if n == 0 {
		return ""
	}
	exponent := min(4, max(2, int(math.Log2(float64(n))/10)))
	return fmt.Sprintf("%.3g %s", float64(n)/math.Pow(1024, float64(exponent)),
		[...]string{2: "MiB", 3: "GiB", 4: "TiB"}[exponent])
}
