package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/grade"
)

// saying writes an evaluation's folder with these samples.
func saying(t *testing.T, dir string, samples []eval.Sample) {
	t.Helper()
	r := scores([]string{"mgsm"}, 0.3, 0.01)
	r.Settings.Languages = nil
	for i := range samples {
		l := samples[i].Language
		if !slices.Contains(r.Settings.Languages, l) {
			r.Settings.Languages = append(r.Settings.Languages, l)
			r.Benchmarks["mgsm"].Languages[l], r.Languages[l] = r.Benchmarks["mgsm"].Languages["en"], r.Languages["en"]
		}
	}
	writeResults(t, dir, r)
	var text bytes.Buffer
	for i := range samples {
		s := &samples[i]
		s.Benchmark = "mgsm"
		if s.Verdicts == nil {
			s.Verdicts = map[string]bool{}
			for _, g := range grade.Graders {
				s.Verdicts[g.Name] = s.Verdict
			}
		}
		line, err := s.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(line, '\n'))
	}
	writeFile(t, filepath.Join(dir, "samples.jsonl"), text.Bytes())
}

// pairOfFolders writes a base and a trained evaluation, and returns their report's folder.
func pairOfFolders(t *testing.T, base, trained []eval.Sample) string {
	t.Helper()
	root := t.TempDir()
	saying(t, filepath.Join(root, "base"), base)
	saying(t, filepath.Join(root, "trained"), trained)
	r, err := New(open(t, filepath.Join(root, "base"), filepath.Join(root, "trained")),
		Plan{Runs: map[string]PlanRun{"trained": {Base: "base", Languages: []string{"en"}, Method: "RL"}}})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(root, "report")
	if err := r.Write(out); err != nil {
		t.Fatal(err)
	}
	return out
}

// few are some samples of three questions in three languages. The model is right the more often the larger
// right is.
func few(right int) (all []eval.Sample) {
	outputs := map[string]string{"en": "The sum is ", "bn": "যোগফল হল ", "ar": "المجموع هو "}
	for _, l := range []string{"en", "bn", "ar"} {
		for q := range 3 {
			for k := range 2 {
				s := eval.Sample{ID: fmt.Sprintf("q/%d", q), Language: l, Sample: k,
					Prompt: "Add in " + l + ", " + fmt.Sprint(q),
					Output: outputs[l] + strings.Repeat("and so on ", 80*q) + fmt.Sprint(q), Reference: fmt.Sprint(q),
					Extracted: fmt.Sprint(q + k), Tokens: 10 + q, FinishReason: eval.FinishStop, Verdict: q+k < right,
					Identified: eval.Identified{Lang: l}}
				if l == "bn" && q == 2 {
					s.Lang, s.OffTarget, s.FinishReason = "en", true, eval.FinishLength
				}
				if l == "en" && q == 1 && k == 0 {
					s.Verdicts = map[string]bool{grade.Graders[0].Name: true}
				}
				all = append(all, s)
			}
		}
	}
	return all
}

// shown is what is to be seen of the page of samples once it is whole.
func shown(b *browser) (status string, cards []string) {
	b.t.Helper()
	b.wait(`[...document.querySelectorAll("article")].every((a) => a.textContent.includes("tokens")) &&
		/^(\d+ samples|Samples|No)/.test(document.getElementById("status").textContent)`)
	return b.eval(`document.getElementById("status").textContent`).(string),
		b.strings(`[...document.querySelectorAll("article")].map((a) => a.textContent)`)
}

