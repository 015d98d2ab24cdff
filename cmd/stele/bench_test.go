package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stele-lm/stele/kernels/backend"
)

// TestBench: every form of the report holds the same tests, and its numbers fit
// together.
func TestBench(t *testing.T) {
	args := []string{"bench", "-p", "32", "-n", "4", "-d", "0,32", "-b", "1,3", "-r", "2", "--train=false",
		"-o"}
	tests := []string{"pp32", "tg4", "tg4@3", "pp32 d32", "tg4 d32", "tg4@3 d32"}
	out := map[string]string{}
	for _, format := range []string{"md", "csv", "json", "jsonl"} {
		var b bytes.Buffer
		c := newRootCommand()
		c.SetArgs(append(args, format))
		c.SetOut(&b)
		if err := c.Execute(); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		out[format] = b.String()
	}
	var rows []benchRow
	if err := json.Unmarshal([]byte(out["json"]), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(tests) {
		t.Fatalf("%d rows, expected %d", len(rows), len(tests))
	}
	for i, r := range rows {
		if r.Test != tests[i] {
			t.Errorf("row %d is %q, expected %q", i, r.Test, tests[i])
		}
		if r.Tokens <= 0 || len(r.SamplesTS) != 2 || r.Bandwidth <= 0 || r.PeakRSS < r.Size {
			t.Errorf("%s: %+v", r.Test, r)
		}
		if decodes := strings.HasPrefix(r.Test, "tg"); decodes != (r.Bytes > 0) || decodes != (r.Share > 0) {
			t.Errorf("%s reads %g bytes a token, share %g", r.Test, r.Bytes, r.Share)
		}
		if !strings.Contains(out["md"], "| "+r.Test+" ") {
			t.Errorf("md lacks %s:\n%s", r.Test, out["md"])
		}
	}
	// What is before the new token, and sequences that share the weights.
	if a, b := rows[1].Bytes, rows[4].Bytes; b <= a {
		t.Errorf("a token at depth 32 reads %g bytes, at depth 0 %g", b, a)
	}
	if a, b := rows[1].Bytes, rows[2].Bytes; b >= a {
		t.Errorf("a token of three sequences reads %g bytes, of one %g", b, a)
	}
	records, err := csv.NewReader(strings.NewReader(out["csv"])).ReadAll()
	if err != nil || len(records) != len(tests)+1 {
		t.Errorf("csv: %d records, %v", len(records), err)
	}
	if n := strings.Count(out["jsonl"], "\n"); n != len(tests) {
		t.Errorf("jsonl: %d lines, expected %d", n, len(tests))
	}
}

// TestBenchOffline: the recipe's lengths, scaled to one request.
func TestBenchOffline(t *testing.T) {
	var b bytes.Buffer
	c := newRootCommand()
	c.SetArgs([]string{"bench", "--offline", "--scale", "0.004", "--json"})
	c.SetOut(&b)
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	var rows []benchRow
	if err := json.Unmarshal(b.Bytes(), &rows); err != nil || len(rows) != 1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	r := rows[0]
	if r.Requests != 1 || r.InputTokens < 100 || r.InputTokens > 1024 || r.OutputTokens < 100 ||
		r.OutputTokens > 1024 {
		t.Errorf("%+v", r)
	}
	if _, _, err := stele(t, "bench", "--json", "-o", "csv"); err == nil || !strings.Contains(err.Error(), "-o csv") {
		t.Errorf("--json and -o csv: %v", err)
	}
}

// TestBenchCall: a whole call generates what it was asked for, and its seconds are those of its rate.
func TestBenchCall(t *testing.T) {
	var b bytes.Buffer
	c := newRootCommand()
	c.SetArgs([]string{"bench", "--call", "3x2x5@20,1x1x4@40", "-r", "2", "-o", "json"})
	c.SetOut(&b)
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	var rows []benchRow
	if err := json.Unmarshal(b.Bytes(), &rows); err != nil || len(rows) != 2 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for i, want := range []struct {
		test           string
		input, outputs int
	}{{"call 3x2x5@20", 60, 30}, {"call 1x1x4@40", 40, 4}} {
		r := rows[i]
		mean := float64(r.SamplesNS[0]+r.SamplesNS[1]) / 2e9
		if r.Test != want.test || r.InputTokens != want.input || r.OutputTokens != want.outputs ||
			math.Abs(r.Seconds-mean) > 0.01*mean {
			t.Errorf("%+v, expected %+v in %.4f s", r, want, mean)
		}
	}
}

// TestBenchTraining: a step and a pass with an adapter, of a prompt and a completion, in parts that add up.
func TestBenchTraining(t *testing.T) {
	if _, err := backend.PluginPath("cpu"); err != nil {
		t.Skipf("XLA's CPU plugin is not here: %v", err)
	}
	var b bytes.Buffer
	c := newRootCommand()
	c.SetArgs([]string{"bench", "-m", "builtin:nano", "--backend", "xla:cpu", "-p", "0", "-n", "0", "--step",
		"2x2x8@16", "--pass", "24@16", "--lora", "2", "--save=false", "--exact", "-r", "1", "-o", "json"})
	c.SetOut(&b)
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	var rows []benchRow
	if err := json.Unmarshal(b.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Test)
		if r.Tokens <= 0 || (r.MFU > 0) != (r.Test != "train rollout" && r.Test != "train step") {
			t.Errorf("%+v", r)
		}
	}
	if want := "train rollout, train score, train update, train step, train pass of 24 after 16"; strings.Join(names,
		", ") != want {
		t.Errorf("%q, want %q", names, want)
	}
}

