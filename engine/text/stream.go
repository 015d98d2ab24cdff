package text

import "unicode/utf8"

// Stream turns a growing sequence of ids into text, holding back the bytes of a
// character until all of them are there.
type Stream struct {
	tokenizer   *Tokenizer
	skipSpecial bool
	held        []byte
}

// NewStream begins a stream; skipSpecial leaves special tokens out.
func (t *Tokenizer) NewStream(skipSpecial bool) *Stream {
	return &Stream{tokenizer: t, skipSpecial: skipSpecial}
}

// Push adds an id and returns the text that is complete with it, often none.
func (s *Stream) Push(id int32) (string, error) {
	piece, err := s.tokenizer.piece(id, s.skipSpecial)
	if err != nil {
		return "", err
	}
	s.held = append(s.held, piece...)
	whole := len(s.held)
	for back := 1; back < utf8.UTFMax && back <= len(s.held); back++ {
		at := len(s.held) - back
		if utf8.RuneStart(s.held[at]) {
			if !utf8.FullRune(s.held[at:]) {
				whole = at
			}
			break
		}
	}
	text := lossy(s.held[:whole])
	s.held = append(s.held[:0], s.held[whole:]...)
	return text, nil
}

// Flush returns what is held back, a broken character as U+FFFD.
func (s *Stream) Flush() (string, error) {
	text := lossy(s.held)
	s.held = s.held[:0]
	return text, nil
}