func TestBrowserSamplesPage(t *testing.T) {
	out := pairOfFolders(t, few(2), few(3))
	b := newBrowser(t)
	b.look(1400, "light")
	go1 := func(fragment string) (string, []string) {
		b.open(filepath.Join(out, "samples.html"), fragment)
		return shown(b)
	}
	status, cards := go1("")
	if status != "Samples 1 to 24 of 36." || len(cards) != 24 {
		t.Errorf("at first: %q, %d samples", status, len(cards))
	}
	b.picture("samples-wide")
	for fragment, want := range map[string]int{
		"#language=bn": 12, "#language=bn&off=yes": 4, "#off=yes": 4, "#cut=yes": 4, "#cut=no": 32,
		"#model=base":               18,
		"#verdict=right&model=base": 9, "#verdict=wrong&model=base": 9, "#verdict=right&model=trained": 15,
		"#graders=differ":                        2,
		"#graders=only+" + grade.Graders[0].Name: 2, "#graders=agree": 34,
		"#model=base&model=trained&change=better": 24, "#model=base&model=trained&change=same": 12,
		"#model=base&model=trained&change=worse": 0, "#benchmark=none": 0,
		"#find=%E0%A6%AF%E0%A7%8B%E0%A6%97%E0%A6%AB%E0%A6%B2": 12,
		"#find=THE+SUM&model=base":                            6, "#find=(.*%2B[a-z-]": 0,
		"#find=Add+in+ar%2C+1": 4, "#find=q%2F2&verdict=right": 3,
	} {
		status, cards := go1(fragment)
		text := fmt.Sprintf(" of %d", want)
		if want == 0 && (status != "No sample is like that." || len(cards) > 0) ||
			want > 0 && (!strings.Contains(status+",", text+",") || len(cards) != min(want, 24)) {
			t.Errorf("%s: %q, %d samples, want %d", fragment, status, len(cards), want)
		}
	}
	// What the form cannot show is said, a page that is not there is the first, and an unread number no part of one.
	for fragment, want := range map[string]string{
		"#sample=0&language=en&model=base": "Samples 1 to 3 of 3 with the number 0, of 36 in all.",
		"#sample=9":                        "No sample is like that with the number 9.",
		"#from=-5":                         "Samples 1 to 24 of 36.", "#from=7.5": "Samples 8 to 31 of 36.",
	} {
		if status, _ := go1(fragment); status != want {
			t.Errorf("%s: %q, want %q", fragment, status, want)
		}
	}
	// A question in all languages, base beside trained.
	status, cards = go1("#benchmark=mgsm&question=q%2F2&model=base&model=trained")
	if status != "12 samples of this question." || len(cards) != 12 {
		t.Errorf("a question: %q, %d samples", status, len(cards))
	}
	headings := b.strings(`[...document.querySelectorAll("h1, h2")].map((h) => h.textContent)`)
	want := []string{"mgsm · q/2", "English (en)", "বাংলা (bn)", "Arabic (ar)"}
	if diff := cmp.Diff(want, headings); diff != "" {
		t.Errorf("headings (-want +got):\n%s", diff)
	}
	b.picture("question-wide")
	side := b.eval(`(() => { const cards = [...document.querySelectorAll("section:first-of-type article")];
		const [a, b] = ["base", "trained"].map((name) => cards.find((c) =>
		c.textContent.startsWith(name + " · sample 0")).getBoundingClientRect()); return a.top === b.top && a.right < b.left; })()`)
	if side != true {
		t.Error("the base's sample is not beside the trained model's")
	}
	directions := b.strings(`[...document.querySelectorAll("article .text")].map((e) =>
		e.lang + " " + e.dir + " " + getComputedStyle(e).direction)`)
	for i, want := range []string{"en auto ltr", "en auto ltr", "ar auto rtl"} {
		if directions[4*i] != want {
			t.Errorf("a text is %q, want %q", directions[4*i], want)
		}
	}
	// By its controls.
	go1("")
	b.eval(`(() => { const f = document.getElementById("filters"); f.elements.language.value = "bn";
		f.elements.language.dispatchEvent(new Event("change", { bubbles: true })); })()`)
	b.wait(`location.hash === "#language=bn" && document.getElementById("status").textContent.includes(" of 12,")`)
	if status, cards := shown(b); len(cards) != 12 {
		t.Errorf("Bengali chosen: %q", status)
	}
	b.eval(`history.back()`)
	b.wait(`document.getElementById("status").textContent === "Samples 1 to 24 of 36."`)
	b.eval(`document.querySelector("#turn button:last-of-type").click()`)
	b.wait(`document.getElementById("status").textContent === "Samples 25 to 36 of 36."`)
	b.wait(`document.querySelector("article button")`)
	if text := b.eval(`(() => { const button = [...document.querySelectorAll("article button")][0]; const text =
		button.parentElement.querySelector(":scope > .text"); const before = text.clientHeight; button.click();
		return text.clientHeight > before && button.getAttribute("aria-expanded"); })()`); text != "true" {
		t.Errorf("a long text is not unfolded: %v", text)
	}
	b.look(420, "dark")
	go1("")
	b.picture("samples-narrow")
	if over := b.eval(`document.documentElement.scrollWidth`); over != 420. {
		t.Errorf("the page of samples is %v pixels wide in a window of 420", over)
	}
	go1("#benchmark=mgsm&question=q%2F2&model=base&model=trained")
	b.picture("question-narrow")
	if over := b.eval(`document.documentElement.scrollWidth`); over != 420. {
		t.Errorf("a question is %v pixels wide in a window of 420", over)
	}
	b.sound()
}

