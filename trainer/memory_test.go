package trainer

import (
	"bytes"
	"context"
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
