package trainer

import (
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stele-lm/stele/trainer/logger"
)

// TestLoggers: the files of a run that was killed, and went on with more loggers than it began with, have each step
// once, as metrics.jsonl has it.
func TestLoggers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := tinyRun(t, 2)
	c.Loggers = []string{"mlflow"}
	mustRun(t, c, dir, Options{})
	for _, path := range []string{"checkpoints/step-2", "rollouts/step-2.jsonl"} { // as if it had been killed before
		if err := os.RemoveAll(filepath.Join(dir, path)); err != nil {
			t.Fatal(err)
		}
	}
	c.Steps = 3
	if err := c.AddLoggers(logger.Names()...); err != nil {
		t.Fatal(err)
	}
	mustRun(t, c, dir, Options{Resume: true})
	metrics, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil || len(metrics) != 3 {
		t.Fatalf("%d steps, %v", len(metrics), err)
	}

	f, err := os.Open(filepath.Join(dir, "trackio", "metrics.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil || len(table) != 4 {
		t.Fatalf("%d lines, %v", len(table), err)
	}
	for i, m := range metrics {
		want := map[string]float64{}
		for name, x := range m {
			if !math.IsNaN(x) {
				want[name] = x
			}
		}
		got := map[string]float64{}
		for j, cell := range table[i+1] {
			if name := table[0][j]; cell != "" && name != "timestamp" {
				got[name], _ = strconv.ParseFloat(cell, 64)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("step %d: trackio has %v, want %v", i+1, got, want)
		}
	}

	files, err := filepath.Glob(filepath.Join(dir, "mlruns", "*", "*", "metrics", "reward", "all"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q, %v: want one run", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	var before int64
	for i, line := range lines {
		var at int64
		var step int
		var x float64
		if _, err := fmt.Sscan(line, &at, &x, &step); err != nil || step != i+1 || x != metrics[i]["reward"] ||
			at < before {
			t.Errorf("line %q after %d: %v", line, before, err)
		}
		before = at
	}
	if len(lines) != 3 {
		t.Errorf("%d lines", len(lines))
	}
	for _, pattern := range []string{
		"events.out.tfevents.*", "wandb/offline-run-*/run-*.wandb", "mlruns/*/*/meta.yaml",
	} {
		if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) != 1 {
			t.Errorf("%s: %q, want one", pattern, found)
		}
	}
	if m, err := readManifest(filepath.Join(dir, "manifest.json")); err != nil || len(m.Config.Loggers) != 4 {
		t.Errorf("the manifest names %q, %v", m.Config.Loggers, err)
	}
}
