package eval

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval/evaltest"
)

// shards makes the parts of the test's run.
func shards(t *testing.T, of int) []string {
	t.Helper()
	root := t.TempDir()
	var dirs []string
	for i := 1; i <= of; i++ {
		dir := filepath.Join(root, fmt.Sprint(i))
		samples, err := RunShard(t.Context(), testSpec(), testQuestions(testSpec()), Shard{i, of},
			testDeps(&script{order: uint64(i)}), dir)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, samplesName))
		if err != nil || strings.Count(string(data), "\n") != samples {
			t.Fatalf("part %d: %d samples, %v", i, samples, err)
		}
		if _, err := os.Stat(filepath.Join(dir, resultsName)); err == nil {
			t.Fatalf("part %d has results of its own", i)
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

func TestMergeIsTheWhole(t *testing.T) {
	want := whole(t)
	for _, of := range []int{1, 2, 3, 7, 48, 50} { // of 48 questions
		dirs := shards(t, of)
		dirs[0], dirs[of-1] = dirs[of-1], dirs[0]
		out := t.TempDir()
		for range 2 { // a second time over the first
			if _, err := Merge(t.Context(), dirs, out); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, evaltest.Files(t, out)); diff != "" {
			t.Fatalf("%d parts (-want +got):\n%s", of, diff)
		}
		// The merged folder is a run that is done.
		g := &script{}
		if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(g), out); err != nil ||
			g.asked > 0 {
			t.Errorf("the merged run goes on with %d samples, %v", g.asked, err)
		}
	}
}

func TestMergeNamesWhatIsWrong(t *testing.T) {
	samples := func(dir string) string { return filepath.Join(dir, samplesName) }
	edit := func(t *testing.T, path string, change func([]string) []string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(change(strings.SplitAfter(string(data), "\n")), "")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, dirs []string) []string
		want   string
	}{
		"missing": {func(_ *testing.T, d []string) []string { return []string{d[1]} },
			"parts are missing: 1/3, 3/3"},
		"none": {func(*testing.T, []string) []string { return nil }, "no part to merge"},
		"twice": {func(_ *testing.T, d []string) []string { return append(d, d[1]) },
			"are both part 2/3"},
		"other number": {func(t *testing.T, d []string) []string { return append(d[:2], shards(t, 4)[2]) },
			"it is part 3/4"},
		"no run": {func(t *testing.T, d []string) []string { return append(d, t.TempDir()) },
			"holds no manifest.json"},
		"whole": {func(t *testing.T, d []string) []string {
			dir := t.TempDir()
			if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
				dir); err != nil {
				t.Fatal(err)
			}
			return append(d, dir)
		}, "is a whole run"},
		"other seed": {func(t *testing.T, d []string) []string {
			edit(t, filepath.Join(d[1], manifestName), func(lines []string) []string {
				return []string{strings.ReplaceAll(strings.Join(lines, ""), `"seed": 7`, `"seed": 8`)}
			})
			return d
		}, "is not of the same run as"},
		"no samples": {func(t *testing.T, d []string) []string {
			if err := os.Remove(samples(d[2])); err != nil {
				t.Fatal(err)
			}
			return d
		}, "part 3/3"},
		"not complete": {func(t *testing.T, d []string) []string {
			edit(t, samples(d[1]), func(lines []string) []string { return lines[:len(lines)-3] })
			return d
		}, "part 2/3"},
		"torn": {func(t *testing.T, d []string) []string {
			edit(t, samples(d[1]), func(lines []string) []string {
				n := len(lines) - 2
				lines[n] = lines[n][:10]
				return lines
			})
			return d
		}, "part 2/3"},
		"too many": {func(t *testing.T, d []string) []string {
			edit(t, samples(d[0]), func(lines []string) []string { return append(lines, lines[0]) })
			return d
		}, "part 1/3"},
		"in disorder": {func(t *testing.T, d []string) []string {
			edit(t, samples(d[0]), func(lines []string) []string {
				lines[0], lines[1] = lines[1], lines[0]
				return lines
			})
			return d
		}, "not those of the manifest"},
		"another answer": {func(t *testing.T, d []string) []string {
			edit(t, samples(d[0]), func(lines []string) []string {
				lines[0] = strings.Replace(lines[0], `"reference":"1"`, `"reference":"2"`, 1)
				return lines
			})
			return d
		}, "not those of the manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			_, err := Merge(t.Context(), c.change(t, shards(t, 3)), out)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("something was written")
			}
		})
	}
}

func TestParseShard(t *testing.T) {
	if s, err := ParseShard("3/8"); err != nil || s != (Shard{3, 8}) {
		t.Errorf("3/8 is %v, %v", s, err)
	}
	for _, text := range []string{"", "3", "0/3", "4/3", "-1/3", "a/b", "1/3/5", "1/", " 1/3"} {
		if s, err := ParseShard(text); err == nil {
			t.Errorf("%q is %v", text, s)
		}
	}
}
