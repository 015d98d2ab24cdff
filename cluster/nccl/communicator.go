package nccl

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Range is float32 numbers that lie one after another in a GPU's memory.
type Range struct {
	Address uintptr
	Count   int
}

// at is the range of n numbers from number i on.
func (r Range) at(i, n int) Range { return Range{r.Address + uintptr(4*i), n} }

// Rooted is a range that one process owns: the one with the rank Root.
type Rooted struct {
	Range
	Root int
}

const (
	uint8Type   = 1 // ncclUint8
	float32Type = 7 // ncclFloat32
	sum         = 0 // ncclSum
)

// Communicator is a process's part in the collectives of a job, on one GPU. All processes make the same calls with
// ranges of the same sizes in the same order.
//
// A call begins when the numbers are there, which the caller sees to (a program of XLA's writes them on a stream of
// its own), works on a stream that waits for no other, and returns when the results are there. So nothing that the
// caller does before or after runs beside it.
type Communicator struct {
	Rank, Size int

	library *Library
	comm    uintptr
	device  int32
	context uintptr
	stream  uintptr
}

// Prepare takes a GPU for a communicator, which is then to join others: device is its number among those that this
// process sees. What may fail in one process alone fails here, for in Join the others would wait for it.
func (l *Library) Prepare(device int) (c *Communicator, err error) {
	if device < 0 {
		return nil, fmt.Errorf("NCCL: device %d", device)
	}
	if l.cuda == nil {
		if l.cuda, err = openDriver(); err != nil {
			return nil, err
		}
	}
	c = &Communicator{library: l}
	defer func() {
		if err != nil {
			c.Close()
			c, err = nil, fmt.Errorf("NCCL, device %d: %w", device, err)
		}
	}()
	if err := l.cuda.check("cuDeviceGet", l.cuda.device(&c.device, int32(device))); err != nil {
		return c, err
	}
	if err := l.cuda.check("cuDevicePrimaryCtxRetain", l.cuda.retainPrimary(&c.context, c.device)); err != nil {
		return c, err
	}
	err = c.within(func() error {
		return l.cuda.check("cuStreamCreate", l.cuda.streamCreate(&c.stream, nonBlocking))
	})
	return c, err
}

// Join makes it the communicator of size processes with the same id, and waits until all have called it. Where it fails
// the communicator is closed.
func (c *Communicator) Join(id ID, rank, size int) error {
	if rank < 0 || rank >= size || c.context == 0 || c.comm != 0 {
		return fmt.Errorf("NCCL: rank %d of %d cannot join", rank, size)
	}
	c.Rank, c.Size = rank, size
	err := c.within(func() error {
		return c.library.check("ncclCommInitRank", c.library.initRank(&c.comm, int32(size), id, int32(rank)), 0)
	})
	if err != nil {
		c.Close()
		return fmt.Errorf("NCCL, rank %d of %d: %w", rank, size, err)
	}
	return nil
}

// within does work on a thread whose current context is the GPU's, as CUDA has it for each thread.
func (c *Communicator) within(work func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cuda := c.library.cuda
	if err := cuda.check("cuCtxSetCurrent", cuda.setCurrent(c.context)); err != nil {
		return err
	}
	return work()
}

// AllReduce replaces the numbers of each range by their sums over all processes, which are the same bits everywhere.
func (c *Communicator) AllReduce(ctx context.Context, ranges ...Range) error {
	return c.collective(ctx, "ncclAllReduce", len(ranges), func(i int) int32 {
		r := ranges[i]
		return c.library.allReduce(r.Address, r.Address, uintptr(r.Count), float32Type, sum, c.comm, c.stream)
	})
}

// ReduceScatter replaces the numbers of this process's part of each range by their sums over all processes: of a
// range of Size equal parts, the one that has the process's rank. The other parts are undefined afterwards.
func (c *Communicator) ReduceScatter(ctx context.Context, ranges ...Range) error {
	if err := c.divisible(ranges); err != nil {
		return err
	}
	return c.collective(ctx, "ncclReduceScatter", len(ranges), func(i int) int32 {
		r, own := ranges[i], c.own(ranges[i])
		return c.library.reduceScatter(r.Address, own.Address, uintptr(own.Count), float32Type, sum, c.comm, c.stream)
	})
}

