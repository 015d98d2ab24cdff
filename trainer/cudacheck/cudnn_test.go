package cudacheck

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stele-lm/stele/kernels/backend"
)

var withCUDNN = flag.Bool("cudnn", false, "have cuDNN, which third_party/fetch-cudnn.sh fetches, plan its calls")

// planned are the programs that cuDNN has a part in.
var planned = []string{"score group", "gradient group, remat", "gradient several, remat", "gradient rows, remat"}

// TestCUDNN compiles what scores and trains in bfloat16 with cuDNN there, which plans each of its calls for the
// described GPU, or says that it has no such kernel: so it is known that it takes them, and what memory it works with.
// Compiled as training has it each gradient of attention adds up in one order, and none elsewhere, which shows
// that it would be found.
func TestCUDNN(t *testing.T) {
	if !*withCUDNN {
		t.Skip("CUDNN PLANS NOTHING: -cudnn asks for it")
	}
	golden := readGolden(t, "cudnn.tsv")
	for _, gpu := range strings.Split(*gpuNames, ",") {
		gpuName := strings.TrimSuffix(filepath.Base(gpu), ".txtpb")
		for _, exact := range []string{"", ",exact"} {
			d, err := backend.Open("xla:cuda@" + gpu + exact + ",cudnn")
			if err != nil {
				t.Fatal(err)
			}
			if err := d.DumpTo(t.TempDir()); err != nil {
				t.Fatal(err)
			}
			for i, s := range half() {
				if names := strings.Split(*which, ","); i > 0 && !slices.Contains(names, s.name) &&
					!slices.Contains(names, "models") {
					continue
				}
				for _, p := range s.programs(d) {
					if !slices.Contains(planned, p.name) {
						continue
					}
					t.Run(gpuName+exact+"/"+s.name+"/"+p.name, func(t *testing.T) {
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
						// Calls of each layer, and as many of their gradients.
						calls, unordered := s.config.NumLayers, 0
						if !strings.Contains(p.name, "rows") {
							calls *= 3 // prompts', rows' own keys, and those of their prompts
						}
						if strings.HasPrefix(p.name, "gradient") {
							if unordered = calls; exact != "" {
								unordered = 0
							}
							calls *= 2
						}
						if compiled.CUDNNCalls() != calls || r.cudnn != calls {
							t.Errorf("%d calls of cuDNN's, %d launches, want %d", compiled.CUDNNCalls(), r.cudnn, calls)
						}
						if r.unorderedCalls != unordered {
							t.Errorf("%d gradients of cuDNN's keep no order, want %d", r.unorderedCalls, unordered)
						}
						for _, why := range r.unordered {
							t.Errorf("the same program may give other bits: %s", why)
						}
						golden.check(t, key{gpuName + exact, s.name, p.name}, r.bounds)
					})
				}
			}
		}
	}
	golden.write(t)
}
