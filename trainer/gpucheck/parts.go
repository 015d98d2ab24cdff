package gpucheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// sizes are what parts measure: llama-bench's numbers of tokens, and those of training steps.
type sizes struct {
	generate, depth, prefill, repeat int
	step, longStep, pass             string
	rank, batch                      int
	scale                            string // of the recipe's 256 requests
}

var (
	fullSizes = sizes{generate: 64, depth: 256, prefill: 2048, repeat: 3, step: "8x8x512@256",
		longStep: "1x8x4096@1024", pass: "4096@1024", rank: 16, batch: 256, scale: "1"}
	smallSizes = sizes{generate: 8, depth: 16, prefill: 64, repeat: 1, step: "2x2x8@16",
		longStep: "1x2x24@16", pass: "24@16", rank: 2, batch: 256, scale: "0.03"}
)

// batches are the sequences decoded together, the most important first.
var batches = []int{1, 256, 64, 16}

// machinePart is done in every call: it finds whether the others can be.
const machinePart = "machine"

// parts lists all, the most important first, with limits for a GPU's machine that holds nothing yet.
func parts(small bool) []part {
	s := fullSizes
	if small {
		s = smallSizes
	}
	return []part{
		{machinePart, 45 * time.Second, machine},
		{"limits", time.Minute, limits},
		{"goldens", 2 * time.Minute, child("goldens")},
		{"kernels", 100 * time.Second, child("kernels")},
		{"same tokens", 2 * time.Minute, sameTokens},
		{"resume after a kill", 100 * time.Second, resume},
		{"decode 0.5B", 2 * time.Minute, s.decode("0.5B")},
		{"decode 7B", 150 * time.Second, s.decode("7B")},
		{"transformers 0.5B", 75 * time.Second, s.transformers("0.5B")},
		{"transformers 7B", 100 * time.Second, s.transformers("7B")},
		{"queue 0.5B", 100 * time.Second, s.queue("0.5B")},
		{"prefill 7B", 100 * time.Second, s.prefillTwice("7B")},
		{"step 0.5B", 2 * time.Minute, s.trainStep("0.5B", s.step, 0)},
		{"LoRA pass 7B", 2 * time.Minute, s.trainPass("7B")},
		{"LoRA step 0.5B", 150 * time.Second, s.trainStep("0.5B", s.longStep, s.rank)},
		{"decode 1.5B", 2 * time.Minute, s.decode("1.5B")},
		{"transformers 1.5B", 75 * time.Second, s.transformers("1.5B")},
		{"prefill 0.5B", time.Minute, s.prefillTwice("0.5B")},
		{"step 1.5B", 150 * time.Second, s.trainStep("1.5B", s.step, 0)},
		{"vLLM 0.5B", 150 * time.Second, s.vLLM("0.5B")},
		{"vLLM 7B", 150 * time.Second, s.vLLM("7B")},
		{"queue 7B", 150 * time.Second, s.queue("7B")},
		{"LoRA step 7B", 5 * time.Minute, s.trainStep("7B", s.longStep, s.rank)},
	}
}

// machine finds what there is: the card, its driver, plugins, Python's packages.
func machine(ctx context.Context, c *check, t *task) error {
	facts := c.records.Machine // limits adds to it
	if facts == nil {
		facts = map[string]string{}
	}
	c.records.Machine, c.missing = facts, ""
	out, err := c.command(ctx, t, c.Stele, "doctor", "--json")
	if err != nil {
		return err
	}
	var doctor struct {
		Version  string `json:"version"`
		Cores    int    `json:"cores"`
		Kernels  string `json:"host_kernels"`
		Memory   int64  `json:"memory_total_bytes"`
		Backends []struct{ Name, Description, Error string }
	}
	if err := json.Unmarshal(out, &doctor); err != nil {
		return fmt.Errorf("stele doctor --json: %w", err)
	}
	facts["stele"] = doctor.Version
	facts["CPU"] = fmt.Sprintf("%d cores, %.0f GiB, host kernels %s", doctor.Cores, float64(doctor.Memory)/(1<<30),
		doctor.Kernels)
	for _, b := range doctor.Backends {
		if b.Name != c.Backend {
			continue
		}
		facts["backend"] = b.Name + ": " + b.Description
		if b.Error != "" {
			facts["backend"] = b.Name + ": " + b.Error
			c.missing = fmt.Sprintf("%s is not there: %s", b.Name, b.Error)
		}
	}
	const fields = "name,driver_version,memory.total,power.limit,clocks.max.sm,clocks.max.memory"
	if out, err := c.command(ctx, t, "nvidia-smi", "--query-gpu="+fields, "--format=csv,noheader"); err == nil {
		for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			values := strings.Split(line, ", ")
			for j, field := range strings.Split(fields, ",") {
				if j < len(values) && i == 0 {
					facts["card: "+field] = values[j]
				}
			}
		}
	} else {
		facts["card: name"] = "not known: nvidia-smi: " + err.Error()
	}
	const versions = `import importlib.metadata as m, json, sys
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return ""
print(json.dumps({"python": sys.version.split()[0], **{n: version(n) for n in ("torch", "transformers", "vllm")}}))`
	if out, err := c.command(ctx, t, c.Python, "-c", versions); err == nil {
		var found map[string]string
		if err := json.Unmarshal(out, &found); err != nil {
			return fmt.Errorf("%s: %w", c.Python, err)
		}
		for name, version := range found {
			facts[name] = version
		}
	} else {
		facts["python"] = ""
	}
	if c.missing != "" {
		return cannot{errors.New(c.missing)}
	}
	return nil
}

