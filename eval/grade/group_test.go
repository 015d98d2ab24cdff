package grade

import (
	"fmt"
	"slices"
	"testing"
)

func TestGroups(t *testing.T) {
	for _, c := range []struct {
		grader      *Grader
		predictions []string
		want        []int
	}{
		{Qwen, nil, []int{}},
		{Qwen, []string{"1/2", "x", "0.5", "X", `\frac{1}{2}`, "0.6"}, []int{0, 1, 0, 1, 0, 5}},
		{Strict, []string{`\$5`, "5 cents", "$5$", `\text{5 cents}`}, []int{0, 1, 0, 1}},
		{Strict, []string{"(1,2)", `\left(1, 2\right)`, "(2,1)", `\{2,1\}`, `\{1,2\}`}, []int{0, 0, 2, 3, 3}},
	} {
		if got := Groups(c.predictions, c.grader); !slices.Equal(got, c.want) {
			t.Errorf("%v %q: %v, want %v", c.grader, c.predictions, got, c.want)
		}
	}
}

// TestGroupsBound has many answers that are costly to tell apart: the work on them is
// bounded, and those that are written alike are together all the same.
func TestGroupsBound(t *testing.T) {
	var predictions []string
	for i := range 64 {
		predictions = append(predictions, fmt.Sprintf(`\prod_{k=1}^{200} \frac{k}{k+%d}`, i%32))
	}
	for _, grader := range Graders {
		for i, group := range Groups(predictions, grader) {
			if group != i%32 {
				t.Errorf("%v: answer %d is in group %d", grader, i, group)
			}
		}
	}
}

// BenchmarkGroups groups 16 answers that differ.
func BenchmarkGroups(b *testing.B) {
	for _, form := range []string{"%d", `\frac{%d}{7}`, `(x+%d)^3`, `\{1,\frac{%d}{3},\sqrt{2}\}`,
		`\prod_{k=1}^{200}\frac{k}{k+%d}`, "the value is %d and so on"} {
		var predictions []string
		for i := range 16 {
			predictions = append(predictions, fmt.Sprintf(form, i+2))
		}
		b.Run(form, func(b *testing.B) {
			for b.Loop() {
				Groups(predictions, Strict)
			}
		})
	}
}
