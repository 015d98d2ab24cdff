package learner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// Scatters returns nil where gradients can be divided over processes that have so many devices each, or the reason why
// stage 2 of ZeRO is stage 1: a program that returns all of them at its end would save nothing.
func Scatters(d *backend.Device, devices int) error {
	if devices > 1 {
		return fmt.Errorf("a process has %d devices, which sum whole gradients", devices)
	}
	if err := d.HandsOver(); err != nil {
		return fmt.Errorf("a gradient pass returns all gradients at its end: %w", err)
	}
	return nil
}

// Scattered reports whether the gradients are divided over the processes of the job.
func (l *Learner) Scattered() bool { return l.scattering != nil }

// scattering sums the gradients of a pass over the processes, tensor by tensor as they come, and gives each process its
// rows of the sums (stage 2 of ZeRO). All processes take part in each round, whether they have a pass then or not.
type scattering struct {
	job     *cluster.Job
	specs   []architecture.Tensor
	order   []int // in which tensors come
	buckets []bucket
	numbers []float32 // that a bucket of several tensors is put together in
	sums    [][]float32
	next    int // in order
	at      int // in buckets
}

// bucket is some tensors that processes exchange together, of which each has a part: its rows of each, in turn.
type bucket struct {
	tensors []int
	rows    [][]optimizer.Rows // by process, in the order of tensors
	columns []int
	bounds  []int // of the processes' parts, in numbers
}

// buckets divides tensors in an order into those of at most so many numbers, where one tensor has not more.
func buckets(specs []architecture.Tensor, order []int, processes, most int) (all []bucket) {
	rows := make([][]optimizer.Rows, processes)
	for rank := range rows {
		rows[rank] = optimizer.Part{Index: rank, Of: processes}.Rows(specs)
	}
	for len(order) > 0 {
		b, n := bucket{rows: make([][]optimizer.Rows, processes), bounds: []int{0}}, 0
		for len(order) > 0 && (n == 0 || n+specs[order[0]].Len() <= most) {
			i := order[0]
			b.tensors, order = append(b.tensors, i), order[1:]
			b.columns = append(b.columns, specs[i].Len()/specs[i].Shape[0])
			for rank := range rows {
				b.rows[rank] = append(b.rows[rank], rows[rank][i])
			}
			n += specs[i].Len()
		}
		for rank := range rows {
			part := 0
			for k, r := range b.rows[rank] {
				part += (r.To - r.From) * b.columns[k]
			}
			b.bounds = append(b.bounds, b.bounds[rank]+part)
		}
		all = append(all, b)
	}
	return all
}

// place is where a process's rows of the k-th tensor begin in the bucket, and how many numbers they are, from which one
// of the tensor on.
func (b *bucket) place(rank, k int) (at, n, from int) {
	at = b.bounds[rank]
	for before, r := range b.rows[rank][:k] {
		at += (r.To - r.From) * b.columns[before]
	}
	r := b.rows[rank][k]
	return at, (r.To - r.From) * b.columns[k], r.From * b.columns[k]
}

// newScattering divides tensors into buckets.
func newScattering(job *cluster.Job, specs []architecture.Tensor) *scattering {
	s := &scattering{job: job, specs: specs, order: arriving(specs), sums: make([][]float32, len(specs))}
	s.buckets = buckets(specs, s.order, job.Size, together)
	s.numbers = make([]float32, longest(s.buckets))
	return s
}

// longest is how many numbers a bucket of several tensors has at most.
func longest(all []bucket) (n int) {
	for _, b := range all {
		if len(b.tensors) > 1 {
			n = max(n, b.bounds[len(b.bounds)-1])
		}
	}
	return n
}

// BucketBytes is the memory that stage 2 puts small tensors together in.
func BucketBytes(specs []architecture.Tensor, processes int) int64 {
	return 4 * int64(longest(buckets(specs, arriving(specs), processes, together)))
}

