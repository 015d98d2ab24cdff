//go:build !nolingua

package langid

import (
	"maps"
	"slices"
	"testing"
)

// TestModelled: the languages that are compared are lingua's, all of them.
func TestModelled(t *testing.T) {
	got, want := slices.Sorted(maps.Keys(modelled)), slices.Sorted(maps.Keys(linguas))
	if !slices.Equal(got, want) {
		t.Errorf("%q, lingua has %q", got, want)
	}
}