// Found is what a part finds that is a process of its own.
type Found struct {
	Figures []Figure          `json:"figures,omitempty"`
	Facts   map[string]string `json:"facts,omitempty"`
	// Faults are what is not as it has to be.
	Faults []string `json:"faults,omitempty"`
}

// find notes a figure, but one that is not finite, which JSON does not have: that is a fault.
func (f *Found) find(key, what string, value float64, unit string) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		f.fault("%s: %g", what, value)
		return
	}
	f.Figures = append(f.Figures, Figure{Key: key, What: what, Value: value, Unit: unit})
}

// fault notes a fault.
func (f *Found) fault(format string, args ...any) {
	f.Faults = append(f.Faults, fmt.Sprintf(format, args...))
}

// ask runs a part that is a subcommand of its own, with more in its environment.
func (c *check) ask(ctx context.Context, t *task, name string, environment ...string) (*Found, error) {
	e, err := c.with(ctx, t, environment, c.Stele, "gpu-check", name, "--backend", c.Backend, "--data", c.Data)
	var f Found
	if json.Unmarshal(e.stdout, &f) != nil {
		return &f, errors.Join(err, fmt.Errorf("gpu-check %s: no result", name))
	}
	for _, figure := range f.Figures {
		t.find(figure)
	}
	if err == nil && len(f.Faults) > 0 {
		err = errors.New(strings.Join(f.Faults, "; "))
	}
	return &f, err
}

func child(name string) func(context.Context, *check, *task) error {
	return func(ctx context.Context, c *check, t *task) error {
		_, err := c.ask(ctx, t, name)
		return err
	}
}

// limits measures what speeds are compared with.
func limits(ctx context.Context, c *check, t *task) error {
	f, err := c.ask(ctx, t, "limits")
	for name, fact := range f.Facts {
		c.records.Machine[name] = fact
	}
	return err
}

// sameTokens generates in several ways, and then has two processes generate that compile each for itself.
func sameTokens(ctx context.Context, c *check, t *task) error {
	if _, err := c.ask(ctx, t, "tokens"); err != nil {
		return err
	}
	const anew = "STELE_PROGRAMS=off" // neither takes what the other compiled
	var bits [2]string
	for i := range bits {
		f, err := c.ask(ctx, t, "bits", anew)
		if err != nil {
			return err
		}
		bits[i] = f.Facts["bits"]
	}
	same := 0.0
	if bits[0] == bits[1] {
		same = 1
	}
	t.find(Figure{Key: "same bits", What: "two processes that compile each for itself give the same bits: tokens and " +
		"log-probabilities", Value: same, Unit: "1 is yes"})
	if same == 0 {
		return fmt.Errorf("two processes gave other bits: %s and %s", bits[0], bits[1])
	}
	return nil
}

// model makes the folder of a shape, once.
func (c *check) model(ctx context.Context, t *task, shape string) (string, error) {
	dir := filepath.Join(c.Work, "qwen2.5-"+strings.ToLower(shape))
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
		return dir, nil
	}
	args := []string{c.Stele, "gpu-check", "weights", shape, dir}
	if path := c.tokenizer(); path != "" {
		args = append(args, "--tokenizer", path)
	}
	if c.Small {
		args = append(args, "--small")
	}
	_, err := c.command(ctx, t, args...)
	return dir, err
}

// row is a test of stele bench, as far as it is read.
type row struct {
	Test      string  `json:"test"`
	Tokens    float64 `json:"avg_ts"`
	SamplesNS []int64 `json:"samples_ns"`
	Share     float64 `json:"bandwidth_share"`
	MFU       float64 `json:"mfu"`
	Compile   float64 `json:"compile_s"`
}

func (r row) seconds() float64 {
	sum := int64(0)
	for _, ns := range r.SamplesNS {
		sum += ns
	}
	return float64(sum) / float64(max(len(r.SamplesNS), 1)) / 1e9
}

var (
	saidRow   = regexp.MustCompile(`(?m)^([^:\n]+): ([0-9.]+) tokens/s$`)
	testBatch = regexp.MustCompile(`^tg[0-9]+(?:@([0-9]+))?( |$)`)
)

