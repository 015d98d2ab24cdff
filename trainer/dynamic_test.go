package trainer

import (
	"path/filepath"
	"testing"
)

// TestDynamicSampling: groups without contrast are left out and replaced; the
// bound holds; what was left out is still in the record.
func TestDynamicSampling(t *testing.T) {
	c := richRun(t, 2)
	c.Rollout.MaxGenBatches = 3
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, c, dir, Options{})
	metrics, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics {
		if m["train/num_gen_batches"] > 3 || m["train/kept_groups"] > 3 ||
			m["train/num_gen_batches"] < 3 && m["train/kept_groups"] < 3 {
			t.Errorf("%v", m)
		}
		if m["frac_reward_zero_std"] > 0 && m["train/num_gen_batches"] == 1 && m["train/kept_groups"] == 3 {
			t.Errorf("a group without contrast was kept: %v", m)
		}
	}
	group := func(rewards ...float64) []*rollout {
		var all []*rollout
		for _, x := range rewards {
			o := &rollout{}
			o.score.Total = x
			o.score.Accuracy = float64(int(x))
			all = append(all, o)
		}
		return all
	}
	for _, c := range []struct {
		group []*rollout
		by    string
		want  bool
	}{
		{group(1, 1), FilterByReward, false}, {group(1, 0.9), FilterByReward, true},
		{group(0.2, 0.9), FilterByAccuracy, false}, {group(1, 0.9), FilterByAccuracy, true},
	} {
		if got := contrast(c.group, c.by); got != c.want {
			t.Errorf("contrast by %s is %v, want %v", c.by, got, c.want)
		}
	}
	// missing, kept, all, most, want
	for _, c := range [][5]int{{2, 0, 8, 8, 8}, {2, 4, 8, 8, 4}, {1, 7, 8, 8, 2}, {6, 2, 8, 8, 8}} {
		if got := refill(c[0], c[1], c[2], c[3]); got != c[4] {
			t.Errorf("refill%v is %d", c, got)
		}
	}
}
