package grade

import "testing"

var fuzzSeeds = [][2]string{
	{`\frac{1}{2}`, "0.5"}, {"(1,2]", "[1,2)"}, {"x=5", "5"}, {`\sqrt[3]{x^2+1}`, "x^{2/3}"},
	{`\begin{pmatrix}1&2\\3&4\end{pmatrix}`, `{1,2}`}, {"12%", `\%`}, {"৪২", "４２"},
	{`\int_0^1 x dx`, `\sum_{i=1}^{3} i`}, {"{1,2;3}", "a<b<c"}, {"(x**2)!", `"a"`},
	{"三分之一", `\lim_{x\to 0^+}x`}, {"|x|^{|y|}", "f'(x)_2"}, {`1\frac{1}{2}`, `\pm 3`},
	{"9^9^9^9^9", `10!!!`}, {"twenty point two", "\x00\xff"},
}

// FuzzEqual looks for panics and hangs. Equality with itself must hold in both
// modes.
func FuzzEqual(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, mode := range []Mode{Qwen, Strict} {
			Equal(a, b, mode)
			if verdict, via := Equal(a, a, mode); !verdict {
				t.Errorf("Equal(%q, itself, %v) = false via %s", a, mode, via)
			}
		}
	})
}

// FuzzGrade runs the whole pipeline on arbitrary text.
func FuzzGrade(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(`we get \boxed{`+seed[0]+`}`, seed[1], "math500")
		f.Add("The answer is "+seed[0], seed[1], "gpqa")
	}
	f.Add("(A) or (B)", "C", "mmlu_stem")
	f.Fuzz(func(t *testing.T, output, reference, dataName string) {
		for _, mode := range []Mode{Qwen, Strict} {
			result := Grade(output, reference, dataName, mode)
			if again := Grade(output, reference, dataName, mode); again != result {
				t.Errorf("Grade(%q, %q, %q, %v) = %+v, then %+v", output, reference, dataName, mode, result, again)
			}
		}
	})
}
