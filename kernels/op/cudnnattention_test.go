package op

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
)

// TestCUDNNAttention compares attention by calls of cuDNN's, which are computed as they are meant, and its
// gradients with the plain form: a call for each prompt's and each row's own keys, one for those of prompts,
// and as many of the gradient.
func TestCUDNNAttention(t *testing.T) {
	const H, K, E = 4, 2, 8
	r := rand.New(rand.NewPCG(21, 22))
	passes := []struct {
		name string
		attentionPass
		calls int
	}{
		{"continued", continuedPass(r, 2, 12, 3, 9, false), 6},
		{"a group of one", continuedPass(r, 3, 7, 1, 16, false), 6},
		{"a long prompt", continuedPass(r, 1, 100, 2, 20, false), 6},
		{"several", continuedPass(r, 2, 12, 3, 23, true), 6},
		{"packed", packedPass(r, 3, 24), 2},
	}
	cpu, err := backend.Open("xla:cpu")
	if err != nil {
		t.Skipf("CUDNN'S ATTENTION IS NOT TESTED: %v", err)
	}
	t.Cleanup(cpu.Close)
	d, err := backend.Open("xla:cuda@sm_90")
	if err != nil {
		t.Skipf("CUDNN'S ATTENTION IS NOT TESTED: %v", err)
	}
	t.Cleanup(d.Close)
	for _, pass := range passes {
		M := pass.tokens()
		f32 := dtypes.Float32
		q, k, v := random(r, M*H*E, 1), random(r, M*K*E, 1), random(r, M*K*E, 1)
		weight := random(r, M*H*E, 1)
		for _, x := range [][]float32{q, k, v, weight} {
			backend.RoundBFloat16(x)
		}
		run := func(d *backend.Device, what string, calls int, attend func(in []*Node) *Node) (all [4][]float32) {
			p, err := backend.Compile(d, what, []backend.Input{
				{Name: "q", Shape: shapes.Make(f32, M, H, E)}, {Name: "k", Shape: shapes.Make(f32, M, K, E)},
				{Name: "v", Shape: shapes.Make(f32, M, K, E)}, {Name: "weight", Shape: shapes.Make(f32, M, H, E)},
				{Name: "position", Shape: shapes.Make(dtypes.Int32, M)},
				{Name: "sees", Shape: shapes.Make(f32, M, M)},
			}, func(in []*Node) []*Node {
				o := attend(in)
				return append([]*Node{o}, Gradient(ReduceAllSum(Mul(o, in[3])), in[0], in[1], in[2])...)
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if p.CUDNNCalls() != calls {
				t.Errorf("%s, %s: %d calls of cuDNN's, want %d", pass.name, what, p.CUDNNCalls(), calls)
			}
			out, err := p.Run([]backend.Buffer{
				upload(t, d, q, M, H, E), upload(t, d, k, M, K, E), upload(t, d, v, M, K, E),
				upload(t, d, weight, M, H, E), upload(t, d, pass.position, M), upload(t, d, pass.sees, M, M),
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range all {
				all[i] = floats(t, out[i])
			}
			return all
		}
		attention := func(dtype dtypes.DType, remat bool) func(in []*Node) *Node {
			return func(in []*Node) *Node {
				q, k, v := in[0], in[1], in[2]
				if remat { // as a layer is: what is computed again must not be the inputs alone
					twice := func(x *Node) *Node { return MulScalar(MulScalar(x.Checkpoint(), 2), 0.5) }
					q, k, v = twice(q), twice(k), twice(v)
				}
				o := Attention(pass.Sequences, q, k, v, in[4], dtype, remat)
				if remat {
					o = o.StopCheckpoint()
				}
				return o
			}
		}
		want := run(cpu, "dense", 0, func(in []*Node) *Node { return denseAttention(in[0], in[1], in[2], in[5]) })
		got := run(d, "bfloat16", pass.calls, attention(dtypes.BFloat16, false))
		again := run(d, "computed again", pass.calls, attention(dtypes.BFloat16, true))
		for i, what := range []string{"result", "gradient of q", "gradient of k", "gradient of v"} {
			near(t, fmt.Sprintf("%s: %s", pass.name, what), got[i], want[i], 0.03)
			if !slices.Equal(got[i], again[i]) {
				t.Errorf("%s: the %s is another where layers are computed again", pass.name, what)
			}
		}
	}
}

// TestCUDNNOff: blocks compute attention where the setting says so, heads that cuDNN does not take, and long rows
// of several sequences.
func TestCUDNNOff(t *testing.T) {
	d, err := backend.Open("xla:cuda@sm_90")
	if err != nil {
		t.Skipf("CUDNN'S ATTENTION IS NOT TESTED: %v", err)
	}
	defer d.Close()
	calls := func(s Sequences, E int, dtype dtypes.DType) int {
		p, err := backend.Compile(d, "attention", []backend.Input{
			{Name: "x", Shape: shapes.Make(dtypes.Float32, s.Tokens(), 2, E)},
			{Name: "position", Shape: shapes.Make(dtypes.Int32, s.Tokens())},
		}, func(in []*Node) []*Node {
			return []*Node{Attention(s, in[0], in[0], in[0], in[1], dtype, false)}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		return p.CUDNNCalls()
	}
	rows := Sequences{B: 2, T: 16, Group: 2, Prompt: 8}
	for E, want := range map[int]int{64: 3, 128: 3, 20: 0, 136: 0, 256: 0} {
		if got := calls(rows, E, dtypes.BFloat16); got != want {
			t.Errorf("%d calls of cuDNN's for heads of %d, want %d", got, E, want)
		}
	}
	if got := calls(rows, 64, dtypes.Float32); got != 0 {
		t.Errorf("%d calls of cuDNN's in float32", got)
	}
	long := Sequences{B: 1, T: LongestBiased + 8, Group: 1, Prompt: 8}
	if got := calls(long, 64, dtypes.BFloat16); got != 3 {
		t.Errorf("%d calls of cuDNN's for a long row, want 3", got)
	}
	if long.Several = true; CUDNNTakes(long, 2, 2, 64, dtypes.BFloat16) {
		t.Error("a long row of several sequences is cuDNN's")
	}
	t.Setenv(backend.CUDNNSetting, "off")
	if got := calls(rows, 64, dtypes.BFloat16); got != 0 {
		t.Errorf("%d calls of cuDNN's with %s=off", got, backend.CUDNNSetting)
	}
}
