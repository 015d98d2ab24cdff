package engine_test

import (
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/kernels/backend"
)

// TestSaysThatPagesAreGathered: on a GPU where attention gathers pages a person is told so and why, and nothing
// elsewhere.
func TestSaysThatPagesAreGathered(t *testing.T) {
	for _, c := range []struct{ backend, setting, want string }{
		{"xla:cpu", "off", ""}, {"xla:cuda@sm_90", "", ""}, {"xla:cuda@sm_90", "off", "STELE_KERNELS is off"},
	} {
		t.Run(c.backend+" "+c.setting, func(t *testing.T) {
			if _, err := backend.Open(c.backend); err != nil {
				t.Skip(err)
			}
			t.Setenv(backend.KernelsSetting, c.setting)
			var said strings.Builder
			s, err := engine.Find("builtin:nano")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Open(engine.Options{Backend: c.backend, Say: &said}); err != nil {
				t.Fatal(err)
			}
			got := said.String()
			if strings.Contains(got, "gathers") != (c.want != "") || !strings.Contains(got, c.want) {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
}