// hostile are texts that would do something if they were not taken as text.
var hostile = []string{
	`</script><script>window.hurt = 1</script>`, `<img src=x onerror="window.hurt = 2">`,
	`"]]}); window.hurt = 3; ([[["`, `\"]}); window.hurt = 4; //`, "\u2028window.hurt = 5\u2029", `<!--<script>`, `]]>`,
	`<svg onload="window.hurt = 6">`, `" onmouseover="window.hurt = 7" x="`, `' autofocus onfocus='window.hurt = 8`,
	`{{.Title}} ${window.hurt = 9}`, "`${window.hurt = 10}`", `javascript:window.hurt=11`, "\x00\x01\x1b[31m",
	`&lt;script&gt;`, `<base href="https://example.com/">`,
	`<meta http-equiv=refresh content="0;url=https://example.com">`,
	`__proto__`, `<style>*{display:none}</style>`, "a\u202eb\u2066", `<iframe srcdoc="<script>parent.hurt=12</script>">`,
}

// TestBrowserHostileSamples: whatever a model, a benchmark or a run says is shown as it is, and does nothing.
func TestBrowserHostileSamples(t *testing.T) {
	var samples []eval.Sample
	for i, text := range hostile {
		samples = append(samples, eval.Sample{ID: fmt.Sprint(i, text), Language: "en", Prompt: text + " asked",
			Output: text, Reference: text, Extracted: text, GT: text, Via: text, Tokens: 3,
			Verdicts:   map[string]bool{grade.Graders[0].Name: true},
			Identified: eval.Identified{Lang: text, OffTarget: true, AnswerLang: text, AnswerOffTarget: true}})
	}
	out := pairOfFolders(t, samples, samples)
	b := newBrowser(t)
	b.look(1400, "light")
	b.open(filepath.Join(out, "report.html"), "")
	b.sound()
	for _, p := range []url.Values{{"model": {"trained"}, "find": {"window"}}, {"model": {hostile[1]}},
		{"question": {hostile[0]}}, {"find": {hostile[1]}}, {"benchmark": {"mgsm"}, "question": {"0" + hostile[0]}}} {
		b.open(filepath.Join(out, "samples.html"), "#"+p.Encode())
		shown(b)
	}
	b.open(filepath.Join(out, "samples.html"), "#model=trained")
	shown(b)
	texts := b.strings(`[...document.querySelectorAll("article > .text")].map((e) => e.textContent)`)
	if diff := cmp.Diff(hostile, texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	if made := b.eval(`document.querySelectorAll(
		"main script, img, svg, iframe, base, article style, [onerror], [onload]").length`); made != 0. {
		t.Errorf("texts became %v elements", made)
	}
	b.eval(`document.querySelectorAll("a, button, summary, .text").forEach((e) => {
		e.dispatchEvent(new Event("mouseover")); })`)
	if hurt := b.eval(`window.hurt`); hurt != nil {
		t.Errorf("text number %v was run", hurt)
	}
	b.sound()
}

// TestBrowserShards: samples of a size are divided among files, each question of a language with all models in one,
// and every one is where the index says.
func TestBrowserShards(t *testing.T) {
	var samples []eval.Sample
	random := rand.New(rand.NewPCG(1, 2))
	for _, l := range []string{"en", "ru"} {
		for q := range 40 {
			for k := range 4 {
				samples = append(samples, eval.Sample{ID: fmt.Sprint(q), Language: l, Sample: k,
					Prompt: fmt.Sprint("p", q, l), FinishReason: eval.FinishStop,
					Output: fmt.Sprint(q, l, k) + strings.Repeat("x", random.IntN(1<<15))})
			}
		}
	}
	out := pairOfFolders(t, samples, slices.DeleteFunc(slices.Clone(samples),
		func(s eval.Sample) bool { return s.Sample > 0 }))
	files, err := filepath.Glob(filepath.Join(out, "samples", "0*.js"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d shards (%v)", len(files), err)
	}
	b := newBrowser(t)
	b.open(filepath.Join(out, "samples.html"), "")
	shown(b)
	wrong := b.strings(`(async () => { const wrong = []; for (let i = 0; i < data.marks.length; i++) {
		const t = await textOf(i), q = data.questions[data.question[i]][1] + data.languages[data.language[i]].code;
		if (!t.output.startsWith(q + data.sample[i]) || t.prompt !== "p" + q) wrong.push(i); }
		for (const first of data.shards.slice(1)) { if (data.question[first] === data.question[first - 1] &&
			data.language[first] === data.language[first - 1]) wrong.push("shard at " + first); }
		return wrong.length || data.marks.length !== 400 ? [data.marks.length, ...wrong] : []; })()`)
	if len(wrong) > 0 {
		t.Errorf("samples that are elsewhere: %v", wrong)
	}
	b.sound()
}
