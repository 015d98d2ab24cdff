package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stele-lm/stele/cluster"
)

// interrupts are the signals that ask a command to stop: Ctrl-C's, the one that
// schedulers send before they kill, the one that Open MPI's launcher passes on without
// killing (see sayHowToStop), and that of a terminal that is closed, unless the command
// was started to outlive it, as nohup does.
func interrupts() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// lastWords limits how long a command may go on after a second signal.
const lastWords = 3 * time.Second

// secondSignal is the key of a context's channel that the second signal closes.
type secondSignal struct{}

// untilSignal returns a context that ends with the first signal. After the second one
// the program ends within lastWords: what it writes is whole or not there at any moment.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, interrupts()...)
	own := &ownInterrupt{}
	go func() {
		next := func() {
			for own.take(<-signals) {
			}
		}
		next()
		cancel()
		next()
		close(second)
		time.Sleep(lastWords)
		cluster.Joined().End(exitInterrupted, nil) // the others, too
		os.Exit(exitInterrupted)
	}()
	ctx = context.WithValue(ctx, secondSignal{}, second)
	return context.WithValue(ctx, ownInterruptKey{}, own)
}

// ownInterrupt is what Ctrl-C does in place of ending the program, where there is something.
type ownInterrupt struct{ do atomic.Pointer[func()] }

// ownInterruptKey is the key of a context's ownInterrupt.
type ownInterruptKey struct{}

// take reports whether a signal has been dealt with.
func (o *ownInterrupt) take(s os.Signal) bool {
	do := o.do.Load()
	if do == nil || s != os.Interrupt {
		return false
	}
	(*do)()
	return true
}

// onInterrupt makes Ctrl-C call do, until the function that it returns is called. do must return at once.
func onInterrupt(ctx context.Context, do func()) (restore func()) {
	own, ok := ctx.Value(ownInterruptKey{}).(*ownInterrupt)
	if !ok { // outside of main
		return func() {}
	}
	own.do.Store(&do)
	return func() { own.do.Store(nil) }
}

// twoSignals is for a command that has something to finish: the first signal closes
// stop, and hard ends with the second. done must be called at the end.
func twoSignals(ctx context.Context) (hard context.Context, stop <-chan struct{}, done context.CancelFunc) {
	hard, done = context.WithCancel(context.WithoutCancel(ctx))
	second, _ := ctx.Value(secondSignal{}).(chan struct{}) // nil, and never, outside of main
	go func() {
		select {
		case <-second:
			done()
		case <-hard.Done():
		}
	}()
	return hard, ctx.Done(), done
}
