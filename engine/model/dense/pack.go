package dense

import (
	"slices"
)

// packedWidth is the least width of a packed row, tokens, as far as the limit of a
// batch allows it: several short pairs then share a row, and little of it is left
// over. Attention costs more in a wider row, products do not.
const packedWidth = 128

// Packing is a batch to be: rows of pairs, by their indices, one after another.
type Packing struct {
	Width int // tokens a row
	Rows  [][]int
}

// Pack divides pairs into batches of rows that several pairs share, at most
// maxTokens tokens a batch and at least one row. A pair goes into the first row
// that has room for it, the longest pairs first, those of one length in their
// order. All batches have rows of one width and numbers of rows that are powers of
// two, so that no row is empty and few programs are compiled.
func Pack(pairs []Pair, maxTokens int) []Packing {
	order := make([]int, len(pairs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return pairs[b].len() - pairs[a].len() })
	longest := 0
	if len(pairs) > 0 {
		longest = pairs[order[0]].len()
	}
	width := rowWidth(longest, maxTokens)
	var rows [][]int
	var room []int // left in each row
	for _, i := range order {
		n := pairs[i].len()
		at := slices.IndexFunc(room, func(left int) bool { return left >= n })
		if at < 0 {
			at = len(rows)
			rows, room = append(rows, nil), append(room, width)
		}
		rows[at], room[at] = append(rows[at], i), room[at]-n
	}
	var packed []Packing
	for take := Bucket(max(maxTokens/width, 1)+1, 1) / 2; len(rows) > 0; {
		for take > len(rows) {
			take /= 2
		}
		packed = append(packed, Packing{width, rows[:take:take]})
		rows = rows[take:]
	}
	return packed
}

// rowWidth returns the width of packed rows, tokens, where the longest pair and the
// limit of a batch are these.
func rowWidth(longest, maxTokens int) int {
	width := packedWidth
	for width > 16 && width > maxTokens {
		width /= 2
	}
	return max(width, Bucket(longest, 16))
}

// Indices lists the pairs in the order of the batch's First.
func (p Packing) Indices() []int { return slices.Concat(p.Rows...) }

// Batch lays the pairs out: each has positions of its own and sees nothing of the
// others in its row.
func (p Packing) Batch(pairs []Pair) *Batch {
	count := 0
	for _, i := range p.Indices() {
		count += len(pairs[i].Completion)
	}
	b := newBatch(Shape{B: len(p.Rows), T: p.Width, N: Bucket(count, 16)})
	for r, row := range p.Rows {
		at := r * p.Width
		for _, i := range row {
			b.prompt(pairs[i].Prompt, at)
			b.completion(pairs[i], at, at+len(pairs[i].Prompt))
			at += pairs[i].len()
		}
	}
	return b
}
