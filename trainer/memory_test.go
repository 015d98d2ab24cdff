package trainer

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlan: the plan of a run counts what the run would have.
func TestPlan(t *testing.T) {
	c := tinyRun(t, 4)
	options := Options{Backend: "go", DType: "float32"}
	p, err := Check(context.Background(), c, "", options)
	if err != nil {
		t.Fatal(err)
	}
	if p.Problems["en"][1] != 86 || p.Problems["sw"][1] != 86 || p.Prompts != 172 || p.Sequences != 12 ||
		p.Updates != 8 || p.Memory.Total == 0 {
		t.Errorf("%+v", p)
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"level 1", "sw       86        86", "steps       4 of 12 rollouts",
		"gradients", "total"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, out.String())
		}
	}
	c.Data.Count = 1000
	if _, err := Check(context.Background(), c, "", options); err == nil ||
		!strings.Contains(err.Error(), "86 that fit") {
		t.Errorf("%v", err)
	}
}

// TestMemoryAuto: a run that does not fit is refused; with memory: auto it chooses settings with
// which it does, tries its longest pass, and goes on with these settings whatever is free then; its
// weights are those of a run that was given the settings and all the memory it wants.
func TestMemoryAuto(t *testing.T) {
	c := tinyRun(t, 2)
	c.Update.MicroTokens = 1024
	options := Options{Backend: "go", DType: "float32"}
	p, err := Check(context.Background(), c, "", options)
	if err != nil {
		t.Fatal(err)
	}
	options.Memory = p.Memory.Total - 1
	if _, err := Check(context.Background(), c, "", options); err == nil ||
		!strings.Contains(err.Error(), "update.remat=true") {
		t.Errorf("a run that does not fit: %v", err)
	}
	short := c
	short.Memory, short.Steps = MemoryAuto, 1
	var said bytes.Buffer
	options.Say = &said
	dir := filepath.Join(t.TempDir(), "auto")
	if err := Run(context.Background(), short, dir, options); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"memory: auto chose update.remat=true", "the longest gradient pass that there may be",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the run does not say %q:\n%s", want, said.String())
		}
	}
	m, err := readManifest(filepath.Join(dir, "manifest.json"))
	if err != nil || !m.Config.Update.Remat {
		t.Fatalf("the manifest has update.remat %v, %v", m.Config.Update.Remat, err)
	}
	long := short
	long.Steps, options.Resume, options.Memory = 2, true, 1<<40
	if err := Run(context.Background(), long, dir, options); err != nil {
		t.Fatal(err)
	}
	given := c
	given.Update.Remat = true
	twin := filepath.Join(t.TempDir(), "given")
	mustRun(t, given, twin, Options{})
	read := func(dir string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, "checkpoints", "step-2", "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if !bytes.Equal(read(dir), read(twin)) {
		t.Error("other weights than those of a run with the settings given")
	}
	c.Memory = "much"
	if _, err := Check(context.Background(), c, "", options); err == nil || !strings.Contains(err.Error(), `"much"`) {
		t.Errorf("%v", err)
	}
}
