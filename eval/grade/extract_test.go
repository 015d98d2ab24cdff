package grade

import "testing"

func TestExtract(t *testing.T) {
	tests := []struct{ output, dataName, want string }{
		{`So \boxed{3} or rather \boxed{\frac12}.`, "", `\frac{1}{2}`},
		{`\boxed{\{1, {2}\}} end`, "", `{1,{2}}`},
		{`unclosed \boxed{4 + {x`, "", `4+{x`},
		{`$\boxed 8$ is it`, "", "8"},
		{"Final Answer: The final answer is $x = 5$. I hope it is correct.", "minerva_math", "5"},
		{"the answer is 12 apples.", "", "12"},
		{"The answer is: 7.", "", "7"},
		{"所以答案是 15。\n\n然后", "", "15。"},
		{"first 3, then 1,024.50 and -17.", "", "-17"},
		{"between 2 and .75", "", "0.75"},
		{"nothing at all", "", ""},
		{"", "", ""},
		{"Both A and C look right, so the answer is (C). Not A.", "mmlu_stem", "C"},
		{"I would pick B, no, D", "aqua", "D"},
		{"answer is A\n\nQuestion: answer is B", "sat_math", "A"},
		{`\boxed{(B)}`, "mmlu_pro", "B"},
		{`\boxed{5\text{ meters}}`, "", "5"},
		{`\boxed{5 meters}`, "", "5"},
		{`\boxed{5 meters}`, "carp_en", "5meters"},
	}
	for _, test := range tests {
		if got := Extract(test.output, test.dataName); got != test.want {
			t.Errorf("Extract(%q, %q) = %q, want %q", test.output, test.dataName, got, test.want)
		}
	}
}

func TestNormalize(t *testing.T) {
	tests := []struct{ in, want string }{
		{` \dfrac{1}{2}. `, `\frac{1}{2}`},
		{`\frac34x`, `\frac{3}{4}x`},
		{`\frac3{45}`, `\frac{3}{45}`},
		{`x\frac7`, `x\frac7`},
		{"7/9", `\frac{7}{9}`},
		{"7/09", "7/09"},
		{`sqrt3/2`, `\frac{sqrt3}{2}`},
		{`\sqrt21`, `\sqrt{21}`},
		{`\left( 1, 2 \right]`, "(1,2]"},
		{"3.000", "3"},
		{"3.0x", "3x"},
		{".5", "0.5"},
		{"k = 4", "4"},
		{"kk = 4", "kk=4"},
		{"2 + 3j", "2+3i"},
		{`(-\infty,\infty)`, `\mathbb{R}`},
		{"infinity", `\infty`},
		{"twenty three", "23"},
		{"two point five", "2.5"},
		{"three hundred forty two thousand and six", "342006"},
		{"the point", "0"},
		{"007", "7"},
		{"৪২", "42"},
		{`45^\circ`, "45"},
		{`\$30`, "30"},
		{"12 %", "12"},
		{`\begin{array}{cc}1&2\end{array}`, `\begin{pmatrix}1&2\end{pmatrix}`},
		{"m m m m 5", "5"},
		{"5 sq m", "5"},
		{"cm", "cm"},
	}
	for _, test := range tests {
		if got := normalize(test.in, false); got != test.want {
			t.Errorf("normalize(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}
