package eval

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzSamples reads any bytes as a run's samples, as a run that goes on does and as
// one that is judged anew: never a panic, and what is accepted is all asked for.
func FuzzSamples(f *testing.F) {
	line := `{"id":"mgsm-0","benchmark":"mgsm","language":"en","sample":0,"prompt":"Q","prompt_ids":[1],"output":"5","verdict":true}` + "\n"
	for _, text := range []string{"", line, line + line, line[:40],
		strings.Replace(line, `"sample":0`, `"sample":-1`, 1), "\x00\x00\n", "null\n",
		`{"benchmark":"mgsm"}` + "\n"} {
		f.Add(text)
	}
	spec := testSpec()
	questions := testQuestions(spec)
	f.Fuzz(func(t *testing.T, text string) {
		j := newJournal("fuzz", questions, &spec)
		if err := j.read(strings.NewReader(text)); err == nil &&
			(j.size > int64(len(text)) || j.done > strings.Count(text, "\n")) {
			t.Errorf("%d samples in %d bytes of %q", j.done, j.size, text)
		}
		r := &reader{SampleReader: NewSampleReader("fuzz", strings.NewReader(text)), spec: &spec}
		for {
			samples, _, err := r.next()
			if err != nil {
				if err != io.EOF && errors.Unwrap(err) == nil && !strings.Contains(err.Error(), "fuzz:") {
					t.Errorf("error %v does not say where", err)
				}
				break
			}
			if len(samples) != spec.Samples[samples[0].Benchmark] {
				t.Errorf("%d samples of %s", len(samples), samples[0].Benchmark)
			}
		}
	})
}

func FuzzScore(f *testing.F) {
	f.Add(`{"accuracy":0.5,"pass@4":1,"pass@4_se":null,"pass@4_ci95":[0,1]}`)
	f.Add(`{"avg@":1,"maj@99999999999999999999":0}`)
	f.Fuzz(func(t *testing.T, text string) {
		var s, again Score
		if json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		out, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &again); err != nil || len(again.Several) != len(s.Several) {
			t.Fatalf("%q becomes %s: %v", text, out, err)
		}
	})
}
