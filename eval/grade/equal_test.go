package grade

import (
	"strings"
	"testing"
)

// TestEqualQwen holds one pair, or a few, for every rule of the reference and
// for the false verdicts it is known for.
func TestEqualQwen(t *testing.T) {
	tests := []struct {
		prediction, reference string
		verdict               bool
		via                   string
	}{
		{" Paris", "paris ", true, ViaString},
		{"The choice (b).", "B", true, ViaChoice},
		{"a cat", "A", true, ViaChoice},
		{"1,250", "1250", true, ViaNumeric},
		{"১২", "12", true, ViaNumeric},
		{"12.0011", "12", true, ViaNumeric},
		{"12.002", "12", false, ViaNumericNo},
		{"0.31", "31", true, ViaNumeric},
		{`31\%`, "31", true, ViaNumeric},
		{"inf", "inf", true, ViaString},
		{"nan", "nan ", true, ViaString},
		{"nan", "1", false, ViaNumericNo},
		{"", "7", false, ViaEmptyNo},
		{"{7x}", "7x", true, ViaBraces},
		{"(7)", "{7}", true, ViaBraces},
		{"[2,5)", "(2,5)", true, ViaParts},
		{"(2,0.5)", `(2,\frac{1}{2})`, true, ViaParts},
		{`[2,\sqrt{9}]`, "(2,3)", true, ViaParts},
		{"(1,2,3)", "(1,2)", false, ViaNo},
		{`\begin{pmatrix}1&\frac{1}{2}\\0&3\end{pmatrix}`, `\begin{pmatrix}1&0.5\\0&3\end{pmatrix}`, true,
			ViaMatrixParts},
		{`\begin{pmatrix}1&7\end{pmatrix}:`, `\begin{pmatrix}1&7\end{pmatrix}`, false, ViaNo},
		{`\begin{matrix}1&7\\0&3\end{matrix}`, `\begin{pmatrix}1&7\\0&3\end{pmatrix}`, true, ViaSymbolic},
		{"3x-2y=4", "2y-3x=-4", true, ViaEquation},
		{"3x-2y=4", "2y-3x=4", false, ViaNo},
		{"k=21/3", "7", true, ViaPredEquation},
		{"9", `m=\sqrt{81}`, true, ViaRefEquation},
		{"width=7", "7", false, ViaNo},
		{`\frac{6}{4}`, `\frac{3}{2}`, true, ViaSymbolic},
		{`\frac{x^2-9}{x-3}`, "x+3", true, ViaSymbolic},
		{`\sqrt{x^2}`, "x", false, ViaNo},
		{`\lceil k\rceil`, `\sqrt{\lceil k\rceil^2}`, false, ViaNo},
		{`|\lfloor x\rfloor|`, `\lfloor x\rfloor`, false, ViaNo},
		{`\lfloor\frac{n}{90}\rfloor`, "0", false, ViaNo},
		{`\sqrt{(700-80t)^2}`, "700-80t", false, ViaNo},
		{`\sqrt{(a+2)^2}`, "a+2", false, ViaNo},
		{"(a^m)^n", "a^{mn}", false, ViaNo},
		{`\ln(xy)`, `\ln x+\ln y`, false, ViaNo},
		{`|x||y|`, `|xy|`, true, ViaSymbolic},
		{`\lfloor x+3\rfloor`, `3+\lfloor x\rfloor`, true, ViaSymbolic},
		{`\sin^2t+\cos^2t`, "1", true, ViaSymbolic},
		{`\sqrt{12}`, `2\sqrt{3}`, true, ViaSymbolic},
		{`\log_{3} 81`, "4", true, ViaSymbolic},
		{`\log_3 9`, "2", true, ViaSymbolic},
		{`\log_3 81`, "0", true, ViaSymbolic}, // to the base 38, of 1
		{`\pi`, "3.14159265", false, ViaNo},   // π is a mere symbol
		{`e^{0}`, "1", true, ViaSymbolic},
		{"i^2", "-1", false, ViaNo}, // and so is i
		{"6!", "720", true, ViaSymbolic},
		{`\binom{7}{3}`, "35", true, ViaSymbolic},
		{`|-5|`, "5", true, ViaSymbolic},
		{"34_{7}", "34_9", true, ViaSymbolic},     // the base is not read
		{"8,-3,5", "8,-3", true, ViaSymbolic},     // nor what follows a comma
		{"7:2", `\frac{7}{2}`, true, ViaSymbolic}, // a ratio divides
		{"1.33333", `\frac{4}{3}`, true, ViaSymbolic},
		{`\{1,2\}`, `\{2,1\}`, false, ViaNo},
		{"x<4", "x>4", true, ViaSymbolic}, // the sign is not compared
		{"2<x<4", "2<x<4.0", true, ViaSymbolic},
		{`\sum_{i=1}^{4}i`, "10", true, ViaSymbolic},
		{`\sum_{k=1}^nk^2`, `\frac{2n^3+3n^2+n}{6}`, true, ViaSymbolic},
		{`\sum_{n=0}^\infty\frac{1}{3^n}`, "1.5", true, ViaSymbolic},
		{`\sum_{n=1}^\infty\frac{1}{n^2}`, "1.6449340668", true, ViaSymbolic},
		{`\prod_{i=2}^{4}i`, "24", true, ViaSymbolic},
		{`\prod_{i=2}^{4}i`, "25", false, ViaNo},
		{`\int_0^1axdx`, `\frac{a}{2}`, true, ViaSymbolic},
		{`\int_1^2\frac{1}{x}dx`, `\ln2`, true, ViaSymbolic},
		{`\int_{-\infty}^{\infty}\frac{1}{1+x^2}dx`, "3.14159265", true, ViaSymbolic},
		{`\int_0^\infty\frac{1}{(1+x)^2}dx`, "1", true, ViaSymbolic},
		{`\int_0^1xdx`, `\frac{1}{3}`, false, ViaNo},
		{`\lim_{x\to0}\frac{\sin x}{x}`, "1", true, ViaSymbolic},
		{`\lim_{x\to3}\frac{x^2-9}{x-3}`, "6", true, ViaSymbolic},
		{`\lim_{x\to\infty}\frac{3x+1}{x}`, "3", true, ViaSymbolic},
		{`\lim_{x\to0}\frac{1}{x}`, "0", false, ViaNo},
		{`\frac{d}{dx}(x^3+\sin x)`, `3x^2+\cos x`, true, ViaSymbolic},
		{`\frac{d}{dx}\ln x`, `\frac{1}{x}`, true, ViaSymbolic},
		{`\frac{1}{2}\begin{pmatrix}2&4\\6&x\end{pmatrix}`, `\begin{pmatrix}1&2\\3&x/2\end{pmatrix}`, true,
			ViaSymbolic},
		{`5-\infty`, `-2\infty`, true, ViaSymbolic},
		{`\{1,\frac{1}{2}\}`, `\{1,0.5\}`, true, ViaSymbolic}, // they print the same
		{`10^{10^{10^{10}}}`, "1", false, ViaNo},
		{"9**9**9**9", "9", true, ViaSymbolic}, // a prefix again
		{`__import__("os")`, "0", false, ViaNo},
	}
	for _, test := range tests {
		verdict, via := Equal(test.prediction, test.reference, Qwen)
		if verdict != test.verdict || via != test.via {
			t.Errorf("Equal(%q, %q) = %v via %s, want %v via %s", test.prediction, test.reference, verdict,
				via, test.verdict, test.via)
		}
	}
}

