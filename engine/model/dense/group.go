package dense

import (
	"cmp"
	"slices"
)

// Grouping is a batch to be: prompts, each computed once, with the rows that go on where it ends, each of
// one or more pairs by their indices, whose completions lie one after another.
type Grouping struct {
	Groups [][][]int
	shape  rectangle
}

// rectangle has the sizes that a batch of groups is padded to.
type rectangle struct {
	prompts, prompt int // prompts and tokens of each
	group, rest     int // rows of a prompt and tokens of each
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
// one row a batch. Pairs with the same prompt share it, and short completions a row. Programs are compiled
// for shapes, and a program of its own costs more than some padding: up to an eighth of maxTokens, or of all
// completions, is padded where that makes the shapes of rows fewer. Groups of like size are batched together, as long
// as that pads no more than an eighth of maxTokens; their number is padded to a power
// of two on the same condition, or cut to one.
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
	longest, total := 0, 0
	for _, p := range pairs {
		longest = max(longest, len(p.Completion))
		total += len(p.Completion)
	}
	f := filling{longest: Width(longest), maxTokens: maxTokens, slack: min(maxTokens, total) / 8}
	var groups []Grouping
	for _, all := range members {
		slices.SortStableFunc(all, func(a, b int) int {
			return len(pairs[b].Completion) - len(pairs[a].Completion)
		})
		for f.prompt = Width(len(pairs[all[0]].Prompt)); len(all) > 0; {
			var rows [][]int
			var width int
			rows, width, all = f.fill(pairs, all)
			groups = append(groups, Grouping{[][][]int{rows}, rectangle{1, f.prompt, len(rows), width}})
		}
	}
	return groups
}

// filling is what rows are filled by.
type filling struct {
	longest   int // width of the longest completion of all prompts
	prompt    int // width of the prompt
	maxTokens int // of a batch
	slack     int // tokens of padding that are better than a further shape, or another pass
}

// fill puts pairs, the longest first, into rows, and returns those that are left for narrower
// rows or another batch. Rows are as wide as the longest completion of all prompts or a half, a quarter and so
// on of that, or, where it saves more than the slack, as the longest completion here.
func (f filling) fill(pairs []Pair, all []int) (rows [][]int, width int, left []int) {
	n := len(pairs[all[0]].Completion)
	width = f.longest
	for width%16 == 0 && width/2 >= n {
		width /= 2
	}
	rows, left = f.rows(pairs, all, width)
	if own := Width(n); own < width {
		narrower, more := f.rows(pairs, all, own)
		if len(more) <= len(left) && len(narrower)*own+f.slack < len(rows)*width {
			return narrower, own, more
		}
	}
	return rows, width, left
}

// rows puts pairs, the longest first, into rows of a width, each into the first that has room for its
// completion. It leaves those for which a row would stay so empty that computing the prompt and a pass more costs
// less.
func (f filling) rows(pairs []Pair, all []int, width int) (rows [][]int, left []int) {
	most := max((f.maxTokens-f.prompt)/width, 1)
	waiting := 0 // tokens of the completions that have no place yet
	for _, i := range all {
		waiting += len(pairs[i].Completion)
	}
	var room []int // left in each row
	var placed []int
	for _, i := range all {
		n := len(pairs[i].Completion)
		at := slices.IndexFunc(room, func(tokens int) bool { return tokens >= n })
		switch {
		case at >= 0:
			rows[at], room[at] = append(rows[at], i), room[at]-n
		case len(rows) == 0 || len(rows) < most && width-waiting <= f.prompt+f.slack:
			rows, room = append(rows, []int{i}), append(room, width-n)
		default:
			left = append(left, i)
			waiting -= n
			continue
		}
		placed, waiting = append(placed, i), waiting-n
	}
	// Further rows, for few shapes, are empty; but where each pair can have one of its own, it has.
	step := max(f.slack/width, 1)
	wanted := min(half((len(rows)+step-1)/step*step), most)
	if wanted < len(placed) {
		return append(rows, make([][]int, wanted-len(rows))...), left
	}
	rows = nil
	for _, i := range placed {
		rows = append(rows, []int{i})
	}
	return rows, left
}

// Indices lists the pairs in the order of the batch's First.
func (g Grouping) Indices() []int { return slices.Concat(slices.Concat(g.Groups...)...) }

// Tokens counts those that a pass computes, padding included.
func (g Grouping) Tokens() int { return g.shape.tokens() }

// Batch lays the pairs out: the prompts first, then for each as many rows as the
// largest group has, with positions that go on where the prompt ends.
func (g Grouping) Batch(pairs []Pair) *Batch {
	count := 0
	for _, i := range g.Indices() {
		count += len(pairs[i].Completion)
	}
	r := g.shape
	s := Shape{B: r.prompts * r.group, T: r.rest, Group: r.group, Prompt: r.prompt}
	for _, row := range slices.Concat(g.Groups...) {
		s.Several = s.Several || len(row) > 1
	}
	s.N = s.B * s.T
	for s.N%16 == 0 && s.N/2 >= count && s.N > s.B*s.T/8 {
		s.N /= 2
	}
	b := newBatch(s)
	for p, rows := range g.Groups {
		ids, at := pairs[rows[0][0]].Prompt, p*s.Prompt
		b.prompt(ids, at)
		for slot := range s.Group {
			row := r.prompts*s.Prompt + (p*s.Group+slot)*s.T
			end := row + s.T
			// Padding goes on from what is before it: a row's first position is its prompt's length.
			goOn := func() {
				for i := row; i < end; i++ {
					b.position[i] = int32(len(ids) + i - row)
				}
			}
			goOn()
			if slot < len(rows) {
				for _, i := range rows[slot] {
					goOn()
					b.completion(pairs[i], at, row)
					row += len(pairs[i].Completion)
				}
			}
		}
	}
	return b
}
