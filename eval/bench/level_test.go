package bench

import "testing"

func TestLevelOf(t *testing.T) {
	for text, want := range map[string]int{"3": 3, "Level 5": 5, " low": 1, "Medium": 2, "high": 3, "top": 4, "": 0,
		"hardest": 0, "Level ?": 0} {
		if got := levelOf(text); got != want {
			t.Errorf("%q is level %d, want %d", text, got, want)
		}
	}
}
