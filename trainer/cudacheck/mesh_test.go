package cudacheck

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// meshSize is how many GPUs of a machine share training here.
const meshSize = 8

// TestMesh compiles what training runs on eight GPUs of a machine, a gradient pass and the optimiser's step of each
// and the sum of their gradients: all-reduces over all of them, of the gradients and nothing else; large ones
// are summed in place.
func TestMesh(t *testing.T) {
	d, err := backend.Open("xla:cuda@" + standardGPU)
	if err != nil {
		t.Skipf("NO PROGRAM IS COMPILED FOR SEVERAL GPUS: %v", err)
	}
	if err := d.DumpTo(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	mesh, err := d.Mesh(meshSize)
	if err != nil {
		t.Fatal(err)
	}
	least := tiny()[0]
	half := subject{name: "Qwen2.5-0.5B", config: trainertest.Qwen25Half, trained: dtypes.Float32}
	for _, c := range []struct {
		subject
		sums int // one of each large tensor; small ones are together, up to a mebibyte
	}{{least, 2}, {half, 145}} {
		s := c.subject
		t.Run(s.name, func(t *testing.T) {
			w, _ := s.weights(mesh[meshSize-1], s.trained, lora.Options{})
			sum, err := learner.CompileSum(mesh, w.Specs)
			if err != nil {
				t.Fatal(err)
			}
			defer sum.Close()
			r, err := readReport(sum.Program)
			if err != nil {
				t.Fatal(err)
			}
			bytes, small := int64(0), int64(0)
			for _, spec := range w.Specs {
				n := 4 * int64(spec.Len())
				if bytes += n; n <= 4<<20 { // XLA sums it by a kernel of its own, which needs room for the sum
					small += n
				}
			}
			found, sums, most := allReduces(t, sum.Program), int64(0), int64(0)
			for _, a := range found {
				sums, most = sums+a.bytes, max(most, a.bytes)
				if a.devices != meshSize {
					t.Errorf("%s is of %d GPUs, want %d", a.name, a.devices, meshSize)
				}
			}
			t.Logf("%d tensors, %d bytes: %d all-reduces of %d bytes, %d at most; %d launches, %d KiB of temporaries, "+
				"copies %v", len(w.Specs), bytes, len(found), sums, most, r.launches, r.temporary, r.copies)
			for _, c := range r.copies {
				if c.bytes > 1<<20 { // small tensors are laid side by side, so that there are fewer launches
					t.Errorf("a gradient is copied: %s, %d bytes", c.name, c.bytes)
				}
			}
			if most := (small + 4<<20) >> 10; r.temporary > most {
				t.Errorf("%d KiB of temporaries, want at most %d", r.temporary, most)
			}
			if len(found) != c.sums {
				t.Errorf("%d all-reduces, want %d", len(found), c.sums)
			}
			if sums != bytes {
				t.Errorf("all-reduces are of %d bytes, gradients have %d", sums, bytes)
			}
			if r.donated != len(w.Specs) || r.reused != r.donated {
				t.Errorf("%d gradients, %d donated, %d become sums", len(w.Specs), r.donated, r.reused)
			}
			if s.name != least.name {
				return // the others are those of one GPU, which TestPrograms compiles
			}
			options := learner.Options{Objective: objective.Policy(objective.Default())}
			gradient, err := learner.Compile(w, options, dense.Shape{B: 2, T: 64, N: 64})
			if err != nil {
				t.Fatal(err)
			}
			defer gradient.Close()
			update, err := optimizer.CompileUpdate(w.Device, w.Specs, s.trained, optimizer.Default(),
				optimizer.Part{})
			if err != nil {
				t.Fatal(err)
			}
			defer update.Close()
			for name, p := range map[string]*backend.Program{"gradient": gradient.Program, "update": update.Program} {
				if found := allReduces(t, p); len(found) > 0 {
					t.Errorf("%s waits for other GPUs: %+v", name, found)
				}
			}
		})
	}
}

// allReduce is an all-reduce in what XLA made of a program.
type allReduce struct {
	name    string
	bytes   int64
	devices int
}

var (
	reduction = regexp.MustCompile(`(?m)^\s*(?:ROOT )?%?(\S+) = (.*) (all-reduce|all-reduce-start)\(.*$`)
	members   = regexp.MustCompile(`replica_groups=\{\{([0-9,]+)\}\}`)
)

func allReduces(t *testing.T, p *backend.Program) (all []allReduce) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.Dump(), "*gpu_after_optimizations.txt"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range reduction.FindAllStringSubmatch(string(text), -1) {
		r := allReduce{name: m[1], bytes: shapeBytes(m[2])}
		if group := members.FindStringSubmatch(m[0]); group != nil {
			r.devices = strings.Count(group[1], ",") + 1
		}
		all = append(all, r)
	}
	return all
}
