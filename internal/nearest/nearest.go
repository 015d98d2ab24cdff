// Package nearest finds the name that was probably meant where an unknown one was
// given.
package nearest

import "strings"

// Of is the name among names that is least unlike the given one, or "" where none is
// alike enough to be meant by it.
func Of(given string, names []string) string {
	if given == "" {
		return ""
	}
	best, least := "", 0
	for _, name := range names {
		if name == "" || name == given {
			continue
		}
		d := distance(plain(given), plain(name))
		if best == "" || d < least {
			best, least = name, d
		}
	}
	// One mistake in three letters, but never the whole word.
	n := len([]rune(given))
	if best != "" && least <= max(1, n/3) && least < n {
		return best
	}
	return short(given, names)
}

// short is the one name that the given one abbreviates, as bf16 does bfloat16 and cuda
// xla:cuda, or that abbreviates it, as bench does benchmark; or "".
func short(given string, names []string) string {
	if len(given) < 3 {
		return ""
	}
	letters, meant := plain(given), ""
	for _, name := range names {
		full := plain(name)
		longer := len(full) >= 4 && strings.HasPrefix(string(letters), string(full)) // benchmark for bench
		if !longer && !strings.Contains(string(full), string(letters)) &&
			!(len(full) > 0 && full[0] == letters[0] && within(letters, full)) {
			continue
		}
		if meant != "" {
			return ""
		}
		meant = name
	}
	return meant
}

// within reports whether the letters are there in their order.
func within(letters, name []rune) bool {
	for _, r := range name {
		if len(letters) > 0 && r == letters[0] {
			letters = letters[1:]
		}
	}
	return len(letters) == 0
}

// Hint is `, did you mean "name"?` for what Of finds, else "".
func Hint(given string, names []string) string {
	if name := Of(given, names); name != "" {
		return `, did you mean "` + name + `"?`
	}
	return ""
}

// plain is a name as people remember it: without case, and - as _.
func plain(name string) []rune {
	return []rune(strings.ReplaceAll(strings.ToLower(name), "-", "_"))
}

// distance is the number of letters put in, left out, changed or swapped with their
// neighbour that make b of a (optimal string alignment).
func distance(a, b []rune) int {
	before := make([]int, len(b)+1) // the row before the last
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j]+change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// List writes names for a sentence: "a, b or c".
func List(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
