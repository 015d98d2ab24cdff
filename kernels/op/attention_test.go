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
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// denseAttention is what Attention stands for, written plainly: all scores of all tokens of a pass at
// once, with GoMLX's own gradient. sees [M, M] is 1 where a token sees another, else 0.
func denseAttention(q, keys, values, sees *Node) *Node {
	g, d := q.Graph(), q.Shape().Dimensions
	M, H, E := d[0], d[1], d[2]
	heads := func(x *Node) *Node { // [M, K or H, E] to [H, M, E]
		x = TransposeAllAxes(x, 1, 0, 2)
		n := x.Shape().Dim(0)
		return Reshape(BroadcastToDims(Reshape(x, n, 1, M, E), n, H/n, M, E), H, M, E)
	}
	scores := MulScalar(batchDot(heads(q), 2, heads(keys), 2), inverseSqrt(E))
	visible := BroadcastToDims(Reshape(GreaterThan(sees, ScalarZero(g, dtypes.Float32)), 1, M, M), H, M, M)
	scores = Where(visible, scores, BroadcastToDims(Scalar(g, dtypes.Float32, hidden), H, M, M))
	return TransposeAllAxes(batchDot(Softmax(scores), 2, heads(values), 1), 1, 0, 2)
}

// attentionPass is a pass with the position of each token, and which token sees which.
type attentionPass struct {
	Sequences
	position []int32
	sees     []float32 // [M, M]
}

func (p attentionPass) tokens() int { return len(p.position) }

// packedPass has rows of sequences of random lengths, with padding at the end.
func packedPass(r *rand.Rand, B, T int) attentionPass {
	p := attentionPass{Sequences: Sequences{B: B, T: T}}
	M := B * T
	p.sees = make([]float32, M*M)
	for row := range B {
		for at := 0; at < T; {
			n := min(1+r.IntN(T), T-at)
			if r.IntN(4) == 0 {
				n = 1 // padding: a token that sees itself
			}
			for i := range n {
				p.position = append(p.position, int32(i))
				query := row*T + at + i
				for key := query - i; key <= query; key++ {
					p.sees[query*M+key] = 1
				}
			}
			at += n
		}
	}
	return p
}

// continuedPass has prompts of random lengths and rows that go on where they end, once or several times.
func continuedPass(r *rand.Rand, prompts, prompt, group, T int, several bool) attentionPass {
	p := attentionPass{
		Sequences: Sequences{B: prompts * group, T: T, Group: group, Prompt: prompt, Several: several},
	}
	M := prompts * (prompt + group*T)
	p.sees, p.position = make([]float32, M*M), make([]int32, M)
	for i := range prompts {
		length := 1 + r.IntN(prompt)
		for query := range prompt {
			if query < length {
				p.position[i*prompt+query] = int32(query)
			}
			for key := range query + 1 {
				p.sees[(i*prompt+query)*M+i*prompt+key] = 1
			}
		}
		for row := range group {
			first := prompts*prompt + (i*group+row)*T
			start := 0
			for query := range T {
				if several && r.IntN(8) == 0 {
					start = query
				}
				p.position[first+query] = int32(length + query - start)
				for key := range length {
					p.sees[(first+query)*M+i*prompt+key] = 1
				}
				for key := start; key <= query; key++ {
					p.sees[(first+query)*M+first+key] = 1
				}
			}
		}
	}
	return p
}