// arriving is the order in which gradients come: a gradient's last layer is its first.
func arriving(specs []architecture.Tensor) (order []int) {
	for i := range specs {
		order = append(order, len(specs)-1-i)
	}
	return order
}

// receive takes the gradient of the next tensor.
func (s *scattering) receive(tensor int, gradient []float32) error {
	if s.next == len(s.order) || s.order[s.next] != tensor || len(gradient) != s.specs[tensor].Len() {
		return fmt.Errorf("the gradient of tensor %d, %d numbers, is not the next to come", tensor, len(gradient))
	}
	b := s.buckets[s.at]
	k := slices.Index(b.tensors, tensor)
	s.next++
	x := gradient // of one tensor it lies as the processes' parts do
	if len(b.tensors) > 1 {
		x = s.numbers[:b.bounds[s.job.Size]]
		for rank := range b.rows {
			at, n, from := b.place(rank, k)
			copy(x[at:], gradient[from:from+n])
		}
	}
	if k < len(b.tensors)-1 {
		return nil
	}
	return s.exchange(x)
}

// exchange adds this process's part of the sums of the bucket that is next to its own; nil stands for zeros.
func (s *scattering) exchange(x []float32) error {
	b := s.buckets[s.at]
	s.at++
	return s.job.Scatter(x, b.bounds, func(at int, sums []float32) {
		for k, rows := range b.rows[s.job.Rank] {
			n := (rows.To - rows.From) * b.columns[k]
			if at < n && len(sums) > 0 {
				some := min(n-at, len(sums))
				for i, v := range sums[:some] {
					s.sums[b.tensors[k]][at+i] += v
				}
				at, sums = 0, sums[some:]
				continue
			}
			at -= n
		}
	})
}

// end gives zeros for what this process has not given in a round.
func (s *scattering) end() error {
	var err error
	for s.at < len(s.buckets) && err == nil {
		err = s.exchange(nil)
	}
	s.next, s.at = 0, 0
	return err
}

// accumulateTogether is AccumulateAll where gradients are divided: the processes take a pass each in a round, as long
// as one of them has any.
func (l *Learner) accumulateTogether(ctx context.Context, passes []Pass, temperature float32,
	programs []*backend.NamedProgram, own error) ([]objective.Seen, error) {
	s, r := l.scattering, l.replicas[0]
	if own == nil {
		own = l.locate()
	}
	seen := make([]objective.Seen, len(passes))
	for k := 0; ; k++ {
		if own == nil {
			own = ctx.Err()
		}
		more := []byte{0}
		if k < len(passes) {
			more[0] = 1
		}
		all, err := s.job.Exchange(more, own)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(one []byte) bool { return one[0] != 0 }) {
			return seen, nil
		}
		if k < len(passes) {
			seen[k], own = l.accumulate(r, programs[k], passes[k], temperature)
			if own == nil && s.next < len(s.order) {
				own = fmt.Errorf("a pass gave the gradients of %d tensors, expected %d", s.next, len(s.order))
			}
		}
		if err := s.end(); err != nil {
			return nil, errors.Join(own, err)
		}
	}
}

// squares adds up what the processes have of the squares of a gradient, in the order of ranks.
func (s *scattering) squares(own float64) (all float64, err error) {
	parts, err := s.job.AllGather(binary.LittleEndian.AppendUint64(nil, math.Float64bits(own)))
	for _, part := range parts {
		all += math.Float64frombits(binary.LittleEndian.Uint64(part))
	}
	return all, err
}

// locate notes where the sums of this process's rows lie.
func (l *Learner) locate() error {
	for k, i := range l.owned {
		sums, err := backend.InMemory(l.replicas[0].gradients[k])
		if err != nil {
			return fmt.Errorf("gradient of %s: %w", l.specs[i].Name, err)
		}
		l.scattering.sums[i] = backend.FloatsIn(sums)
	}
	return nil
}
