package report

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// measure finds what is wrong with the page as it is shown: wider than its window, text too small to be read or cut
// off by its figure, text over text, tables that leave the page without saying so.
const measure = `(() => {
	const found = [], say = (...words) => { if (found.length < 12) found.push(words.join(" ")); };
	const page = document.documentElement;
	if (page.scrollWidth > innerWidth) say("the page is", page.scrollWidth, "pixels wide in a window of", innerWidth);
	for (const d of document.querySelectorAll("details.folded")) d.open = true;
	for (const e of document.querySelectorAll("h1, h2, p, li, figcaption, summary, th, td, button, small")) {
		const size = parseFloat(getComputedStyle(e).fontSize);
		if (e.offsetParent && size < 9) say(e.tagName, "has letters of", size, "pixels:", e.textContent.slice(0, 40));
	}
	for (const svg of document.querySelectorAll("svg.fig")) {
		const box = svg.getBoundingClientRect();
		if (box.width === 0) continue;
		const name = svg.querySelector("title").textContent + " (" + svg.querySelector("title").id + ")";
		if (box.right > innerWidth + 1) say(name, "ends at", box.right);
		const scale = box.width / svg.viewBox.baseVal.width;
		const texts = [...svg.querySelectorAll("text")].map((e) => ({ e, b: e.getBoundingClientRect() }));
		for (const { e, b } of texts) {
			if (parseFloat(getComputedStyle(e).fontSize) * scale < 9) say(name, "has letters of",
				parseFloat(getComputedStyle(e).fontSize) * scale, "pixels:", e.textContent);
			if (b.left < box.left - 2 || b.right > box.right + 2 || b.top < box.top - 2 || b.bottom > box.bottom + 2)
				say(name, "cuts off", JSON.stringify(e.textContent));
		}
		texts.forEach(({ e, b }, i) => texts.slice(i + 1).forEach((other) => {
			const w = Math.min(b.right, other.b.right) - Math.max(b.left, other.b.left);
			const h = Math.min(b.bottom, other.b.bottom) - Math.max(b.top, other.b.top);
			if (w > 2 && h > 5 * scale) say(name, "writes", JSON.stringify(e.textContent), "over",
				JSON.stringify(other.e.textContent));
		}));
	}
	let figures = 0;
	for (const f of document.querySelectorAll("figure:not(.table)")) {
		const seen = [...f.querySelectorAll("svg")].filter((s) => s.getBoundingClientRect().width > 0).length;
		if (seen !== 1) say(f.id, "shows", seen, "pictures");
		figures++;
	}
	for (const f of document.querySelectorAll("figure.table")) {
		const box = f.querySelector(".scroll"), wide = box.scrollWidth > box.clientWidth + 1;
		if (wide !== Boolean(f.querySelector(".wide-note"))) say(f.id, "is wide:", wide, "and says otherwise");
		if (f.querySelector("tbody").rows.length === 0) say(f.id, "is empty");
	}
	return [figures, ...found];
})()`

// measured opens a page at both widths, light and dark, and fails the test where it is not right.
func (b *browser) measured(path, name string) {
	b.t.Helper()
	for _, look := range []struct {
		width  int
		scheme string
	}{{1400, "light"}, {420, "dark"}, {900, "light"}, {700, "light"}} {
		b.look(look.width, look.scheme)
		b.open(path, "")
		b.eval(`document.fonts.ready.then(() => 0)`)
		found := b.strings(measure)
		for _, fault := range found[1:] {
			b.t.Errorf("%s at %d pixels: %s", name, look.width, fault)
		}
		b.t.Logf("%s at %d pixels: %s figures", name, look.width, found[0])
		if look.width == 1400 || look.width == 420 {
			b.picture(fmt.Sprintf("%s-%d", name, look.width))
		}
	}
	b.sound()
}

var reports = flag.String("reports", "", "folders of reports that TestBrowserReports looks at, with commas between")

// TestBrowserReports looks at the reports that -reports names, as TestBrowserLayout does; STELE_PICTURES names a folder
// for what it sees.
func TestBrowserReports(t *testing.T) {
	if *reports == "" {
		t.Skip("no -reports are named")
	}
	b := newBrowser(t)
	for _, dir := range strings.Split(*reports, ",") {
		b.measured(filepath.Join(dir, "report.html"), filepath.Base(dir))
	}
}

// TestBrowserLayout: reports of every kind are right at 420 and at 1,400 pixels.
func TestBrowserLayout(t *testing.T) {
	b := newBrowser(t)
	write := func(name string, r *Report) {
		t.Helper()
		page, err := r.HTML()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "report.html")
		writeFile(t, path, page)
		b.measured(path, name)
	}
	measures, err := New(open(t, "testdata/runs/grpo"), Plan{Measures: []string{"all"}})
	if err != nil {
		t.Fatal(err)
	}
	write("measures", measures)
	write("training", reportOf(t, open(t, trainingFolder(t, "grpo", 60, []string{"mgsm", "aime24"}),
		trainingFolder(t, "a-run-with-a-rather-long-name-that-somebody-gave-it", 1, []string{"mgsm"}))))
	many := filepath.Join(t.TempDir(), "evaluation")
	writeResults(t, many, scores([]string{"mgsm", "math500"}, 0.3, 0.01))
	write("evaluation", reportOf(t, open(t, many)))
	write("study", simulatedReport(t))
}
