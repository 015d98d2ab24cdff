package backend

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/cudnn"
)

// TestTryCUDNN: the calls that are tried on a GPU compile for described ones, and are computed as they are
// meant where these programs run; other devices have none.
func TestTryCUDNN(t *testing.T) {
	cpu, err := Open("xla:cpu")
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	if err := cpu.CUDNN(); err == nil {
		t.Error("xla:cpu has cuDNN")
	}
	d, err := Open("xla:cuda@sm_90")
	if err != nil {
		t.Skipf("NO CALL OF CUDNN'S IS COMPILED FOR CUDA: %v", err)
	}
	defer d.Close()
	if err := d.tryCUDNN(); err != nil {
		t.Error(err)
	}
	t.Setenv(CUDNNSetting, "off")
	if err := d.CUDNN(); err == nil || !strings.Contains(err.Error(), CUDNNSetting) {
		t.Errorf("%s=off: %v", CUDNNSetting, err)
	}
}

// TestTrialFails: a device whose calls compute something else is found out.
func TestTrialFails(t *testing.T) {
	want := []float32{1, -4, 2}
	nan := float32(0)
	nan /= nan
	for _, x := range []struct {
		got  []float32
		fits bool
	}{
		{[]float32{1, -4, 2}, true}, {[]float32{1.05, -4, 2}, true}, {[]float32{1, -4, 2.5}, false},
		{[]float32{1, nan, 2}, false}, {[]float32{0, 0, 0}, false},
	} {
		if off := furthest(x.got, want); off < 0.03 != x.fits {
			t.Errorf("%v for %v is off by %g", x.got, want, off)
		}
	}
	if off := furthest([]float32{1, 7, 2}, []float32{1, nan, 2}); off != 0 {
		t.Errorf("what nobody defines is off by %g", off)
	}
}

// TestOrdered: programs that have the gradient of cuDNN's attention are compiled so that it adds up in one
// order, where a run must go on exactly, and no others.
func TestOrdered(t *testing.T) {
	for _, exact := range []bool{false, true} {
		name := "xla:cuda@sm_90"
		if exact {
			name += "," + exactOption
		}
		d, err := Open(name)
		if err != nil {
			t.Skipf("NO CALL OF CUDNN'S IS COMPILED FOR CUDA: %v", err)
		}
		defer d.Close()
		dir := t.TempDir()
		if err := d.DumpTo(dir); err != nil {
			t.Fatal(err)
		}
		c := cudnn.Call{B: 1, T: 16, S: 16, H: 2, K: 1, E: 64, Causal: true}
		for _, gradient := range []bool{false, true} {
			p, err := Compile(d, "ordered", []Input{{Name: "x", Shape: shapes.Make(dtypes.BFloat16, 1, 16, 2, 64)},
				{Name: "k", Shape: shapes.Make(dtypes.BFloat16, 1, 16, 1, 64)}}, func(in []*graph.Node) []*graph.Node {
				out, sums := CUDNNAttention(c, in[0], in[1], in[1], CUDNNMasks{})
				if !gradient {
					return []*graph.Node{out, sums}
				}
				a, b, c := CUDNNGradient(c, in[0], in[1], in[1], sums, out, out, CUDNNMasks{})
				return []*graph.Node{a, b, c}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			found, err := filepath.Glob(filepath.Join(p.Dump(), "*debug_options"))
			if err != nil || len(found) != 1 {
				t.Fatalf("%d files of XLA's flags: %v", len(found), err)
			}
			flags, err := os.ReadFile(found[0])
			if err != nil {
				t.Fatal(err)
			}
			got := bytes.Contains(flags, []byte("xla_gpu_exclude_nondeterministic_ops: true"))
			if got != (exact && gradient) {
				t.Errorf("exact %v, gradient %v: kept in order is %v", exact, gradient, got)
			}
		}
	}
}

// TestOrderedCompiler: flags are appended to the options of a program's compilation, for that call alone.
func TestOrderedCompiler(t *testing.T) {
	options := compileOptions(1, map[string]any{"xla_gpu_autotune_level": 0})
	for _, x := range []struct {
		program string
		more    []byte
	}{
		{"module @a { stablehlo.add }", nil},
		{"stablehlo.custom_call @__cudnn$fmhaScaleBiasSoftmaxBackward(",
			optionOverrides(map[string]any{"some_flag": true})},
	} {
		program := []byte(x.program)
		args := &compileArgs{program: &pjrtProgram{code: &program[0], codeSize: uintptr(len(program))},
			options: &options[0], optionsSize: uintptr(len(options))}
		var got []byte
		c := orderedCompiler{[]xlaFlag{{"some_flag", true}}, func(args *compileArgs) uintptr {
			got = bytes.Clone(bytesAt(args.options, args.optionsSize))
			return 7
		}}
		if failure := c.compile(args); failure != 7 || args.options != &options[0] ||
			args.optionsSize != uintptr(len(options)) {
			t.Errorf("%s: %d, %d bytes of options afterwards", x.program, failure, args.optionsSize)
		}
		if want := append(bytes.Clone(options), x.more...); !bytes.Equal(got, want) {
			t.Errorf("%s: options are %x, want %x", x.program, got, want)
		}
	}
}

// TestDescribedCapability: the compute capability is read where XLA's description has it.
func TestDescribedCapability(t *testing.T) {
	const head = "cuda_compute_capability {\n    major: "
	for text, want := range map[string]string{
		head + "9\n    feature_extension: X\n  }\n  minor: 7": "9.0", head + "8\n    minor: 9\n  }": "8.9",
		"core_count: 3": "",
	} {
		if got := describedCapability(text); got != want {
			t.Errorf("%q for %q, want %q", got, text, want)
		}
	}
}
