package schedule

import "slices"

// ages is a list of sequences, the oldest first.
type ages []*Sequence

// before compares ages: requests as they came, samples as they are counted. It is negative
// where s is older.
func (s *Sequence) before(o *Sequence) int {
	if s.arrival != o.arrival {
		return s.arrival - o.arrival
	}
	return s.Sample - o.Sample
}

// insert puts seq where its age belongs.
func (a *ages) insert(seq *Sequence) {
	if n := len(*a); n == 0 || (*a)[n-1].before(seq) < 0 {
		*a = append(*a, seq)
		return
	}
	at, _ := slices.BinarySearchFunc(*a, seq, (*Sequence).before)
	*a = slices.Insert(*a, at, seq)
}

// remove takes seq out and reports whether it was there.
func (a *ages) remove(seq *Sequence) bool {
	at, found := slices.BinarySearchFunc(*a, seq, (*Sequence).before)
	if found {
		*a = slices.Delete(*a, at, at+1)
	}
	return found
}

// youngest is the last; nil when the list is empty.
func (a ages) youngest() *Sequence {
	if len(a) == 0 {
		return nil
	}
	return a[len(a)-1]
}
