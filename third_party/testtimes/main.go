// Command testtimes reads what go test -json prints and says it as go test does without: a line of each package, and
// of one that fails what its failed tests printed. At the end come the packages and the tests that took longest, for
// whoever has made them longer; a name of a file gets these, too.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

func main() {
	slowest, err := read(os.Stdin, os.Stdout)
	if err == nil && len(os.Args) > 1 {
		if err = os.MkdirAll(path.Dir(os.Args[1]), 0o755); err == nil {
			err = os.WriteFile(os.Args[1], []byte(slowest), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testtimes:", err)
		os.Exit(1)
	}
	fmt.Print(slowest)
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // seconds
}

// timed is a package or a test, and the seconds that it took.
type timed struct {
	name    string
	seconds float64
}

// said is what a test has printed, or, without a name, what its package has beside its tests.
type said struct {
	test string
	text strings.Builder
}

// read prints what go test would, and returns lines of what took longest.
func read(from io.Reader, to io.Writer) (slowest string, err error) {
	var packages, tests []timed
	open := map[string][]*said{} // by package
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return longest("packages", packages) + longest("tests", tests), nil
		}
		if err != nil && err != io.EOF {
			return "", err
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			fmt.Fprint(to, string(line)) // go test's own words, which are no event
			continue
		}
		of := func(s *said) bool { return s.test == e.Test }
		switch e.Action {
		case "build-output":
			fmt.Fprint(to, e.Output)
		case "output":
			i := slices.IndexFunc(open[e.Package], of)
			if i < 0 {
				i = len(open[e.Package])
				open[e.Package] = append(open[e.Package], &said{test: e.Test})
			}
			open[e.Package][i].text.WriteString(e.Output)
		case "pass", "skip", "fail":
			name := e.Package[strings.LastIndex(e.Package, "/")+1:]
			if parts := strings.SplitN(e.Package, "/", 4); len(parts) == 4 {
				name = parts[3] // below the module's path
			}
			switch {
			case e.Test != "" && !strings.Contains(e.Test, "/"):
				tests = append(tests, timed{name + " " + e.Test, e.Elapsed})
			case e.Test == "":
				packages = append(packages, timed{name, e.Elapsed})
			}
			switch {
			case e.Test != "" && e.Action != "fail":
				open[e.Package] = slices.DeleteFunc(open[e.Package], of)
			case e.Test == "" && e.Action == "fail":
				for _, s := range open[e.Package] {
					fmt.Fprint(to, s.text.String())
				}
				delete(open, e.Package)
			case e.Test == "":
				for _, s := range open[e.Package] {
					for text := range strings.Lines(s.text.String()) {
						if strings.HasPrefix(text, "ok ") || strings.HasPrefix(text, "? ") {
							fmt.Fprint(to, text)
						}
					}
				}
				delete(open, e.Package)
			}
		}
	}
}

// longest names the ten of all that took longest, on a line.
func longest(what string, all []timed) string {
	slices.SortStableFunc(all, func(a, b timed) int { return int(1000 * (b.seconds - a.seconds)) })
	var names []string
	for _, one := range all[:min(10, len(all))] {
		names = append(names, fmt.Sprintf("%s %.0f s", one.name, one.seconds))
	}
	return fmt.Sprintf("slowest %s: %s\n", what, strings.Join(names, ", "))
}
