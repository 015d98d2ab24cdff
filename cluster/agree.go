package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Agreed is an error that all processes of a job have, whichever met it: each ends by itself, and rank 0 says it.
type Agreed struct {
	text string
	err  error // this process's own, or what errors.Is shall find of another's; may be nil
}

func (e *Agreed) Error() string { return e.text }
func (e *Agreed) Unwrap() error { return e.err }

// IsAgreed reports whether all processes have an error.
func IsAgreed(err error) bool {
	e := (*Agreed)(nil)
	return errors.As(err, &e)
}

// Agree returns nil where every process gives nil, and else an error for all: that of the lowest rank that has one,
// named with its rank and machine where not all have the same. An error that is context.Canceled for one is for all.
func (j *Job) Agree(own error) error {
	_, err := j.Exchange(nil, own)
	return err
}

// Exchange is AllGather for processes that may have met an error, in which case all get one as Agree returns it.
func (j *Job) Exchange(data []byte, own error) (all [][]byte, err error) {
	if j.thread == nil {
		return [][]byte{data}, own
	}
	const failed, canceled = 1, 2
	var flags byte
	text := ""
	if own != nil {
		flags, text, data = failed, own.Error(), nil
		if errors.Is(own, context.Canceled) {
			flags |= canceled
		}
	}
	message := binary.LittleEndian.AppendUint32([]byte{flags}, uint32(len(text)))
	all, err = j.AllGather(append(append(message, text...), data...))
	if err != nil {
		return nil, err
	}
	texts := make([]string, j.Size)
	same, first := true, -1
	for rank, m := range all {
		n := 5 + int(binary.LittleEndian.Uint32(m[1:]))
		texts[rank], all[rank] = string(m[5:n]), m[n:]
		if m[0]&failed != 0 && first < 0 {
			first, flags = rank, m[0]
		}
		same = same && m[0]&failed != 0 && texts[rank] == texts[0]
	}
	if first < 0 {
		return all, nil
	}
	e := &Agreed{text: texts[first], err: own}
	if !same {
		e.text = fmt.Sprintf("rank %d on %s: %s", first, j.Hosts[first], texts[first])
		if first != j.Rank {
			e.err = nil
		}
	}
	if e.err == nil && flags&canceled != 0 {
		e.err = context.Canceled
	}
	return nil, e
}

// Stop asks all processes to stop, this one too: Stopped is closed.
func (j *Job) Stop() {
	t := j.thread // it may end meanwhile
	if !j.stop() || t == nil {
		return
	}
	for rank := range j.Size {
		if rank != j.Rank {
			select {
			case t.posted <- letter{to: rank, tag: tagStop}:
			case <-t.ending:
			}
		}
	}
}

// Stopped is closed when a process of the job has called Stop.
func (j *Job) Stopped() <-chan struct{} { return j.stopped }

// stop closes Stopped, and reports whether it was open.
func (j *Job) stop() (first bool) {
	j.stopping.Do(func() {
		close(j.stopped)
		first = true
	})
	return first
}
