package cudacheck

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/kernels/backend"
)

// standardGPU is compiled for when nothing is asked for.
const standardGPU = "sm_90"

var (
	gpuNames = flag.String("gpus", standardGPU, "GPUs that are compiled for: described ones, or paths of descriptions")
	which    = flag.String("models", "", "what is compiled: tiny models, models, or names of these, between commas; "+
		"nothing compiles a few programs of one tiny model")
)

// few are the programs that are compiled when nothing is asked for: one of each kind.
var few = []string{"decode 1", "decode 64", "prefill 4 × 64", "copy pages", "gradient group, remat", "adamw float32"}

// subjects are the models that were asked for.
func subjects(t *testing.T) (all []subject) {
	if *which == "" {
		return []subject{tiny()[0]}
	}
	for _, name := range strings.Split(*which, ",") {
		switch {
		case name == "tiny":
			all = append(all, tiny()...)
			continue
		case name == "models":
			all = append(all, models()...)
			continue
		}
		known := append(append(half()[1:2], tiny()...), models()...)
		i := slices.IndexFunc(known, func(s subject) bool { return s.name == name })
		if i < 0 {
			t.Fatalf("-models %s: there is no %q", *which, name)
		}
		all = append(all, known[i])
	}
	return all
}

// TestPrograms compiles programs for GPUs that are not here. Each must compile, be given every donated input
// for an output, copy no weight and no pool, add nothing in the order in which threads come, and take no more
// launches and memory than was noted; decoding must be one CUDA graph.
func TestPrograms(t *testing.T) {
	golden := readGolden(t, "programs.tsv")
	asked := *which != "" || *gpuNames != standardGPU
	for _, gpu := range strings.Split(*gpuNames, ",") {
		d, err := backend.Open("xla:cuda@" + gpu)
		switch {
		case err != nil && asked:
			t.Fatal(err)
		case err != nil:
			t.Skipf("NO PROGRAM IS COMPILED FOR CUDA: %v", err)
		}
		gpu = strings.TrimSuffix(filepath.Base(gpu), ".txtpb")
		if err := d.DumpTo(t.TempDir()); err != nil {
			t.Fatal(err)
		}
		for _, s := range subjects(t) {
			for _, p := range s.programs(d) {
				if *which == "" && !slices.Contains(few, p.name) {
					continue
				}
				t.Run(gpu+"/"+s.name+"/"+p.name, func(t *testing.T) {
					began := time.Now()
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
					t.Logf("%.1f s, %+v", time.Since(began).Seconds(), r)
					if r.donated != r.reused {
						t.Errorf("%d inputs are donated, %d become outputs", r.donated, r.reused)
					}
					for _, c := range r.copies {
						if c.bytes >= s.leastWeight() {
							t.Errorf("an input is copied: %s, %d bytes", c.name, c.bytes)
						}
					}
					if p.decodes && (r.graphs != 1 || r.outside != 0) {
						t.Errorf("decoding is %d CUDA graphs and %d launches outside of them", r.graphs, r.outside)
					}
					for _, why := range r.unordered {
						t.Errorf("the same program may give other bits: %s", why)
					}
					golden.check(t, key{gpu, s.name, p.name}, r.bounds)
				})
			}
		}
	}
	golden.write(t)
	switch n := golden.unknown.Load(); {
	case n > 0 && !asked:
		t.Errorf("%d programs have no bounds in %s: -update notes them", n, golden.path)
	case n > 0:
		t.Logf("LAUNCHES AND MEMORY OF %d PROGRAMS WERE NOT COMPARED: %s has no bounds for them", n, golden.path)
	}
}

// leastWeight is the size in bytes of the smallest matrix, which no pool is smaller than.
func (s subject) leastWeight() int64 {
	least, size := int64(1<<62), int64(4)
	if s.served == dtypes.BFloat16 {
		size = 2
	}
	for _, spec := range s.config.Model().Tensors() {
		if len(spec.Shape) > 1 {
			least = min(least, int64(spec.Len())*size)
		}
	}
	return least
}