// TestEqualStrict holds answers that the reference does not read, or reads as something
// else than a person would.
func TestEqualStrict(t *testing.T) {
	tests := []struct {
		prediction, reference string
		verdict               bool
	}{
		{"|x|", `\sqrt{x^2}`, true},
		{"x", `\sqrt{x^2}`, false},
		{"-x", `\sqrt{x^2}`, false},
		{`\sqrt[3]{-27}`, "-3", true},
		{`\sqrt[3]{-27}`, "3", false},
		{`(-8)^{\frac{2}{3}}`, "4", true},
		{`\sqrt[3]{x^2}`, `x^{2/3}`, true},
		{`\sqrt[3]{2+\sqrt{5}}+\sqrt[3]{2-\sqrt{5}}`, "1", true},
		{`\ln |x|`, `\ln x`, false},
		{`\lceil x\rceil`, `\lfloor x\rfloor+1`, false},
		{`\max(x,4)`, `\max(4,x)`, true},
		{`\max(x,4)`, `\min(4,x)`, false},
		{`\lvert x-1\rvert`, "|1-x|", true},
		{`\langle 3,4\rangle`, "(3,4)", true},
		{"No solution", `\emptyset`, true},
		{`\{\}`, `\varnothing`, true},
		{"[2,oo)", `[2,\infty)`, true},
		{`x\in\{5,7\}`, `\{7,5\}`, true},
		{`\{x\mid x>4\}`, `(4,\infty)`, true},
		{`\{x : x \ge 4\}`, `(4,\infty)`, false},
		{"25%", `\frac{1}{4}`, true},
		{"25%", `\frac{1}{25}`, false},
		{`\sin 30^\circ`, `\frac12`, true},
		{`2\sin^2(45°)`, "1", true},
		{`\tan{60^{\circ}}`, `\sqrt3`, true},
		{`\sin 30^\circ`, `\frac13`, false},
		{`30^\circ`, "30", true},
		{`\lceil n/2\rceil`, `\lfloor (n+1)/2\rfloor`, true},
		{`\lceil x/2\rceil`, `\lfloor (x+1)/2\rfloor`, false},
		{`\lfloor n/2\rfloor`, `n/2`, false},
		{`(-1)^n`, `\cos n\pi`, true},
		{`(-1)^n`, "1", false},
		{`\begin{pmatrix}1\\2\end{pmatrix}`, "(1,2)", true},
		{"(1,2)", `\begin{bmatrix}1&2\end{bmatrix}`, true},
		{`\begin{pmatrix}1\\2\end{pmatrix}`, "(2,1)", false},
	}
	for _, test := range tests {
		if verdict, via := Equal(test.prediction, test.reference, Strict); verdict != test.verdict {
			t.Errorf("Equal(%q, %q) = %v via %s, want %v", test.prediction, test.reference, verdict, via,
				test.verdict)
		}
	}
}