// TestAttention compares Attention and its gradients with the plain form, which the first device computes, for rows
// of one block and of several, with and without prompts, and with the layer computed again; with -short for the
// three passes that have blocks within and after everything else.
func TestAttention(t *testing.T) {
	const H, K, E = 4, 2, 8
	r := rand.New(rand.NewPCG(11, 12))
	const block = 32
	attentionBlock = block
	defer func() { attentionBlock = AttentionBlock }()
	passes := map[string]attentionPass{
		"packed":                 packedPass(r, 3, 24),
		"packed, blocks":         packedPass(r, 1, block+block/2+3),
		"continued":              continuedPass(r, 2, 12, 3, 9, false),
		"continued, group of 1":  continuedPass(r, 3, 7, 1, 16, false),
		"continued, long prompt": continuedPass(r, 1, 2*block+5, 2, 20, false),
		"continued, long rows":   continuedPass(r, 2, 30, 1, block+1, false),
		"continued, both":        continuedPass(r, 2, 3*block+7, 2, block+9, false),
		"several":                continuedPass(r, 2, 12, 3, 23, true),
		"several, blocks":        continuedPass(r, 2, block+7, 2, block+9, true),
	}
	devices := bothAttentions(kernelstest.Open(t))
	for name, pass := range passes {
		if testing.Short() && !slices.Contains([]string{"packed, blocks", "continued, both", "several, blocks"}, name) {
			continue
		}
		M := pass.tokens()
		q, k, v := random(r, M*H*E, 1), random(r, M*K*E, 1), random(r, M*K*E, 1)
		weight := random(r, M*H*E, 1)
		var want [4][]float32
		for i, d := range devices {
			run := func(what string, dtype dtypes.DType, attend func(in []*Node) *Node) [4][]float32 {
				f32 := dtypes.Float32
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
				want := 0
				if what != "dense" && d.HostAttention() == nil {
					want = 2
				}
				if p.HostAttentions() != want {
					t.Errorf("%s: %s: %d calls of host attention, want %d", d.Name, what, p.HostAttentions(), want)
				}
				out, err := p.Run([]backend.Buffer{
					upload(t, d, q, M, H, E), upload(t, d, k, M, K, E), upload(t, d, v, M, K, E),
					upload(t, d, weight, M, H, E), upload(t, d, pass.position, M), upload(t, d, pass.sees, M, M),
				})
				if err != nil {
					t.Fatal(err)
				}
				var all [4][]float32
				for i := range all {
					all[i] = floats(t, out[i])
				}
				return all
			}
			if i == 0 {
				want = run("dense", dtypes.Float32, func(in []*Node) *Node {
					return denseAttention(in[0], in[1], in[2], in[5])
				})
			}
			blocked := func(dtype dtypes.DType, remat bool) func(in []*Node) *Node {
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
			what := []string{"result", "gradient of q", "gradient of k", "gradient of v"}
			check := func(how string, got [4][]float32, tolerance float64) {
				for i := range got {
					near(t, fmt.Sprintf("%s, %s, %s: %s", d.Name, name, how, what[i]), got[i], want[i], tolerance)
				}
			}
			plain := run("blocked", dtypes.Float32, blocked(dtypes.Float32, false))
			check("float32", plain, 2e-5)
			again := run("blocked, again", dtypes.Float32, blocked(dtypes.Float32, true))
			for i := range again {
				if !slices.Equal(again[i], plain[i]) {
					near(t, fmt.Sprintf("%s, %s, computed again: %s", d.Name, name, what[i]), again[i], plain[i], 1e-6)
				}
			}
			if d.IsXLA() {
				check("bfloat16", run("blocked, bfloat16", dtypes.BFloat16, blocked(dtypes.BFloat16, false)), 0.1)
			}
		}
	}
}

// bothAttentions adds to devices with host attention themselves without it.
func bothAttentions(devices []*backend.Device) (all []*backend.Device) {
	for _, d := range devices {
		if all = append(all, d); d.HostAttention() == nil {
			all = append(all, d.WithoutHostCalls())
		}
	}
	return all
}

// TestAttentionMemory: at a fixed number of tokens what attention and its gradient take does not
// grow with the length of the rows, and the growth with the number of tokens is linear.
func TestAttentionMemory(t *testing.T) {
	const H, K, E = 4, 2, 64
	for _, d := range bothAttentions(kernelstest.Open(t)) {
		if !d.IsXLA() {
			continue // the Go backend frees what it has used, and plans nothing
		}
		temporary := func(s Sequences) int64 {
			f32, M := dtypes.Float32, s.Tokens()
			p, err := backend.Compile(d, "attention", []backend.Input{
				{Name: "q", Shape: shapes.Make(f32, M, H, E)}, {Name: "k", Shape: shapes.Make(f32, M, K, E)},
				{Name: "v", Shape: shapes.Make(f32, M, K, E)},
				{Name: "position", Shape: shapes.Make(dtypes.Int32, M)},
			}, func(in []*Node) []*Node {
				o := Attention(s, in[0], in[1], in[2], in[3], f32, false)
				return Gradient(ReduceAllSum(Mul(o, o)), in[0], in[1], in[2])
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			return p.Memory().Temporary
		}
		short := temporary(Sequences{B: 8, T: 512})
		for _, s := range []Sequences{
			{B: 4, T: 1024}, {B: 1, T: 4096}, {B: 1, T: 3072, Group: 1, Prompt: 1024},
			{B: 3, T: 1024, Group: 3, Prompt: 1024},
		} {
			if long := temporary(s); float64(long) > 1.15*float64(short) {
				t.Errorf("%s: %d bytes for %+v, %d for 8 rows of 512", d.Name, long, s, short)
			}
		}
	}
}
