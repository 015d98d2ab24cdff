package dense

import (
	"cmp"
	"slices"
)

// Grouping is a batch to be: pairs by their indices, those in a row of Groups with
// one prompt, which is computed once for all of them.
type Grouping struct {
	Groups [][]int
	shape  rectangle
}

// rectangle has the sizes that a batch of groups is padded to.
type rectangle struct {
	prompts, prompt int // prompts and tokens of each
	group, rest     int // completions of a prompt and tokens of each
}

func (r rectangle) tokens() int { return r.prompts * (r.prompt + r.group*r.rest) }

// join is the rectangle that holds two, one below the other.
func (r rectangle) join(s rectangle) rectangle {
	return rectangle{
		prompts: r.prompts + s.prompts, prompt: max(r.prompt, s.prompt),
		group: max(r.group, s.group), rest: max(r.rest, s.rest),
	}
}

// Plan divides pairs into batches of at most maxTokens padded tokens each, at least
// one pair a batch. Pairs with the same prompt share it, but where one completion is
// so much shorter than another that padding it and those still shorter costs more
// than computing the prompt again and another pass, for which an eighth of maxTokens
// stands: a pass of few tokens takes a compilation too. Groups of like size are batched together, as long
// as that pads no more than an eighth of maxTokens; their number is padded to a power
// of two on the same condition, or cut to one, so that few programs are compiled.
func Plan(pairs []Pair, maxTokens int) []Grouping {
	waiting := divide(pairs, maxTokens)
	slices.SortStableFunc(waiting, func(a, b Grouping) int {
		return cmp.Or(b.shape.rest-a.shape.rest, b.shape.prompt-a.shape.prompt, b.shape.group-a.shape.group)
	})
	var batches []Grouping
	for len(waiting) > 0 {
		batch, n := waiting[0].shape, 1
		for ; n < len(waiting); n++ {
			own := waiting[n].shape
			with := batch.join(own)
			if with.tokens() > maxTokens || with.tokens()-batch.tokens()-own.tokens() > maxTokens/8 {
				break
			}
			batch = with
		}
		up := Bucket(n, 1)
		if each := batch.tokens() / n; n > 1 && (up*each > maxTokens || (up-n)*each > maxTokens/8) {
			n, up = up/2, up/2
		}
		taken := waiting[0]
		for _, more := range waiting[1:n] {
			taken.Groups = append(taken.Groups, more.Groups...)
			taken.shape = taken.shape.join(more.shape)
		}
		taken.shape.prompts = up
		batches, waiting = append(batches, taken), waiting[n:]
	}
	return batches
}

// divide makes groups of pairs with the same prompt, of at most maxTokens tokens.
func divide(pairs []Pair, maxTokens int) []Grouping {
	var members [][]int
	index := map[string]int{} // of a prompt in members
	for i, p := range pairs {
		key := make([]byte, 0, 4*len(p.Prompt))
		for _, id := range p.Prompt {
			key = append(key, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
		}
		at, known := index[string(key)]
		if !known {
			at = len(members)
			index[string(key)] = at
			members = append(members, nil)
		}
		members[at] = append(members[at], i)
	}
	var groups []Grouping
	for _, all := range members {
		slices.SortStableFunc(all, func(a, b int) int {
			return len(pairs[b].Completion) - len(pairs[a].Completion)
		})
		width := func(i int) int { return Width(len(pairs[all[i]].Completion)) }
		prompt := Width(len(pairs[all[0]].Prompt))
		for from := 0; from < len(all); {
			shape := rectangle{1, prompt, 1, width(from)}
			to := from + 1
			for ; to < len(all); to++ {
				with := shape.join(rectangle{0, 0, shape.group + 1, 0})
				if with.tokens() > maxTokens || (shape.rest-width(to))*(len(all)-to) > prompt+maxTokens/8 {
					break
				}
				shape = with
			}
			groups = append(groups, Grouping{[][]int{all[from:to:to]}, shape})
			from = to
		}
	}
	return groups
}

// Indices lists the pairs in the order of the batch's First.
func (g Grouping) Indices() []int { return slices.Concat(g.Groups...) }

// Batch lays the pairs out: the prompts first, then for each as many rows as the
// largest group has pairs, with positions that go on where the prompt ends.
func (g Grouping) Batch(pairs []Pair) *Batch {
	count := 0
	for _, i := range g.Indices() {
		count += len(pairs[i].Completion)
	}
	r := g.shape
	s := Shape{B: r.prompts * r.group, T: r.rest, Group: r.group, Prompt: r.prompt}
	quarter := s.B * s.T / 4 // widths are multiples of 8
	s.N = max((count+quarter-1)/quarter, 1) * quarter
	b := newBatch(s)
	for p, members := range g.Groups {
		ids, at := pairs[members[0]].Prompt, p*s.Prompt
		b.prompt(ids, at)
		for slot := range s.Group {
			row := r.prompts*s.Prompt + (p*s.Group+slot)*s.T
			for i := range s.T { // of padding too: a row's first position is its prompt's length
				b.position[row+i] = int32(len(ids) + i)
			}
			if slot < len(members) {
				b.completion(pairs[members[slot]], at, row)
			}
		}
	}
	return b
}
