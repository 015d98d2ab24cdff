package text

import (
	"strings"
	"unicode/utf8"
)

// byteOf maps the characters that byte-level vocabularies write bytes with back
// to the bytes: printable ones stand for themselves, the others for code points
// from 256 on, in order (GPT-2, bytes_to_unicode).
var byteOf = func() map[rune]byte {
	m := map[rune]byte{}
	next := rune(256)
	for b := range 256 {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			m[rune(b)] = byte(b)
		} else {
			m[next] = byte(b)
			next++
		}
	}
	return m
}()

// tokenBytes returns the bytes that a token stands for; a token with a character
// that is no byte stands for itself, as in the library's decoder.
func tokenBytes(token string) []byte {
	out := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := byteOf[r]
		if !ok {
			return []byte(token)
		}
		out = append(out, b)
	}
	return out
}

// lossy is the text of bytes, every maximal part of a broken character replaced
// by one U+FFFD, as Rust's from_utf8_lossy and Python's "replace" do; Go itself
// would replace each byte.
func lossy(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = brokenLength(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// brokenLength counts the bytes at the start of b that could have become a character.
func brokenLength(b []byte) int {
	n := 1
	for n < len(b) && n < 4 && !utf8.FullRune(b[:n]) {
		if utf8.FullRune(b[:n+1]) && !utf8.Valid(b[:n+1]) {
			break
		}
		n++
	}
	return n
}