// TestBenchDevices: several devices share the sequences of a test, each of which reads the weights for its own, and a
// step's passes.
func TestBenchDevices(t *testing.T) {
	if _, err := backend.PluginPath("cpu"); err != nil {
		t.Skipf("XLA's CPU plugin is not here: %v", err)
	}
	one, four := map[string]float64{}, map[string]float64{} // bytes read for a token of so many sequences
	for _, devices := range []string{"1", "2"} {
		out, _, err := stele(t, "bench", "-m", "builtin:nano", "--backend", "xla:cpu", "--kernels", "graph",
			"--devices", devices, "-p", "0", "-n", "2", "-b", "1,4", "-r", "1", "--step", "2x2x4@8", "--save=false",
			"-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		var rows []benchRow
		if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 6 {
			t.Fatalf("--devices %s: %d rows, want 6: %v", devices, len(rows), err)
		}
		for _, r := range rows {
			if fmt.Sprint(r.Devices) != devices || r.Tokens <= 0 {
				t.Errorf("--devices %s: %+v", devices, r)
			}
		}
		one[devices], four[devices] = rows[0].Bytes, rows[1].Bytes
	}
	weights := (one["1"] - four["1"]) / (1 - 1./4)
	if want := weights/2 + one["1"] - weights; one["2"] != one["1"] || math.Abs(four["2"]-want) > 1 {
		t.Errorf("on 2 devices a token reads %g bytes of one sequence and %g of four, want %g and %g", one["2"],
			four["2"], one["1"], want)
	}
}

func TestBenchUsage(t *testing.T) {
	for _, args := range [][]string{
		{"-r", "0"}, {"-p", "-1"}, {"-b", "0"}, {"-d", "-5"}, {"-o", "xml"}, {"--offline", "--scale", "0"},
		{"--scale", "nan"}, {"--lora", "-1"}, {"--lora", "4"}, {"--pass", "0"}, {"--pass", "12@0"}, {"--pass", "12@"},
		{"--pass", "12@8x"}, {"--pass", "x"}, {"--call", "8x8@256"},
		{"--call", "8x8x0@256"}, {"--call", "1x1x1@8x"}, {"--call", "1x1x1@8", "--offline"},
		{"--call", "1x1x1@8", "--pass", "12"}, {"--pass", "2000", "--step", "1x1x1@1"},
	} {
		c := newRootCommand()
		c.SetArgs(append([]string{"bench"}, args...))
		if err := c.Execute(); err == nil || !strings.Contains(err.Error(), "must be") &&
			!strings.Contains(err.Error(), "expected") && !strings.Contains(err.Error(), "give -p 0 -n 0") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
