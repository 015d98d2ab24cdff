package report

import (
	"bufio"
	"fmt"
	"io"
)

// eachLine calls f for each line of JSON. What is wrong with a last line is
// forgiven: a run is writing it.
func eachLine(path string, r io.Reader, f func([]byte) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := f(line); err != nil {
			if _, end := in.Peek(1); end == io.EOF {
				return nil
			}
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
}
