package backend_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/kernels/op"
)

// The test binary is a process that keeps programs when these are in its environment.
const (
	keptFolder  = "STELE_TEST_KEPT"
	keptBackend = "STELE_TEST_KEPT_BACKEND"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(keptFolder); folder != "" {
		if err := runKept(folder, os.Getenv(keptBackend)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// keptRun is what a process says of its programs.
type keptRun struct {
	Compiled, Loaded int
	Values           string // a hash of all outputs
	Aliased          []int64
	Temporary        []int64
	HostProducts     int
	Said             string
}

// runKept compiles and runs programs as training has them: products that host kernels compute where they can,
// an input that is updated in place, sums, a gradient.
func runKept(folder, name string) error {
	var said bytes.Buffer
	backend.KeepPrograms(folder, 1<<30, &said)
	d, err := backend.Open(name)
	if err != nil {
		return err
	}
	run := keptRun{}
	hash := sha256.New()
	for _, n := range []int{64, 96} {
		square := shapes.Make(dtypes.BFloat16, n, n)
		p, err := backend.Compile(d, "update", []backend.Input{
			{Name: "x", Shape: square}, {Name: "w", Shape: square},
			{Name: "sum", Shape: shapes.Make(dtypes.Float32, n, n), Donated: true},
		}, func(in []*Node) []*Node {
			loss := ReduceAllSum(Square(Tanh(op.Linear(in[0], in[1]))))
			gradients := Gradient(loss, in[0], in[1])
			return []*Node{gradients[0], Add(in[2], ConvertDType(gradients[1], dtypes.Float32))}
		})
		if err != nil {
			return err
		}
		memory := p.Memory()
		run.Aliased, run.Temporary = append(run.Aliased, memory.Aliased), append(run.Temporary, memory.Temporary)
		run.HostProducts += p.HostProducts()
		values := make([]float32, n*n)
		for i := range values {
			values[i] = float32((i*7919)%2003)/2003 - 0.5
		}
		var in []backend.Buffer
		for _, dtype := range []dtypes.DType{dtypes.BFloat16, dtypes.BFloat16, dtypes.Float32} {
			buffer, err := backend.UploadFloat32(d, dtype, values, n, n)
			if err != nil {
				return err
			}
			in = append(in, buffer)
		}
		for range 2 { // the sum that the first leaves is the second's
			out, err := p.Run(in)
			if err != nil {
				return err
			}
			for _, b := range out {
				data, err := backend.Float32s(b)
				if err != nil {
					return err
				}
				for _, v := range data {
					fmt.Fprintf(hash, "%x ", v)
				}
			}
			in[2] = out[1]
			backend.Free(out[0])
		}
		backend.Free(in...)
		p.Close()
	}
	all, _ := backend.Compiled()
	run.Loaded = backend.Loaded()
	run.Compiled = all - run.Loaded
	run.Values, run.Said = hex.EncodeToString(hash.Sum(nil)), said.String()
	return json.NewEncoder(os.Stdout).Encode(run)
}

// kept runs such a process, with what is added to its environment.
func kept(t *testing.T, folder, name string, environment ...string) keptRun {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), keptFolder+"="+folder, keptBackend+"="+name), environment...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, stderr.String())
	}
	var run keptRun
	if err := json.Unmarshal(out, &run); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if stderr.Len() > 0 {
		t.Logf("stderr: %s", stderr.String())
	}
	return run
}

// TestKeptPrograms: a second process loads what the first compiled: in-place updates, memory, calls of host
// kernels and every bit of the results are the same. What is damaged, or made elsewhere, is compiled again with
// a line about it.
func TestKeptPrograms(t *testing.T) {
	for _, name := range kernelstest.Backends(t) {
		if !strings.HasPrefix(name, "xla:") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "programs")
			first := kept(t, folder, name)
			if first.Compiled != 2 || first.Loaded != 0 || first.Said != "" {
				t.Fatalf("the first process: %+v", first)
			}
			if first.Aliased[0] == 0 {
				t.Errorf("nothing is updated in place: %+v", first)
			}
			check := func(what string, got keptRun, compiled, loaded int, said string) {
				t.Helper()
				want := first
				want.Compiled, want.Loaded, want.Said = compiled, loaded, got.Said
				if fmt.Sprint(got) != fmt.Sprint(want) || strings.Count(got.Said, "\n") != min(len(said), 1) ||
					!strings.Contains(got.Said, said) {
					t.Errorf("%s: %+v, want %+v, said %q", what, got, want, said)
				}
			}
			check("the second", kept(t, folder, name), 0, 2, "")
			check("with other flags of XLA", kept(t, folder, name, "XLA_KEPT_TEST=1"), 2, 0, "")
			check("with them again", kept(t, folder, name, "XLA_KEPT_TEST=1"), 0, 2, "")

			files, err := filepath.Glob(filepath.Join(folder, "*."+backend.KeptSuffix))
			if err != nil || len(files) != 4 {
				t.Fatalf("%q, %v", files, err)
			}
			whole := map[string][]byte{}
			for _, file := range files {
				if whole[file], err = os.ReadFile(file); err != nil {
					t.Fatal(err)
				}
			}
			write := func(change func(file string, data []byte) []byte) {
				for _, file := range files {
					if err := os.WriteFile(file, change(file, bytes.Clone(whole[file])), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			write(func(_ string, data []byte) []byte { return data[:len(data)-1] })
			damaged := kept(t, folder, name)
			if damaged.Compiled != 2 || damaged.Values != first.Values || strings.Count(damaged.Said, "\n") != 2 ||
				strings.Count(damaged.Said, "is compiled again: "+folder) != 2 {
				t.Errorf("damaged: %+v", damaged)
			}
			write(func(_ string, data []byte) []byte {
				return bytes.Replace(data, []byte("features "), []byte("features f"), 1)
			})
			elsewhere := kept(t, folder, name)
			if elsewhere.Compiled != 2 || strings.Count(elsewhere.Said, "it was made elsewhere, by ") != 2 {
				t.Errorf("made elsewhere: %+v", elsewhere)
			}
			// What is whole and still nothing that the plugin can load.
			write(func(file string, data []byte) []byte {
				line, _, _ := bytes.Cut(data, []byte("\n"))
				var h map[string]any
				if err := json.Unmarshal(line, &h); err != nil {
					t.Fatal(err)
				}
				payload := []byte("no program")
				sum := sha256.Sum256(payload)
				h["bytes"], h["sha256"] = len(payload), hex.EncodeToString(sum[:])
				line, err := json.Marshal(h)
				if err != nil {
					t.Fatal(err)
				}
				return slices.Concat(line, []byte("\n"), payload)
			})
			if got := kept(t, folder, name); got.Compiled != 2 || got.Values != first.Values ||
				strings.Count(got.Said, "it does not load: ") != 2 {
				t.Errorf("not loadable: %+v", got)
			}
			check("mended", kept(t, folder, name), 0, 2, "")

			if err := os.Chmod(folder, 0o777); err != nil {
				t.Fatal(err)
			}
			check("a folder of everybody's", kept(t, folder, name), 2, 0, "compiled programs are not kept: "+folder)

			together := filepath.Join(t.TempDir(), "programs")
			var group sync.WaitGroup
			for range 3 {
				group.Go(func() {
					got := kept(t, together, name)
					if got.Compiled+got.Loaded != 2 || got.Values != first.Values || got.Said != "" {
						t.Errorf("beside others: %+v", got)
					}
				})
			}
			group.Wait()
			check("after them", kept(t, together, name), 0, 2, "")
		})
	}
}
