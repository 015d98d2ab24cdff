package grade

import (
	"testing"
	"time"
)

// BenchmarkPipeline grades all recorded outputs; it reports the mean and the
// longest time of a pair.
func BenchmarkPipeline(b *testing.B) {
	pairs := readGoldens(b, "pipeline.jsonl.gz")
	for _, grader := range Graders {
		b.Run(grader.String(), func(b *testing.B) {
			var longest time.Duration
			for b.Loop() {
				for _, pair := range pairs {
					start := time.Now()
					Grade(pair.Output, pair.Reference, pair.DataName, grader)
					longest = max(longest, time.Since(start))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(pairs)), "µs/pair")
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest")
		})
	}
}
