package text

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// bytesOf are ids of tokens of one byte, by byte: sequences of them make every
// kind of broken character.
func bytesOf(t *testing.T, tokenizer *Tokenizer) map[byte]int32 {
	t.Helper()
	ids := map[byte]int32{}
	for id, b := range tokenizer.bytes {
		if len(b) == 1 {
			ids[b[0]] = int32(id)
		}
	}
	if len(ids) != 256 {
		t.Fatalf("the vocabulary has %d of 256 bytes", len(ids))
	}
	return ids
}

// TestStream: the pieces of any sequence of ids are valid UTF-8 and together what
// Decode makes of it; a character is given out as soon as it is whole.
func TestStream(t *testing.T) {
	tokenizer := load(t, tiny)
	byteIDs := bytesOf(t, tokenizer)
	// Bytes that characters begin with, go on with, and neither.
	odd := []byte("a\x80\xbf\xc2\xc3\xe0\xe2\x82\xac\xed\xa0\xef\xbb\xf0\x9f\x90\x98\xf4\x8f\xf5\xff\xc0")
	token := rapid.OneOf(
		rapid.Map(rapid.SampledFrom(odd), func(b byte) int32 { return byteIDs[b] }),
		rapid.Int32Range(0, int32(tokenizer.VocabSize())+40), // padding ids have no token
	)
	text := rapid.Map(rapid.SampledFrom(texts), func(s string) []int32 { // real text, byte by byte
		var ids []int32
		for _, b := range []byte(s) {
			ids = append(ids, byteIDs[b])
		}
		return ids
	})
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				ids := rapid.SliceOfN(token, 0, 40).Draw(t, "ids")
				if rapid.Bool().Draw(t, "text") {
					ids = append(ids, text.Draw(t, "bytes of a text")...)
				}
				skip := rapid.Bool().Draw(t, "skip special")
				stream := tokenizer.NewStream(skip)
				var got strings.Builder
				for at, id := range ids {
					piece, err := stream.Push(id)
					if err != nil {
						t.Fatal(err)
					}
					if !utf8.ValidString(piece) {
						t.Fatalf("piece %q is no UTF-8", piece)
					}
					got.WriteString(piece)
					whole, err := tokenizer.Decode(ids[:at+1], skip)
					if err != nil {
						t.Fatal(err)
					}
					// What is held back is less than a character: Decode shows it as one
					// broken one.
					if rest := strings.TrimPrefix(whole, got.String()); rest != "" && rest != "\uFFFD" {
						t.Fatalf("%q is held back of %q", rest, whole)
					}
				}
				rest, err := stream.Flush()
				if err != nil {
					t.Fatal(err)
				}
				want, err := tokenizer.Decode(ids, skip)
				if err != nil {
					t.Fatal(err)
				}
				if got.String()+rest != want {
					t.Fatalf("streamed %q, decoded %q", got.String()+rest, want)
				}
			})
		})
	}
}