// batch is that of a decode test, 0 of another.
func (r row) batch() int {
	m := testBatch.FindStringSubmatch(r.Test)
	switch {
	case m == nil:
		return 0
	case m[1] == "":
		return 1
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// bench runs stele bench on a shape. Of one that did not come to its end the rows are those that it had said.
func (c *check) bench(ctx context.Context, t *task, shape string, args ...string) (rows []row, err error) {
	dir, err := c.model(ctx, t, shape)
	if err != nil {
		return nil, err
	}
	args = append([]string{c.Stele, "bench", "-m", dir, "--backend", c.Backend, "--dtype", "bfloat16", "-o", "json"},
		args...)
	e, err := c.with(ctx, t, nil, args...)
	if err == nil {
		if err = json.Unmarshal(e.stdout, &rows); err != nil {
			err = fmt.Errorf("stele bench -o json: %w", err)
		}
		return rows, err
	}
	for _, m := range saidRow.FindAllStringSubmatch(e.said, -1) {
		rate, _ := strconv.ParseFloat(m[2], 64)
		rows = append(rows, row{Test: m[1], Tokens: rate})
	}
	return rows, err
}

// list is a flag's value of numbers.
func list(numbers []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ","), "[]")
}

func (s sizes) decode(shape string) func(context.Context, *check, *task) error {
	return func(ctx context.Context, c *check, t *task) error {
		rows, err := c.bench(ctx, t, shape, "--train=false", "-p", "0", "-n", strconv.Itoa(s.generate),
			"-d", strconv.Itoa(s.depth), "-b", list(batches), "-r", strconv.Itoa(s.repeat))
		for _, r := range rows {
			b := r.batch()
			t.find(Figure{Key: fmt.Sprintf("%s/decode/%d", shape, b), Value: r.Tokens, Unit: "tokens/s",
				What: fmt.Sprintf("%s, decoding %d together", shape, b)})
			if r.Share > 0 {
				t.find(Figure{Key: fmt.Sprintf("%s/share/%d", shape, b), Value: 100 * r.Share, Unit: "%",
					What: fmt.Sprintf("%s, decoding %d together, of the bandwidth limit", shape, b)})
			}
		}
		return err
	}
}

func (s sizes) queue(shape string) func(context.Context, *check, *task) error {
	return func(ctx context.Context, c *check, t *task) error {
		rows, err := c.bench(ctx, t, shape, "--offline", "-b", strconv.Itoa(s.batch), "--scale", s.scale)
		for _, r := range rows {
			t.find(Figure{Key: shape + "/queue", Value: r.Tokens, Unit: "tokens/s",
				What: shape + ", nano-vllm's recipe, " + r.Test})
		}
		return err
	}
}

// prefillTwice measures prefill as XLA likes it and as training has it.
func (s sizes) prefillTwice(shape string) func(context.Context, *check, *task) error {
	return func(ctx context.Context, c *check, t *task) error {
		for _, kind := range []struct{ name, what, flag string }{
			{"free", "kernels chosen by measuring", "--exact=false"},
			{"exact", "as training has it, which goes on exactly", "--exact"},
		} {
			rows, err := c.bench(ctx, t, shape, "--train=false", "-n", "0", "-p", strconv.Itoa(s.prefill), "-r", "5",
				kind.flag)
			for _, r := range rows {
				t.find(Figure{Key: shape + "/prefill/" + kind.name, Value: r.Tokens, Unit: "tokens/s",
					What: fmt.Sprintf("%s, prefill of %d tokens, %s", shape, s.prefill, kind.what)})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// trainStep measures a GRPO step in parts; with a rank an adapter is trained.
func (s sizes) trainStep(shape, step string, rank int) func(context.Context, *check, *task) error {
	return func(ctx context.Context, c *check, t *task) error {
		args := []string{"-p", "0", "-n", "0", "--step", step, "--save=false", "-r", "1"}
		kind, title := "step", fmt.Sprintf("%s, GRPO step %s", shape, step)
		if rank > 0 {
			args = append(args, "--lora", strconv.Itoa(rank))
			kind, title = "lora step", fmt.Sprintf("%s, LoRA step %s of rank %d", shape, step, rank)
		}
		rows, err := c.bench(ctx, t, shape, args...)
		for _, r := range rows {
			t.training(r, fmt.Sprintf("%s/%s/%s", shape, kind, strings.TrimPrefix(r.Test, "train ")),
				title+": "+strings.TrimPrefix(r.Test, "train "))
		}
		return err
	}
}

// trainPass measures an update on one long sequence.
func (s sizes) trainPass(shape string) func(context.Context, *check, *task) error {
	return func(ctx context.Context, c *check, t *task) error {
		rows, err := c.bench(ctx, t, shape, "-p", "0", "-n", "0", "--train=false", "--pass", s.pass,
			"--lora", strconv.Itoa(s.rank), "-r", strconv.Itoa(s.repeat))
		for _, r := range rows {
			t.training(r, shape+"/lora pass", fmt.Sprintf("%s, update of an adapter of rank %d on one sequence of %s",
				shape, s.rank, s.pass))
		}
		return err
	}
}

// training notes a row of a training step: seconds, tokens a second and MFU.
func (t *task) training(r row, key, what string) {
	if s := r.seconds(); s > 0 {
		t.find(Figure{Key: key + "/seconds", What: what, Value: s, Unit: "s"})
	}
	t.find(Figure{Key: key, What: what, Value: r.Tokens, Unit: "tokens/s"})
	if r.MFU > 0 {
		t.find(Figure{Key: key + "/mfu", What: what + ", MFU", Value: 100 * r.MFU, Unit: "%"})
	}
}
