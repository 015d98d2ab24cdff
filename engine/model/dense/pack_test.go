package dense

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestPack: every pair is in one row, no row is too long, batches keep to the limit
// and have numbers of rows that are powers of two, and the plan is the same each time.
func TestPack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		pairs := make([]Pair, 1+r.IntN(60))
		longest := 1 + r.IntN(300)
		total, most := 0, 0
		for i := range pairs {
			n := 1 + r.IntN(longest)
			pairs[i] = Pair{make([]int32, n), make([]int32, r.IntN(longest))}
			total, most = total+pairs[i].len(), max(most, pairs[i].len())
		}
		maxTokens := 1 << (4 + r.IntN(9))
		packed := Pack(pairs, maxTokens)
		if !reflect.DeepEqual(packed, Pack(pairs, maxTokens)) {
			t.Fatal("two plans of the same pairs differ")
		}
		var seen []int
		rows := 0
		for _, p := range packed {
			rows += len(p.Rows)
			if len(p.Rows) != Bucket(len(p.Rows), 1) || len(p.Rows) > 1 && len(p.Rows)*p.Width > maxTokens {
				t.Fatalf("a batch of %d rows of %d tokens, the limit is %d", len(p.Rows), p.Width, maxTokens)
			}
			filled := 0
			for _, row := range p.Rows {
				n := 0
				for _, i := range row {
					n += pairs[i].len()
				}
				filled += n
				if len(row) == 0 || n > p.Width {
					t.Fatalf("row %v has %d tokens of %d", row, n, p.Width)
				}
			}
			if b := p.Batch(pairs); b.Filled() != filled || filled > b.Shape.Tokens() {
				t.Fatalf("%d tokens of %d are no padding, counted are %d", filled, b.Shape.Tokens(), b.Filled())
			}
			seen = append(seen, p.Indices()...)
		}
		slices.Sort(seen)
		for i := range seen {
			if seen[i] != i || len(seen) != len(pairs) {
				t.Fatalf("%d pairs, planned are %v", len(pairs), seen)
			}
		}
		// First-fit leaves at most one row half empty.
		if width := packed[0].Width; rows > 1+2*total/width {
			t.Fatalf("%d rows of %d for %d tokens", rows, width, total)
		}
	}
}
