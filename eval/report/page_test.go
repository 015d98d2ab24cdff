package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBrowserTables: tables are sorted by their heads, say where they are wider than the page, and their numbers
// are links to samples that are there.
func TestBrowserTables(t *testing.T) {
	out := pairOfFolders(t, few(2), few(3))
	b := newBrowser(t)
	b.look(1400, "light")
	b.open(filepath.Join(out, "report.html"), "")
	b.picture("pair-wide")
	cells := `[...document.querySelector("#table-1 tbody").rows].map((r) => r.cells[0].textContent)`
	press := func(name string) {
		b.eval(fmt.Sprintf(`[...document.querySelectorAll("#table-1 thead button")].find((e) =>
			e.textContent === %q).click()`, name))
	}
	before := b.strings(cells)
	press("model")
	up := b.strings(cells)
	press("model")
	down := b.strings(cells)
	press("model")
	slices.Reverse(down)
	if want := []string{"base", "trained"}; !slices.Equal(up, want) || !slices.Equal(down, want) ||
		!slices.Equal(b.strings(cells), before) {
		t.Errorf("sorted %v, down %v, and then %v", up, down, b.strings(cells))
	}
	links := b.strings(`[...new Set([...document.querySelectorAll("table a, .made a")].map((e) =>
		e.getAttribute("href")))]`)
	numbers := b.strings(`[...document.querySelectorAll("figure.table")].flatMap((f) => [...f.querySelectorAll(
		"td:not(.label)")].filter((c) => !c.querySelector("a") && !/^(–|None)?$/.test(c.textContent)).
		map((c) => f.id + ": " + c.textContent))`)
	if len(numbers) > 0 {
		t.Errorf("numbers that are no links: %q", numbers)
	}
	b.open(filepath.Join(out, "samples.html"), "")
	shown(b)
	var none []string
	for _, link := range links {
		n := b.eval(fmt.Sprintf(`find(new URLSearchParams(new URL(%q, location).hash.slice(1))).length`, link))
		// Where no sample is off target the number is 0 and its link shows none.
		if n == 0. && !strings.Contains(link, "off=") && !strings.Contains(link, "only") {
			none = append(none, link)
		}
	}
	if diff := cmp.Diff([]string(nil), none); diff != "" || len(links) < 20 {
		t.Errorf("%d links, and these are to no sample:\n%s", len(links), diff)
	}
	b.sound()
}
