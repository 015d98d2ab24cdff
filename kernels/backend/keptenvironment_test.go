package backend

import (
	"strings"
	"testing"
)

// TestReadEnvironment: what XLA does not read is left out, and values are not told; the order does not matter.
func TestReadEnvironment(t *testing.T) {
	read := readEnvironment([]string{"XLA_FLAGS=a", "HOME=x", "TF_TOKEN_cloud=secret", "NPROC=2", "TF_CPP_LEVEL=1"})
	if !strings.HasPrefix(read, "environment NPROC TF_CPP_LEVEL XLA_FLAGS ") || strings.Contains(read, "secret") {
		t.Error(read)
	}
	for _, same := range [][]string{
		{"TF_CPP_LEVEL=1", "NPROC=2", "XLA_FLAGS=a", "TF_VAR_password=other"},
	} {
		if got := readEnvironment(same); got != read {
			t.Errorf("%s, expected %s", got, read)
		}
	}
	if got := readEnvironment([]string{"XLA_FLAGS=b", "NPROC=2", "TF_CPP_LEVEL=1"}); got == read {
		t.Error("another value, and the same")
	}
}
