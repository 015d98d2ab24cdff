package sampler

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestProgram: what a device draws is what Sampler draws, whatever the parameters, for
// several draws from a row, with ties, with a vocabulary that is no whole number of
// blocks; and logits that are not finite show. Where there is no GPU one that is described
// draws a few, if it can be compiled for.
func TestProgram(t *testing.T) {
	const described = "xla:cuda@sm_90"
	if d, err := backend.Open(described); err != nil {
		t.Logf("NO DRAW IS TESTED AS A GPU MAKES IT: %v", err)
	} else {
		t.Run(described+"/few", func(t *testing.T) { checkProgram(t, d, 1000, 12) })
	}
	for _, name := range kernelstest.Backends(t) {
		d, err := backend.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, V := range []int{50, 512, 1000} {
			t.Run(fmt.Sprintf("%s/%d", name, V), func(t *testing.T) { checkProgram(t, d, V, 60) })
		}
		if d.IsXLA() { // the Go backend takes long for Qwen's vocabulary
			t.Run(name+"/151936", func(t *testing.T) { checkProgram(t, d, 151936, 6) })
		}
	}
}

func checkProgram(t *testing.T, d *backend.Device, V, trials int) {
	const rows, draws = 4, 8
	r := rand.New(rand.NewPCG(3, uint64(V)))
	for _, shape := range []ProgramShape{
		{Rows: rows, Vocab: V, Draws: draws},
		{Rows: rows, Vocab: V, Draws: draws, Filtering: Filtering{Filters: true}},
		{Rows: rows, Vocab: V, Draws: draws, Filtering: Filtering{Filters: true, TopK: true}},
	} {
		p, err := CompileProgram(d, shape)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		missed, drawn := 0, 0
		for trial := range trials {
			logits := make([]float32, rows*V)
			for i := range logits {
				logits[i] = float32(r.NormFloat64() * []float64{0.3, 2, 8}[trial%3])
				if trial%4 == 0 { // ties
					logits[i] = float32(math.Round(float64(logits[i])*2) / 2)
				}
				if trial%5 == 0 && r.IntN(3) == 0 {
					logits[i] = float32(math.Inf(-1))
				}
			}
			asked := make([]Draw, 1+r.IntN(draws))
			for i := range asked {
				asked[i] = Draw{
					Row: r.IntN(rows),
					Key: Key{Seed: r.Uint64(), Prompt: r.Uint64(), Sample: uint32(i), Position: r.Uint32()},
				}
				asked[i].Params.Temperature = []float64{0, 0.6, 1, 1, 1.7}[r.IntN(5)]
				if shape.Filters && r.IntN(4) > 0 {
					asked[i].Params.TopP = []float64{0, 0.1, 0.5, 0.95, 0.95, 0.999, 1}[r.IntN(7)]
					asked[i].Params.MinP = []float64{0, 0, 0.01, 0.2, 1}[r.IntN(5)]
				}
				if shape.TopK && r.IntN(4) > 0 {
					asked[i].Params.TopK = []int{0, 1, 2, 20, 2000}[r.IntN(5)]
				}
			}
			buffer, err := backend.Upload(d, logits, rows, V)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Run(buffer, asked)
			if err != nil {
				t.Fatal(err)
			}
			backend.Free(buffer)
			var s Sampler
			for i, a := range asked {
				row := logits[a.Row*V : (a.Row+1)*V]
				want, logprob, err := s.Sample(row, a.Params, a.Key)
				if err != nil {
					t.Fatal(err)
				}
				drawn++
				token, p := Unpack(got, i)
				if token != want {
					missed++
					t.Errorf("trial %d, %+v: token %d, want %d", trial, a.Params, token, want)
				} else if math.Abs(float64(p-logprob)) > 1e-6*math.Max(1, math.Abs(float64(logprob))) {
					t.Errorf("trial %d, %+v: log-probability %g, want %g", trial, a.Params, p, logprob)
				}
			}
		}
		t.Logf("%+v: %d of %d draws differ", shape, missed, drawn)

		for _, bad := range []float64{math.NaN(), math.Inf(1)} {
			logits := make([]float32, rows*V)
			logits[V+7] = float32(bad)
			buffer, err := backend.Upload(d, logits, rows, V)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Run(buffer, []Draw{
				{Row: 0, Params: Params{Temperature: 1}}, {Row: 1, Params: Params{Temperature: 1}},
			})
			if err != nil {
				t.Fatal(err)
			}
			backend.Free(buffer)
			_, good := Unpack(got, 0)
			if _, broken := Unpack(got, 1); good != good || broken == broken {
				t.Errorf("a logit of %g: log-probabilities %g and %g, want a number and NaN",
					bad, good, broken)
			}
		}
	}
}
