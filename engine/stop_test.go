package engine

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestFindStop: looking at what each piece adds finds what looking at the whole
// text after each piece would, stop strings over several pieces included.
func TestFindStop(t *testing.T) {
	// Few letters, so that stop strings begin, fail and overlap.
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(word, 0, 30).Draw(t, "pieces")
		stops := rapid.SliceOfN(word, 0, 4).Draw(t, "stops")
		var text strings.Builder
		for _, piece := range pieces {
			from := text.Len()
			text.WriteString(piece)
			cut, found := findStop(text.String(), 0, from, stops)
			want, there := text.Len(), false
			for _, stop := range stops {
				if i := strings.Index(text.String(), stop); stop != "" && i >= 0 {
					want, there = min(want, i), true
				}
			}
			if cut != want || found != there {
				t.Fatalf("%q with stops %q is cut at %d (%v), want %d (%v)", text.String(), stops, cut, found,
					want, there)
			}
			if found {
				return
			}
		}
	})
}

// BenchmarkStop measures what text costs a token: streaming it and looking for a stop
// string. It must not grow with the length.
func BenchmarkStop(b *testing.B) {
	e, err := Load("../testdata/models/tiny-qwen2", Options{Backend: "go"})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	ids, err := e.Tokenizer.Encode("Сколько будет 12 + 30? 十二加三十等于多少？ ", false)
	if err != nil {
		b.Fatal(err)
	}
	for _, length := range []int{100, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			for n := 0; n < b.N; {
				stream := e.Tokenizer.NewStream(true)
				var text strings.Builder
				for i := 0; i < length && n < b.N; i++ {
					piece, err := stream.Push(ids[i%len(ids)])
					if err != nil {
						b.Fatal(err)
					}
					from := text.Len()
					text.WriteString(piece)
					stops := []string{"\n\nQuestion:", "</answer>"}
					if _, found := findStop(text.String(), 0, from, stops); found {
						b.Fatal("found")
					}
					n++
				}
			}
		})
	}
}
