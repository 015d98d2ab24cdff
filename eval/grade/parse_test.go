package grade

import "testing"

// TestParse checks which parser reads a text, what of it, and how, in the
// canonical form of expr.String.
func TestParse(t *testing.T) {
	tests := []struct{ in, want string }{
		{"2+", "2"},
		{"2(", "2"},
		{"x^-1", "$x"},
		{"x^12", "^($x 12)"},
		{"x^2^3", "^(^($x 2) 3)"},
		{"2x3", "*(2 3)"},
		{"yx3", "*($x $y 3)"},
		{"a(b,c)", "apply a($b $c)"},
		{"a(b,", "$a"},
		{`\sin 2t\cos t`, "*(cos($t) sin(*($t 2)))"},
		{`\sin(t)u`, "*($u sin($t))"},
		{`\sin^{-1}(t)`, "asin($t)"},
		{`\sqrt[3]{5}`, "^(5 1/3)"},
		{`\frac12`, "1/2"},
		{`\alpha_1`, "$alpha_{1}"},
		{"1,234,5", "1234"},
		{"1 2", "12"},
		{"x=y=2", "#false"},
		{"4=4", "#true"},
		{`5\le4`, "#false"},
		{"|x|y|", "*($y abs($x))"},
		{"f'(x)", "apply f'($x)"},
		{"dx", "$dx"},
		{`\frac{d}{dx}x`, "Derivative($x $x)"},
		{`x\text{ab}`, "*($a $b $text $x)"},
		{"0.333...", "33/100"},
		{"1.23.4", "*(17/5 6/5)"},
		{"1,2345", "*(1234 5)"},
		{"746496.", "*(4 4 6 7 9)"},
		{"3+12.", "+(1 3)"},
		{"1,234,567.", "1234"},
		{"x1.", "$x"},
		{"3+1.", "+(1 3)"}, // Python's
		{"~5", "*(+(1 5) -1)"},
		{"(2'+x)", "+($x 2)"},
		{`\sum_{i=1}^{n}i`, "Sum($i $i 1 $n)"},
		{`\int_0^1xdx`, "Integral(*($x) $x 0 1)"},
		{`\lim_{x\to0^-}x`, "Limit-($x $x 0)"},
		// Python expressions
		{"2400,1350,864", "tuple(2400 1350 864)"}, // no number in LaTeX begins 0,864
		{"(1,2)or(3,4)", "tuple(1 2)"},
		{"(3,-4)", "tuple(3 -4)"},
		{"{4,3}", "set(3 4)"},
		{".25", "1/4"},
		{`"north"`, `"north"`},
		{"二十", "$二十"},
		{"(a**2-1)+b", "+($b -1 ^($a 2))"},
		{"sqrt(4)+五", "+($五 ^(4 1/2))"},
		// the extended grammar
		{"~6~", "6"},
		{`3;\pi k`, "list(3 *(#pi $k))"},
		{`{1+\sqrt{2},5}`, "list(+(1 ^(2 1/2)) 5)"},
		{`\begin{pmatrix}1\\2\end{pmatrix}`, "matrix2(1 2)"},
		{`\begin{vmatrix}a&b\\3&4\end{vmatrix}`, "+(*($a 4) *($b -3))"},
		{`30\%`, "30/100"},
		{`2\begin{pmatrix}3&x\end{pmatrix}`, "matrix1(*(2 3) *($x 2))"},
		{`\begin{pmatrix}5&2\end{pmatrix}\begin{pmatrix}3\\4\end{pmatrix}`, "matrix1(+(*(2 4) *(3 5)))"},
		{`\begin{pmatrix}1&2\end{pmatrix}^T`, "matrix2(1 2)"},
		{`0123,456`, "123456"},
		// nothing reads these
		{`-\begin{pmatrix}1\\2\end{pmatrix}`, `"-\\begin{pmatrix}1\\\\2\\end{pmatrix}"`},
		{"5€", `"5€"`},
		{`(1,\frac{1}{2})`, `"(1,\\frac{1}{2})"`},
	}
	for _, test := range tests {
		c := comparison{budget: budget{left: maxSteps}}
		if got := c.parse(test.in).String(); got != test.want {
			t.Errorf("parse(%q) = %s, want %s", test.in, got, test.want)
		}
	}
}
