package report

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stele-lm/stele/eval"
)

var largeRun = flag.Int("samples", 2000, "samples of the run of TestBrowserLargeRun, which logs what it takes")

// largeFolder makes a run of so many samples, of about 1.3 kB each.
func largeFolder(t *testing.T, root string, samples int) string {
	t.Helper()
	const perQuestion = 8
	words := strings.Fields("so we add the first and second numbers then divide by what is left যোগ করি ตัวเลข 数を足す " +
		"que es igual al resto мы получаем ответ")
	random := rand.New(rand.NewPCG(3, 4))
	var all []eval.Sample
	for len(all) < samples {
		q := len(all) / perQuestion / len(allLanguages)
		for _, l := range allLanguages {
			for k := range perQuestion {
				var text strings.Builder
				for range 120 + random.IntN(120) {
					text.WriteString(words[random.IntN(len(words))] + " ")
				}
				fmt.Fprintf(&text, "needle%dx%dx%s", q, k, l)
				all = append(all, eval.Sample{ID: fmt.Sprint(q), Language: l, Sample: k,
					Prompt: fmt.Sprint("Question ", q, " ", l), Output: text.String(), Reference: "42",
					Extracted: fmt.Sprint(40 + k), Tokens: 200 + random.IntN(800),
					FinishReason: eval.FinishStop, Verdict: k == 2,
					Identified: eval.Identified{Lang: l, OffTarget: k == 7}})
			}
		}
	}
	dir := filepath.Join(root, "large")
	saying(t, dir, all[:samples])
	return dir
}

// TestBrowserLargeRun: a run of many samples is filtered and searched; -samples 100000 -v says how fast.
func TestBrowserLargeRun(t *testing.T) {
	root := t.TempDir()
	dir := largeFolder(t, root, *largeRun)
	started := time.Now()
	r, err := New(open(t, dir), Plan{})
	if err != nil {
		t.Fatal(err)
	}
	opened := time.Since(started)
	out := filepath.Join(root, "report")
	if err := r.Write(out); err != nil {
		t.Fatal(err)
	}
	written := time.Since(started) - opened
	size, files := int64(0), 0
	err = filepath.WalkDir(filepath.Join(out, "samples"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		size, files = size+info.Size(), files+1
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d samples: read in %v, reported in %v, %d files of %.1f MB", *largeRun, opened, written, files,
		float64(size)/1e6)
	b := newBrowser(t)
	b.look(1400, "light")
	started = time.Now()
	b.open(filepath.Join(out, "samples.html"), "")
	status, cards := shown(b)
	t.Logf("first samples after %v: %s", time.Since(started), status)
	if want := fmt.Sprintf("Samples 1 to 24 of %d.", *largeRun); status != want || len(cards) != 24 {
		t.Errorf("%q, %d samples", status, len(cards))
	}
	step := func(what, hash string) string {
		started := time.Now()
		b.eval(fmt.Sprintf(`window.turnBefore = turn; location.hash = %q`, hash))
		b.wait(`turn > turnBefore`)
		status, _ := shown(b)
		var heap struct{ UsedSize float64 }
		b.call("Runtime.getHeapUsage", nil, &heap)
		t.Logf("%s: %v, of which %.0f ms to filter; %s %.0f MB of JavaScript's memory", what,
			time.Since(started).Round(time.Millisecond), b.eval(`stele.filtered`), status, heap.UsedSize/1e6)
		return status
	}
	step("filtered", "language=bn&off=yes&verdict=wrong")
	step("sorted", "language=th&order=longest")
	if status := step("a page at the end", "from="+fmt.Sprint(*largeRun-10)); !strings.Contains(status,
		fmt.Sprintf("to %d of %d.", *largeRun, *largeRun)) {
		t.Errorf("the last samples: %q", status)
	}
	if status := step("searched", "find=needle1x5xsw"); !strings.HasPrefix(status, "Samples 1 to 1 of 1,") {
		t.Errorf("searched: %q", status)
	}
	step("a question", "benchmark=mgsm&question=7")
	b.sound()
}
