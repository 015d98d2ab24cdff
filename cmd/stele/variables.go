package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/cluster/nccl"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/isa"
)

// variables are those of the environment that the program reads; buildVariables those that building and tests do.
var (
	variables = []string{isa.Setting, programsSetting, programsLimit, tokenVariable, cluster.Variable,
		cluster.DeadlineVariable, nccl.PathVariable, nccl.DriverVariable, backend.KernelsSetting, backend.CUDNNSetting}
	buildVariables = []string{"STELE_BACKENDS", "STELE_BROWSER", "STELE_CACHE", "STELE_CUDA", "STELE_CUDNN_DIR",
		"STELE_DIST_GOFLAGS", "STELE_DIST_LIBRARIES", "STELE_LDFLAGS", "STELE_LIBTOKENIZERS", "STELE_MPI_DIR",
		"STELE_MPI_LOOKOUT", "STELE_NCCL_REAL", "STELE_PICTURES", "STELE_PJRT", "STELE_RESTARTED",
		"STELE_TEST_PROGRAMS", "STELE_TOKENIZERS", "STELE_WRITE_DIR"}
)

// warnOfVariables names what is set that nothing reads, where it is nearly the name of a variable that is read.
func warnOfVariables(w io.Writer, environment []string) {
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(strings.ToUpper(name), "STELE") || slices.Contains(variables, name) ||
			slices.Contains(buildVariables, name) {
			continue
		}
		if meant := nearest.Of(name, variables); meant != "" {
			fmt.Fprintf(w, "warning: the environment has %s, which nothing reads: did you mean %s?\n", name, meant)
		}
	}
}
