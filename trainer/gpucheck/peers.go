package gpucheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// needs reports which of Python's packages are missing.
func (c *check) needs(packages ...string) error {
	var missing []string
	for _, p := range packages {
		if c.records.Machine[p] == "" {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		return cannot{fmt.Errorf("%s has no %s: --python names another interpreter", c.Python,
			strings.Join(missing, " and no "))}
	}
	return nil
}

// peer runs a script of third_party/peers that prints a line a test.
func (s sizes) peer(ctx context.Context, c *check, t *task, name, script, shape string, more ...string) error {
	dir, err := c.model(ctx, t, shape)
	if err != nil {
		return err
	}
	var tests []string
	for _, b := range batches {
		test := fmt.Sprintf("tg%d", s.generate)
		if b > 1 {
			test += fmt.Sprintf("@%d", b)
		}
		tests = append(tests, fmt.Sprintf("%s d%d", test, s.depth))
	}
	args := append([]string{c.Python, filepath.Join(c.Data, "peers", script), "--model", dir, "--dtype", "bfloat16",
		"--tests", strings.Join(tests, ",")}, more...)
	e, err := c.with(ctx, t, []string{"HF_HUB_OFFLINE=1", "PYTHONUNBUFFERED=1"}, args...)
	found := 0
	for line := range bytes.Lines(e.stdout) {
		var r struct {
			Test    string
			Tokens  float64
			Seconds []float64
			Cache   string
		}
		if json.Unmarshal(line, &r) != nil || len(r.Seconds) == 0 {
			continue
		}
		sum := 0.0
		for _, seconds := range r.Seconds {
			sum += seconds
		}
		what := fmt.Sprintf("%s, %s, decoding %d together", shape, name, row{Test: r.Test}.batch())
		if r.Cache != "" {
			what += ", cache " + r.Cache
		}
		t.find(Figure{Key: fmt.Sprintf("%s/%s/%d", shape, name, row{Test: r.Test}.batch()), What: what,
			Value: r.Tokens * float64(len(r.Seconds)) / sum, Unit: "tokens/s"})
		found++
	}
	if err == nil && found < len(tests) {
		err = errors.New("it ended before all tests were measured")
	}
	return err
}

func (s sizes) transformers(shape string) func(context.Context, *check, *task) error {
	return func(ctx context.Context, c *check, t *task) error {
		if err := c.needs("torch", "transformers"); err != nil {
			return err
		}
		device := "cpu"
		if strings.Contains(c.Backend, "cuda") {
			device = "cuda"
		}
		return s.peer(ctx, c, t, "transformers", "transformers_peer.py", shape, "--device", device, "-r", "1")
	}
}

func (s sizes) vLLM(shape string) func(context.Context, *check, *task) error {
	return func(ctx context.Context, c *check, t *task) error {
		if err := c.needs("vllm"); err != nil {
			return err
		}
		return s.peer(ctx, c, t, "vLLM", "vllm_peer.py", shape)
	}
}
