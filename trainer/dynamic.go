package trainer

import (
	"context"
	"math"
)

// sampled holds the groups that a step sampled.
type sampled struct {
	groups  [][]*rollout // to learn from
	all     [][]*rollout // with those that dynamic sampling left out
	batches int          // calls of the engine
}

// gather samples the step's questions. With dynamic sampling, groups without
// contrast, which have no gradient, are left out and further questions asked, as
// many as the share kept so far makes likely to be enough; when the bound is
// reached the step makes do with what there is.
func (r *run) gather(ctx context.Context, step int, clock *stopwatch) (s sampled, err error) {
	c := r.config.Rollout
	count := c.Questions
	for {
		chosen := r.order.Take(r.cursor, count)
		groups, err := r.sample(ctx, step, len(s.all), chosen, clock)
		if err != nil {
			return s, err
		}
		r.cursor += count
		s.all = append(s.all, groups...)
		s.batches++
		if !c.DynamicSampling {
			s.groups = s.all
			return s, nil
		}
		for _, group := range groups {
			keep := len(s.groups) < c.Questions && contrast(group, c.FilterBy)
			if keep {
				s.groups = append(s.groups, group)
			}
			for _, o := range group {
				o.dropped = !keep
			}
		}
		missing := c.Questions - len(s.groups)
		if missing == 0 || s.batches == c.MaxGenBatches {
			return s, nil
		}
		count = refill(missing, len(s.groups), len(s.all), c.Questions)
	}
}

// contrast reports whether the rollouts of a group differ in accuracy or in reward; those
// without a reward are left out.
func contrast(group []*rollout, by string) bool {
	value := func(o *rollout) float64 {
		if by == FilterByAccuracy {
			return o.score.Accuracy
		}
		return o.score.Total
	}
	var seen series
	for _, o := range group {
		if !math.IsNaN(o.score.Total) {
			seen.add(value(o))
		}
	}
	return seen.min != seen.max
}

// refill returns how many further questions to ask for missing groups, when kept of all
// were kept so far: at most a whole step's.
func refill(missing, kept, all, most int) int {
	if kept == 0 {
		return most
	}
	return min(most, int(math.Ceil(float64(missing)*float64(all)/float64(kept))))
}
