package report

import "slices"

// looks is the number of looks that can be told apart in print: a colour and a pattern, of bars and of lines. Look 0
// is quiet and 1 is full: a base, and the first model that was trained from one.
const looks = 12

var (
	baseLooks  = []int{0, 6, 9, 11, 4}
	modelLooks = []int{1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 0, 6}
)

// look returns the look of a model, the same in all figures of a report. A mean and its seeds have one look; from
// more models than there are looks on some have that of another, but a pair's two never.
func (s *study) look(name string) int {
	if s.looks == nil {
		s.assignLooks()
	}
	if look, ok := s.looks[name]; ok {
		return look
	}
	look := free(modelLooks, s.looks)
	s.looks[name] = look
	return look
}

func (s *study) assignLooks() {
	s.looks = map[string]int{}
	bases := basesOf(s.pairs)
	for _, m := range bases {
		if !slices.ContainsFunc(s.pairs, func(p *pair) bool { return p.trained == m }) {
			s.looks[m.name] = free(baseLooks, s.looks)
		}
	}
	for _, m := range s.models {
		if _, there := s.looks[m.name]; there {
			continue
		}
		var beside []int // those that it must be told from
		for _, p := range s.pairs {
			if p.trained == m {
				if look, there := s.looks[p.base.name]; there {
					beside = append(beside, look)
				}
			}
		}
		s.looks[m.name] = free(modelLooks, s.looks, beside...)
	}
	for _, m := range s.models {
		for _, one := range m.seeds {
			s.looks[one.name] = s.looks[m.name]
		}
	}
}

// free returns the look of a list that the fewest have, the first of these, and none of those that are not to be.
func free(list []int, taken map[string]int, not ...int) int {
	counts := make([]int, looks)
	for _, look := range taken {
		counts[look]++
	}
	best := -1
	for _, look := range list {
		if !slices.Contains(not, look) && (best < 0 || counts[look] < counts[best]) {
			best = look
		}
	}
	return best
}

// looksOf are the looks of models.
func (s *study) looksOf(names ...string) []int {
	var all []int
	for _, name := range names {
		all = append(all, s.look(name))
	}
	return all
}

// paintOf is the class of a bar's outline: its look's colour.
func paintOf(look int) int { return look % styles }
