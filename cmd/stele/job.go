package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/isa"
)

// divided are the commands whose work the processes share that mpirun or srun started.
var divided = []string{"eval", "study", "train"}

// join finds the other processes of the job, where a launcher started several. All but process 0 are silent then, and
// those of a machine divide its cores, unless the launcher did.
func (g *globals) join(c *cobra.Command) error {
	job, err := cluster.Join()
	if err != nil {
		return err
	}
	g.job = job
	if job.Size == 1 {
		return nil
	}
	ctx, stop := context.WithCancel(c.Context())
	c.SetContext(ctx)
	go func() { // whoever is stopped stops all
		select {
		case <-ctx.Done():
			job.Stop()
		case <-job.Stopped():
			stop()
		}
	}()
	if job.Rank > 0 {
		g.say = io.Discard
		c.SetOut(io.Discard)
		c.SetErr(io.Discard)
	}
	if err := g.takeGPUs(job); err != nil {
		return err
	}
	if err := g.compareTiers(job); err != nil {
		return err
	}
	cores := allowedCores(0)
	place, sharers, err := coreSharers(job, cores)
	if err != nil {
		return err
	}
	if sharers > 1 && os.Getenv("GOMAXPROCS") == "" {
		threads.Count = max(1, threads.Count/sharers)
		runtime.GOMAXPROCS(threads.Count)
		if n := len(cores); n >= sharers {
			stayOn(cores[n*place/sharers : n*(place+1)/sharers])
		}
	}
	threadsEach := "1 thread"
	if threads.Count > 1 {
		threadsEach = fmt.Sprintf("%d threads", threads.Count)
	}
	fmt.Fprintf(g.stderr(), "%d processes, started by %s: %s; %s each\n", job.Size, job.Launcher, job.Library,
		threadsEach)
	all := len(allowedCores(os.Getppid())) // what the launcher itself may use
	if used := len(cores) * job.LocalSize / sharers; used > 0 && used < all {
		fmt.Fprintf(g.stderr(), "the launcher keeps the %d processes of this machine on %d of %d cores: --bind-to "+
			"none (MPICH: -bind-to none) lets them have all\n", job.LocalSize, used, all)
	}
	if c.Name() != "eval" { // whose samples are on disk at any moment
		g.sayHowToStop(job)
	}
	return nil
}

// sayHowToStop says how a run's processes are asked to finish what they are doing, where Ctrl-C does not: Open MPI's
// launcher (5.0, PRRTE 3.0) then kills them half a second later, for which it has no setting, and drops what they say.
func (g *globals) sayHowToStop(job *cluster.Job) {
	if job.Launcher != cluster.OpenMPI {
		return
	}
	to := "PID, that of mpirun,"
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", os.Getppid()))
	switch strings.TrimSpace(string(name)) {
	case "mpirun", "mpiexec", "prterun": // else mpirun is on another machine
		to = fmt.Sprint(os.Getppid())
	}
	fmt.Fprintf(g.stderr(), "Open MPI kills all processes half a second after Ctrl-C: kill -USR1 %s has them finish "+
		"the step, save and end\n", to)
}

// compareTiers says where processes compute with other instructions than process 0: sums are rounded otherwise, and
// samples may not be those of one process. Training refuses it.
func (g *globals) compareTiers(job *cluster.Job) error {
	all, err := job.AllGather([]byte(isa.InForce().String()))
	if err != nil {
		return err
	}
	for rank, tier := range all {
		if string(tier) != string(all[0]) {
			fmt.Fprintf(g.stderr(), "rank %d on %s computes with %s and rank 0 with %s: samples may differ from those "+
				"of one process, unless STELE_CPU caps all to one of them\n", rank, job.Hosts[rank], tier, all[0])
			break
		}
	}
	return nil
}

// processes are those that share an evaluation.
func (g *globals) processes() eval.Processes {
	if g.job == nil || g.job.Size == 1 {
		return eval.Processes{}
	}
	return eval.Of(g.job)
}

// guard watches over the reading of as many bytes, while other processes wait for it.
func (g *globals) guard(what string, bytes int64) (done func()) {
	if g.job == nil {
		return func() {}
	}
	return g.job.GuardFiles(what, bytes)
}

// coreSharers is how many processes of this machine may run on the same cores as this one, and how many of them have a
// lower rank.
func coreSharers(job *cluster.Job, cores []int) (place, n int, err error) {
	own := job.Host + fmt.Sprint(cores)
	all, err := job.AllGather([]byte(own))
	for rank, other := range all {
		if string(other) == own {
			n++
			if rank < job.Rank {
				place++
			}
		}
	}
	return place, n, err
}

// endJob leaves a job of several processes with the error that the command returned, and returns the exit code. What
// stops one process stops all, with one line.
func endJob(ctx context.Context, job *cluster.Job, err error) int {
	switch {
	case err == nil:
		if err = job.Leave(); err == nil {
			return exitDone
		}
	case cluster.IsAgreed(err) && ctx.Err() == nil && !errors.Is(err, context.Canceled):
		if job.Rank == 0 {
			fmt.Fprintln(os.Stderr, "stele:", err)
		}
		left := make(chan error, 1)
		go func() { left <- job.Leave() }()
		select {
		case <-left:
		case <-time.After(lastWords):
		}
		return exitFailed
	case errors.Is(err, context.Canceled), ctx.Err() != nil: // launchers hand a signal on to all
		if job.Rank == 0 {
			fmt.Fprintln(os.Stderr, "stele: interrupted")
		}
		left := make(chan error, 1)
		go func() { left <- job.Leave() }()
		select {
		case err = <-left:
		case <-time.After(cluster.Deadline()): // they may be within a step; a second signal waits for nobody
			err = errors.New("this process was interrupted, others were not")
		}
		if err == nil {
			return exitInterrupted
		}
	}
	status := exitFailed
	if usage := (usageError{}); errors.As(err, &usage) {
		status = exitUsage
	}
	if job.Rank > 0 { // where all have the same, process 0 says it
		time.Sleep(min(300*time.Millisecond+20*time.Millisecond*time.Duration(job.Rank), 2*time.Second))
	}
	job.End(status, err)
	return status
}