// AllGather replaces, of each range of Size equal parts, those of the other processes by their numbers.
func (c *Communicator) AllGather(ctx context.Context, ranges ...Range) error {
	if err := c.divisible(ranges); err != nil {
		return err
	}
	return c.collective(ctx, "ncclAllGather", len(ranges), func(i int) int32 {
		r, own := ranges[i], c.own(ranges[i])
		return c.library.allGather(own.Address, r.Address, uintptr(own.Count), float32Type, c.comm, c.stream)
	})
}

// ReduceTo replaces each range by the sums over all processes on the one that owns it, and leaves it on the others.
func (c *Communicator) ReduceTo(ctx context.Context, ranges ...Rooted) error {
	return c.collective(ctx, "ncclReduce", len(ranges), func(i int) int32 {
		r := ranges[i]
		return c.library.reduce(r.Address, r.Address, uintptr(r.Count), float32Type, sum, int32(r.Root), c.comm,
			c.stream)
	})
}

// Broadcast replaces each range by what the process has that owns it. Here Count is in bytes, of numbers of any kind.
func (c *Communicator) Broadcast(ctx context.Context, ranges ...Rooted) error {
	return c.collective(ctx, "ncclBroadcast", len(ranges), func(i int) int32 {
		r := ranges[i]
		return c.library.broadcast(r.Address, r.Address, uintptr(r.Count), uint8Type, int32(r.Root), c.comm, c.stream)
	})
}

// own is this process's part of a range.
func (c *Communicator) own(r Range) Range {
	n := r.Count / c.Size
	return r.at(c.Rank*n, n)
}

func (c *Communicator) divisible(ranges []Range) error {
	for _, r := range ranges {
		if r.Count%c.Size != 0 {
			return fmt.Errorf("NCCL: %d numbers have no %d equal parts", r.Count, c.Size)
		}
	}
	return nil
}

// collective makes n calls as one group, which NCCL takes together, and waits for them.
func (c *Communicator) collective(ctx context.Context, name string, n int, call func(i int) int32) error {
	if c.comm == 0 {
		return errors.New("NCCL: the communicator is closed")
	}
	l := c.library
	err := c.within(func() error {
		if err := l.check("ncclGroupStart", l.groupStart(), c.comm); err != nil {
			return err
		}
		var failed error
		for i := 0; i < n && failed == nil; i++ {
			failed = l.check(name, call(i), c.comm)
		}
		if err := l.check("ncclGroupEnd", l.groupEnd(), c.comm); failed == nil && err != nil {
			failed = err
		}
		if failed != nil {
			return failed
		}
		return c.wait(ctx, name)
	})
	if err != nil {
		c.Abort() // the others wait for this process no longer, and what was begun ends
		return fmt.Errorf("NCCL, rank %d of %d: %w", c.Rank, c.Size, err)
	}
	return nil
}

// wait returns when the stream has done its work, or what went wrong: a process that is gone is an asynchronous error.
func (c *Communicator) wait(ctx context.Context, name string) error {
	cuda, pause := c.library.cuda, 10*time.Microsecond
	for {
		result := cuda.streamQuery(c.stream)
		if result != notReady {
			return cuda.check("cuStreamQuery", result)
		}
		var behind int32
		if err := c.library.check("ncclCommGetAsyncError", c.library.asyncError(c.comm, &behind), c.comm); err != nil {
			return err
		}
		if behind != success && behind != inProgress {
			return c.library.check(name, behind, c.comm)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s was given up: %w", name, context.Cause(ctx))
		}
		time.Sleep(pause)
		pause = min(2*pause, time.Millisecond)
	}
}

// Abort ends what is under way, here and for those who wait for this process, and closes the communicator.
func (c *Communicator) Abort() { c.end(c.library.abort) }

// Close frees the communicator. All processes call it.
func (c *Communicator) Close() { c.end(c.library.destroy) }

func (c *Communicator) end(how func(comm uintptr) int32) {
	if c.context == 0 {
		return
	}
	_ = c.within(func() error { // nobody can mend what fails here
		if c.comm != 0 {
			how(c.comm)
		}
		if c.stream != 0 {
			c.library.cuda.streamDestroy(c.stream)
		}
		return nil
	})
	c.library.cuda.releasePrimary(c.device)
	c.comm, c.stream, c.context = 0, 0, 0
}
