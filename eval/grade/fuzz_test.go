package grade

import (
	"strings"
	"testing"
)

var fuzzSeeds = [][2]string{
	{`\frac{1}{2}`, "0.5"}, {"(1,2]", "[1,2)"}, {"x=5", "5"}, {`\sqrt[3]{x^2+1}`, "x^{2/3}"},
	{`\begin{pmatrix}1&2\\3&4\end{pmatrix}`, `{1,2}`}, {"12%", `\%`}, {"৪২", "４２"},
	{`\int_0^1 x dx`, `\sum_{i=1}^{3} i`}, {"{1,2;3}", "a<b<c"}, {"(x**2)!", `"a"`},
	{"3万5千", "2 mil millones de pesos"}, {"elfu 3 na mia 5", "18k"}, {`2\sqrt{3}\text{ cm}`, "15 m/s^2"},
	{"]-1,3[", `x<1 \lor x>2`}, {`\mathbb{R}\setminus\{2\}`, `|x-1|\le 2`},
	{"1.234,5", `0.1\dot{4}285\dot{7}`},
	{"[[1,2],[3,4]]^T", "(1;2)^T"}, {`12\frac{1}{2}\%`, "asilimia 5"}, {"2 и 5", "S/. 20"},
	{"minus 5", "3と2分の1"},
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
		for _, grader := range Graders {
			Equal(a, b, grader)
			if verdict, via := Equal(a, a, grader); !verdict {
				t.Errorf("Equal(%q, itself, %v) = false via %s", a, grader, via)
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
	f.Add("\\boxed{9}\n\nВопрос 2: 3+4?\n\\boxed{7}", "9", "math")
	f.Add("So 5 thousand.<|im_end|>\n##Question", "5", "")
	f.Fuzz(func(t *testing.T, output, reference, dataName string) {
		for _, grader := range Graders {
			result := Grade(output, reference, dataName, grader)
			if again := Grade(output, reference, dataName, grader); again != result {
				t.Errorf("Grade(%q, %q, %q, %v) = %+v, then %+v", output, reference, dataName, grader,
					result, again)
			}
		}
	})
}

// FuzzSet reads sets of real numbers: each equals itself and is no larger than its union
// with another.
func FuzzSet(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed[0], seed[1])
	}
	f.Add(`x<1 \lor x>2`, `(0,1]\cup\{3\}`)
	f.Add(`[0,2]\cap(1,5)`, `3\ge x>-1`)
	f.Fuzz(func(t *testing.T, a, b string) {
		c := &comparison{budget: budget{left: maxSteps}}
		if len(a) > 300 || len(b) > 300 {
			return
		}
		x, okX := c.readSet(writeAlike(a), 0)
		y, okY := c.readSet(writeAlike(b), 0)
		if !okX || !okY {
			return
		}
		both := &realSet{operator: `\cup`, parts: []*realSet{x, y}}
		if !x.equal(x, &c.budget) || !both.equal(&realSet{operator: `\cup`, parts: []*realSet{y, x}},
			&c.budget) {
			if c.budget.left >= 0 {
				t.Errorf("%q and %q: not equal to itself, or the order of a union counts", a, b)
			}
		}
	})
}

// FuzzBeforeInvented cuts outputs: what is left begins them, and has an answer if
// anything was cut.
func FuzzBeforeInvented(f *testing.F) {
	f.Add("Question: 1?\n\\boxed{2}\nQuestion: 3?")
	f.Add("#### 5\n\n問題2：")
	f.Add("so 5.\nQ: <|im_end|>")
	f.Fuzz(func(t *testing.T, output string) {
		kept := beforeInvented(output)
		if !strings.HasPrefix(output, kept) {
			t.Errorf("%q is no beginning of %q", kept, output)
		}
		if kept != output && firstAnswer(kept) < 0 && !concludes(kept) {
			t.Errorf("%q was cut to %q, which has no answer", output, kept)
		}
	})
}
