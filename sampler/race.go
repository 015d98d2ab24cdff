package sampler

import "math"

// race is an exponential race: every runner's time is -ln(u) / weight, so that a runner is first
// with a probability in proportion to its weight.
//
// A token is drawn by two races, between blocks of token ids by their sums and
// then between the tokens of the block that won. That is the same distribution,
// P(block) · P(token | block), for one random number a block instead of one a
// token. In either race rounding of relative size δ changes the winner with a
// chance of about δ.
type race struct {
	noise  noise
	winner int32
	time   float64
}

func (n noise) race(favourite int32) race { return race{n, favourite, math.Inf(1)} }

// enter lets a runner run; the noise has a number for its id.
func (r *race) enter(id int32, weight float64) {
	u := r.noise.uniform(id)
	// -ln(u) ≥ 1 - u: most have lost before the logarithm is taken.
	if 1-u >= r.time*weight {
		return
	}
	if t := -math.Log(u) / weight; t < r.time {
		r.winner, r.time = id, t
	}
}

// blockID returns the id of a block as a runner; tokens have the ids from 0 on.
func blockID(b int) int32 { return -1 - int32(b) }

// draw races over all tokens, whose blocks have these sums. best is the likeliest
// token: it wins when nobody ends the race.
func (s *Sampler) draw(logits []float32, scale *scale, n noise, best int32) int32 {
	blocks := n.race(blockID(int(best) / block))
	for b, sum := range s.sums {
		blocks.enter(blockID(b), sum)
	}
	b := int(-1 - blocks.winner)
	z := logits[b*block : min((b+1)*block, len(logits))]
	var lanes [1][4]float64
	var weights, padded [block]float32
	weighOf(lanes[:], weights[:], pad(&padded, z), scale)
	tokens := n.race(int32(b * block))
	for i := range z {
		tokens.enter(int32(b*block+i), float64(weights[i]))
	}
	return tokens.winner
}

// drawKept races over the tokens that filters kept.
func (s *Sampler) drawKept(n noise, best int32) int32 {
	blocks := n.race(blockID(int(best) / block))
	for i := 0; i < len(s.kept); {
		b, sum := s.kept[i].token/block, 0.0
		for ; i < len(s.kept) && s.kept[i].token/block == b; i++ {
			sum += float64(s.kept[i].weight)
		}
		blocks.enter(blockID(int(b)), sum)
	}
	tokens := n.race(best)
	for _, c := range s.kept {
		if blockID(int(c.token/block)) == blocks.winner {
			tokens.enter(c.token, float64(c.weight))
		}
	}
	return tokens.winner
}
