package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/kernels/kernelstest"
)

// compiledLine is how a study says at its end what it compiled.
var compiledLine = regexp.MustCompile(`(\d+) programs compiled, and used again (\d+) times`)

// TestStudyWorkers: what a study leaves does not depend on how many jobs are done beside each
// other. Seeds of an arm have the same programs, which are compiled once.
func TestStudyWorkers(t *testing.T) {
	root := t.TempDir()
	file := writeStudy(t, root, "study.yaml", "seeds: [1]", "seeds: [1, 2]")
	one := writeStudy(t, root, "one.yaml", "- {name: en, model: warm, languages: [en]}",
		"- {name: en, model: warm, languages: [en], seeds: [1]}") // and one seed of warm
	for _, name := range kernelstest.Backends(t) {
		t.Run(name, func(t *testing.T) {
			run := func(file, out, workers string) (files map[string]string, compiled, reused int) {
				var log bytes.Buffer
				out = filepath.Join(root, strings.ReplaceAll(name, ":", "-"), out)
				if err := program(&log, "study", file, "--backend", name, "--out", out, "--workers",
					workers).Run(); err != nil {
					t.Fatalf("%v\n%s", err, log.String())
				}
				said := compiledLine.FindStringSubmatch(log.String())
				if said == nil || !strings.Contains(log.String(), "of cores × wall time") {
					t.Fatal(log.String())
				}
				if beside := strings.Contains(log.String(), "train/en.1: step 3/3"); beside != (workers != "1") {
					t.Errorf("%s workers: lines have the name of a job: %v\n%s", workers, beside, log.String())
				}
				compiled, _ = strconv.Atoi(said[1])
				reused, _ = strconv.Atoi(said[2])
				return studyFiles(t, out), compiled, reused
			}
			want, compiled, reused := run(file, "1", "1")
			for _, workers := range []string{"3"} {
				got, c, r := run(file, workers, workers)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s workers (-want +got):\n%.4000s", workers, diff)
				}
				if c != compiled || r != reused {
					t.Errorf("%s workers: %d programs compiled, %d reused, want %d and %d", workers, c, r,
						compiled, reused)
				}
			}
			if name == "go" {
				return // it compiles nothing
			}
			few, single, _ := run(one, "one", "1")
			if len(few) >= len(want) || reused == 0 || compiled > single+6 { // rollouts differ in their shapes
				t.Errorf("%d programs compiled for two seeds, %d for one; %d reused", compiled, single, reused)
			}
		})
	}
}

// TestStudyMoved: a study that was stopped in an arm that starts from another goes on under
// another path, and gives the same.
func TestStudyMoved(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	file := writeStudy(t, root, "study.yaml", "- {name: en, model: warm, languages: [en]}",
		"- {name: en, model: warm, languages: [en], steps: 20}\n"+
			"- {name: te, model: warm, languages: [te], steps: 20, loss: {beta: 0.01}}")
	place := at("place-0")
	for i, arm := range []string{"en.1", "te.1"} {
		var log bytes.Buffer
		c := start(t, program(&log, "study", file, "--backend", "go", "--out", place))
		begun := func() bool {
			found, _ := filepath.Glob(filepath.Join(place, "train", arm, "checkpoints", "step-*"))
			return len(found) > 0
		}
		if err := c.interrupt(begun, 0, syscall.SIGTERM); err == nil {
			t.Fatalf("%s was over first\n%s", arm, log.String())
		}
		if said := log.String(); strings.Contains(said, "stele train") ||
			!strings.Contains(said, "stopped at train/"+arm+": the same command continues from there") {
			t.Errorf("it does not say how to go on with the study:\n%s", said)
		}
		moved := at(fmt.Sprintf("place-%d", i+1))
		if err := os.Rename(place, moved); err != nil {
			t.Fatal(err)
		}
		place = moved
	}
	must0(t, "study", file, "--backend", "go", "--out", place)
	got := studyFiles(t, place)
	if err := os.RemoveAll(place); err != nil {
		t.Fatal(err)
	}
	must0(t, "study", file, "--backend", "go", "--out", place)
	want := studyFiles(t, place)
	for _, files := range []map[string]string{want, got} { // what was done elsewhere says so
		for name, text := range files {
			for _, dir := range []string{at("place-0"), at("place-1")} {
				text = strings.ReplaceAll(text, dir, "STUDY")
			}
			files[name] = text
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("moved (-want +got):\n%.4000s", diff)
	}
}