// TestEqualBounds hands over text made to exhaust time, stack or memory.
func TestEqualBounds(t *testing.T) {
	const n = 20_000
	for name, s := range map[string]string{
		"parentheses": strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"braces":      strings.Repeat("{", n) + "1" + strings.Repeat("}", n),
		"bars":        strings.Repeat("|", n),
		"roots":       strings.Repeat(`\sqrt{`, n) + "2" + strings.Repeat("}", n),
		"powers":      "2" + strings.Repeat("^9", n),
		"tower":       strings.Repeat("9^{", 30) + "9" + strings.Repeat("}", 30),
		"factorials":  "9" + strings.Repeat("!", n),
		"digits":      strings.Repeat("7", n) + "x",
		"product":     strings.Repeat("(x+y)", n),
		"minus":       strings.Repeat("-", n) + "1",
		"calls":       strings.Repeat("f(", n),
		"python":      "(" + strings.Repeat("[", n),
		"sines":       strings.Repeat(`\sin`, n) + "x",
		"unit words":  strings.Repeat("m m ", n),
		"integrals":   strings.Repeat(`\int_0^1 `, 9) + "x",
		"sums":        strings.Repeat(`\sum_{i=1}^{99} `, 9) + "i",
		"scripts":     strings.Repeat(`\sin^9`, n),
		"boxes":       strings.Repeat("boxed", n),
		"fonts":       strings.Repeat(`\text{\mathrm{`, n),
		"matrix":      `\begin{pmatrix}` + strings.Repeat(`1&2\\`, n) + `\end{pmatrix}`,
		"sets":        strings.Repeat(`\{1,`, n),
		"binomials":   strings.Repeat(`\binom{999}{500}`, n/100),
	} {
		for _, grader := range Graders {
			if verdict, via := Equal(s, "4x+1", grader); verdict {
				t.Errorf("%s, %v: equal to 4x+1 via %s", name, grader, via)
			}
			Grade(`\boxed{`+s+`}`, "4x+1", "math500", grader)
		}
	}
}

// TestStrictBounds hands the strict grader answers as long as it reads, made of what its
// own readers look for.
func TestStrictBounds(t *testing.T) {
	for _, piece := range []string{
		"thousand ", "3 thousand ", "elfu ", "elfu 3 na ", `\cup(1,2)`, "]1,2[", `\text{m}`, "2 and ",
		`x<3 \lor `, "[[1,2],[3,4]],",
		"0,(3)", "5 y 5 ", "of ", "m/s ", "^T", `\unit{m}`, "万", "千5", `(1,2)\setminus`, `|x|<3,`,
		"matofaa ", "5%", "minus ", "1;",
		`\frac{\text{m}}{\text{s}}`, "per ", "square ", `\mathbb{R}`, "分之", "Q: ", "\n", "answer is 5\nQ: ",
	} {
		for _, start := range []string{"", "5 ", `2\sqrt{3} `, "(1,2)"} {
			s := start + strings.Repeat(piece, (maxStrict-len(start))/len(piece))
			if verdict, via := Equal(s, "4x+1", Strict); verdict {
				t.Errorf("%q…: equal to 4x+1 via %s", piece, via)
			}
			Equal("4x+1", s, Strict)
			Grade(strings.Repeat(s, 10), "4x+1", "math", Strict)
		}
	}
}

// TestEmptyReference: nothing is right by a reference that is empty; the Qwen2.5-Math code
// takes any answer for right that has no letter A to E. One that it empties is none.
func TestEmptyReference(t *testing.T) {
	for _, c := range []struct {
		output, reference string
		qwen, strict      bool
	}{
		{`\boxed{5}`, "", true, false}, {`\boxed{5}`, " ", true, false}, {`\boxed{}`, "", true, false},
		{`\boxed{5}`, `\text{east}`, true, false}, {`\boxed{\text{west}}`, `\text{east}`, true, false},
		{`\boxed{\text{east}}`, `\text{east}`, true, true},
	} {
		qwen, strict := Grade(c.output, c.reference, "math", Qwen),
			Grade(c.output, c.reference, "math", Strict)
		if qwen.Verdict != c.qwen || strict.Verdict != c.strict {
			t.Errorf("%s by %q: qwen %v, strict %v; want %v, %v", c.output, c.reference, qwen.Verdict,
				strict.Verdict, c.qwen, c.strict)
		}
	}
}
