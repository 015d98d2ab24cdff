package cudacheck

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/cudnn"
)

var (
	ptxEntry  = regexp.MustCompile(`\.entry\s+([\w$.]+)`)
	ptxAtomic = regexp.MustCompile(
		`^\s*(?:@!?%\w+\s+)?((?:atom|red)\.(?:\w+\.)*(?:add|min|max|cas|exch|inc|dec|and|or|xor)\b[\w.:]*)`)
)

// atomics lists the instructions of PTX that change memory which other threads may change at the same time, by
// their kernel.
func atomics(ptx string) (all []string) {
	kernel := ""
	for line := range strings.Lines(ptx) {
		if m := ptxEntry.FindStringSubmatch(line); m != nil {
			kernel = m[1]
		}
		if m := ptxAtomic.FindStringSubmatch(line); m != nil {
			if found := "kernel " + kernel + " has " + m[1]; !slices.Contains(all, found) {
				all = append(all, found)
			}
		}
	}
	return all
}

// unorderedOps lists the operations of a module whose result depends on an order that nobody keeps: scatters to
// places that may repeat, and random numbers of the device's state.
func unorderedOps(hlo string) (all []string) {
	for line := range strings.Lines(hlo) {
		o := operationLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if o == nil {
			continue
		}
		_, rest := splitShape(o[2])
		kind, rest, _ := strings.Cut(rest, "(")
		switch {
		case kind == "scatter" && !strings.Contains(rest, "unique_indices=true"),
			kind == "select-and-scatter", kind == "rng", kind == "rng-get-and-update-state":
			all = append(all, o[1]+" is a "+kind)
		}
	}
	return all
}

// unorderedCalls counts the gradients of cuDNN's attention in a module that XLA has not asked to keep an order, which
// is said where cuDNN has planned them.
func unorderedCalls(hlo string) (n int) {
	for line := range strings.Lines(hlo) {
		for _, targets := range cudnn.Targets {
			if strings.Contains(line, `custom_call_target="`+targets[1]+`"`) &&
				!strings.Contains(line, `"force_deterministic":true`) {
				n++
			}
		}
	}
	return n
}

// TestUnordered: what is looked for is found.
func TestUnordered(t *testing.T) {
	const ptx = `.visible .entry wrapped_scatter(
	.param .u64 .ptr .align 128 wrapped_scatter_param_0
)
{
	@%p1 bra 	$L__BB0_2;
	red.global.add.f32 	[%rd11], %f1;
	@%p2 atom.global.cas.b32 %r1, [%rd1], %r2, %r3;
}
.visible .entry loop_fusion()
{
	redux.sync.add.s32 %r1, %r2, 0xffffffff;
	ld.global.f32 %f1, [%rd1];
	mov.b32 %reduced, 1;
}
.visible .entry other()
{
	atom.acquire.gpu.global.exch.b32 %r1, [%rd1], 0;
	atom.global.add.noftz.bf16x2 %r1, [%rd1], %r2;
}
`
	want := []string{"kernel wrapped_scatter has red.global.add.f32", "kernel wrapped_scatter has atom.global.cas.b32",
		"kernel other has atom.acquire.gpu.global.exch.b32", "kernel other has atom.global.add.noftz.bf16x2"}
	if got := atomics(ptx); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	const hlo = `HloModule m
%f (a: f32[4], b: s32[2,1], c: f32[2]) -> f32[4] {
  %s.1 = f32[4]{0} scatter(%a, %b, %c), update_window_dims={}, to_apply=%add
  %s.2 = f32[4]{0} scatter(%a, %b, %c), update_window_dims={}, unique_indices=true, to_apply=%add
  ROOT %r = u32[4]{0} rng-bit-generator(%b), algorithm=rng_three_fry
}
ENTRY %main (a: f32[4]) -> f32[4] {
  %s.3 = (f32[4]{0}, f32[4]{0}) scatter(%a, %a, %b, %c, %c), to_apply=%add
  ROOT %scatter.9 = f32[4]{0} fusion(%s.3), kind=kLoop, calls=%f
}
`
	if got, want := unorderedOps(hlo), []string{"s.1 is a scatter", "s.3 is a scatter"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestExactPrograms: compiled as training has it, programs of each kind add nothing in the order of threads, and come
// to the same machine code each time: XLA measures nothing then. The gradient of a bare gather does add so, which
// shows that it would be found.
func TestExactPrograms(t *testing.T) {
	d, err := backend.Open("xla:cuda@" + standardGPU + ",exact")
	if err != nil {
		t.Skipf("NO PROGRAM IS COMPILED FOR CUDA: %v", err)
	}
	if err := d.DumpTo(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	compile := func(t *testing.T, p program) (report, string) {
		t.Helper()
		compiled, err := p.compile()
		if err != nil {
			t.Fatal(err)
		}
		defer compiled.Close()
		defer os.RemoveAll(compiled.Dump())
		r, err := readReport(compiled)
		if err != nil {
			t.Fatal(err)
		}
		// Kernels come in the order in which threads have compiled them.
		files, err := filepath.Glob(filepath.Join(compiled.Dump(), "*.ptx"))
		if err != nil {
			t.Fatal(err)
		}
		var kernels []string
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			kernels = append(kernels, string(text))
		}
		slices.Sort(kernels)
		return r, strings.Join(kernels, "")
	}
	bare, _ := compile(t, program{compile: func() (*backend.Program, error) {
		return backend.Compile(d, "bare gather", []backend.Input{
			{Name: "table", Shape: shapes.Make(dtypes.Float32, 512, 64)},
			{Name: "index", Shape: shapes.Make(dtypes.Int32, 256, 1)},
		}, func(in []*graph.Node) []*graph.Node {
			return graph.Gradient(graph.ReduceAllSum(graph.Square(graph.Gather(in[0], in[1]))), in[0])
		})
	}})
	if len(bare.unordered) == 0 {
		t.Errorf("the gradient of a gather: nothing unordered is found in %+v", bare)
	}
	short := tiny()[0]
	config := *short.config
	config.NumLayers = 1
	short.name, short.config, short.prompt, short.longest, short.micro = "one layer", &config, 32, 96, 192
	subjects := []subject{short}
	if *which != "" {
		subjects = tiny()
	}
	for _, s := range subjects {
		for _, p := range s.programs(d) {
			if *which == "" && !slices.Contains(fewExact, p.name) {
				continue
			}
			t.Run(s.name+"/"+p.name, func(t *testing.T) {
				first, code := compile(t, p)
				for _, why := range first.unordered {
					t.Errorf("the same program may give other bits: %s", why)
				}
				again, same := compile(t, p)
				if fmt.Sprint(first) != fmt.Sprint(again) {
					t.Errorf("compiled again it is %+v, was %+v", again, first)
				}
				if code != same {
					t.Error("compiled again its kernels are others")
				}
			})
		}
	}
}

// fewExact are the programs that TestExactPrograms compiles when nothing is asked for.
var fewExact = []string{"decode 1", "score group"}
