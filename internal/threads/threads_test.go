package threads

import (
	"runtime"
	"testing"
)

// TestAllowCalls: there are more places from the first call to the end of the last, and then as many as
// in the beginning.
func TestAllowCalls(t *testing.T) {
	expect := func(n int) {
		t.Helper()
		if got := runtime.GOMAXPROCS(0); got != n {
			t.Fatalf("GOMAXPROCS is %d, expected %d", got, n)
		}
	}
	expect(Count)
	first := AllowCalls()
	second := AllowCalls()
	expect(3 * Count)
	first()
	expect(3 * Count)
	second()
	expect(Count)
}
