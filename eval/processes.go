package eval

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/internal/jsonl"
)

// Processes are those of a job that share a run; the zero value is this one alone. They take questions from one
// queue. Process 0 alone reads and writes the run's folder: the others send it each sample when it is judged, so that
// what was generated is on disk within moments, whoever made it, and a run goes on with any number of processes.
type Processes struct {
	Rank, Size int
	Together
}

// Together is how they speak with each other: what a cluster.Job does.
type Together interface {
	// Agree returns nil where all give nil, else the first's error to all.
	Agree(own error) error
	// Exchange gives everybody's bytes to all, in the order of ranks, or an error as Agree does.
	Exchange(data []byte, own error) ([][]byte, error)
	// Broadcast returns process 0's bytes to all.
	Broadcast(data []byte) ([]byte, error)
	// Next hands out 0, 1, 2 … of a counter, each number to one process.
	Next(counter uint64) (int, error)
	// GiveUp ends the handing out, and closes GivenUp on all processes.
	GiveUp(counter uint64)
	GivenUp(counter uint64) <-chan struct{}
	// GuardFiles ends the job where done is not called within the time that so many bytes may take.
	GuardFiles(what string, bytes int64) (done func())
	// Send sends a message, which the process gets from Messages; those of one sender in their order.
	Send(to int, data []byte) error
	Messages() <-chan cluster.Message
}

// Of are the processes of a job.
func Of(j *cluster.Job) Processes { return Processes{j.Rank, j.Size, j} }

func (p Processes) several() bool { return p.Size > 1 }

// Agree is a job's, and own for a process alone.
func (p Processes) Agree(own error) error {
	if !p.several() {
		return own
	}
	return p.Together.Agree(own)
}

// guard watches over the reading or writing of as many bytes, while others wait for it.
func (p Processes) guard(what string, bytes int64) (done func()) {
	if !p.several() {
		return func() {}
	}
	return p.GuardFiles(what, bytes)
}

// evaluations is the counter that numbers evaluations; that of a queue is the sum of both.
const evaluations = 0x6576616c << 32

// plan is what process 0 tells the others of a run.
type plan struct {
	Queue    uint64   // the counter of the queue
	Manifest Manifest // of the folder
	There    []byte   // a bit for each sample that is on disk
}

// share has all processes know what is on disk, how much each does at a time, and that they do the same run.
func (p Processes) share(m *Manifest, j *journal, own cluster.Room) (queue uint64, rooms []cluster.Room, _ error) {
	data, err := json.Marshal(own)
	all, err := p.Exchange(data, err)
	if err != nil {
		return 0, nil, err
	}
	rooms = make([]cluster.Room, p.Size)
	for rank, data := range all {
		if err := jsonl.Unmarshal(data, &rooms[rank]); err != nil {
			return 0, nil, err // the same on all
		}
	}
	data = nil
	if p.Rank == 0 {
		n, err := p.Next(evaluations)
		if err != nil {
			return 0, nil, err
		}
		there := make([]byte, (len(j.entries)+7)/8)
		for i := range j.entries {
			if j.has(i) {
				there[i/8] |= 1 << (i % 8)
			}
		}
		if data, err = json.Marshal(plan{evaluations + 1 + uint64(n), *m, there}); err != nil {
			return 0, nil, err
		}
	}
	data, err = p.Broadcast(data)
	if err != nil {
		return 0, nil, err
	}
	var got plan
	err = jsonl.Unmarshal(data, &got)
	if err == nil && p.Rank > 0 {
		var difference string
		if difference, err = got.Manifest.difference(m); difference != "" {
			err = fmt.Errorf("this process has a different run from process 0: %s: start all with the same model, "+
				"data and settings", difference)
		}
		for i := range j.entries {
			if err == nil && got.There[i/8]&(1<<(i%8)) != 0 {
				j.entries[i].length = -1 // it is on process 0's disk
			}
		}
	}
	return got.Queue, rooms, p.Agree(err)
}

// deliver has a journal's lines sent to process 0.
func (p Processes) deliver(j *journal) {
	j.send = func(slot int, line []byte) error {
		return p.Send(0, append(binary.LittleEndian.AppendUint64(nil, uint64(slot)), line...))
	}
}

// finished tells process 0 that no more samples come from this one.
func (p Processes) finished() error { return p.Send(0, nil) }

// grace is how long process 0 waits for what others have judged when the run is stopped.
const grace = 3 * time.Second

// errGivenUp ends the work of a process whose run another gave up.
var errGivenUp = errors.New("another process gave up the run")

// heed has cancel called where another process gives the run up, until end is called.
func (p Processes) heed(queue uint64, cancel context.CancelCauseFunc) (end func()) {
	if !p.several() {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-p.GivenUp(queue):
			cancel(errGivenUp)
		case <-ended:
		}
	}()
	return func() { close(ended) }
}

// collect puts samples of the others into the journal until all have said that no more come; noted is told of each.
// ctx ends when the run is stopped. When a sample cannot be kept failed is told, and what else comes is dropped.
func (p Processes) collect(ctx context.Context, j *journal, noted func(*Sample), failed func(error)) {
	late := make(<-chan time.Time)
	stopped, broken := ctx.Done(), false
	for left := p.Size - 1; left > 0; {
		select {
		case m := <-p.Messages():
			if len(m.Data) == 0 {
				left--
				continue
			}
			if broken {
				continue
			}
			s, err := j.receive(m.Data)
			if err != nil {
				broken = true
				failed(fmt.Errorf("a sample of process %d: %w", m.From, err))
				continue
			}
			noted(s)
		case <-stopped:
			stopped, late = nil, time.After(grace)
		case <-late:
			failed(context.Cause(ctx))
			return
		}
	}
}

// receive writes what deliver sent.
func (j *journal) receive(message []byte) (*Sample, error) {
	if len(message) < 8 || !bytes.HasSuffix(message, []byte("\n")) {
		return nil, errors.New("a torn message")
	}
	var s Sample
	if err := jsonl.Unmarshal(message[8:], &s); err != nil {
		return nil, err
	}
	slot := binary.LittleEndian.Uint64(message)
	if slot >= uint64(len(j.entries)) {
		return nil, fmt.Errorf("it is number %d of %d", slot, len(j.entries))
	}
	return &s, j.write(int(slot), message[8:], &s)
}

// results has all processes know what process 0 made of the samples.
func (p Processes) results(r *Results, err error) (*Results, error) {
	if err := p.Agree(err); err != nil {
		return nil, err
	}
	var data []byte
	if p.Rank == 0 {
		if data, err = json.Marshal(r); err != nil {
			return nil, err
		}
	}
	if data, err = p.Broadcast(data); err != nil || p.Rank == 0 {
		return r, err
	}
	r = nil
	return r, jsonl.Unmarshal(data, &r)
}
