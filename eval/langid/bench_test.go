package langid

import (
	"runtime"
	"testing"

	"github.com/stele-lm/stele/eval/language"
)

// BenchmarkDetect judges texts of four to five sentences: English, the study's
// languages, and all. heap-MB is what the models take that these texts need; run one
// part alone to see its own.
func BenchmarkDetect(b *testing.B) {
	of := func(keep func(lang string) bool) []string {
		var texts []string
		for i, s := range readSentences(b, "sentences.jsonl") {
			if i%3 == 2 && keep(s.lang) {
				texts = append(texts, s.text)
			}
		}
		return texts
	}
	study := map[string]bool{}
	for _, l := range language.Study() {
		study[l] = true
	}
	for _, c := range []struct {
		name  string
		texts []string
	}{
		{"english", of(func(l string) bool { return l == "en" })},
		{"study", of(func(l string) bool { return study[l] })},
		{"all", of(func(string) bool { return true })},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := New()
			for _, text := range c.texts {
				d.Detect(text)
			}
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				d.Detect(c.texts[i%len(c.texts)])
			}
			b.StopTimer()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapAlloc)/1e6, "heap-MB")
		})
	}
}

// BenchmarkCompare makes the comparison of the study's languages and some others.
func BenchmarkCompare(b *testing.B) {
	for b.Loop() {
		compare([]string{"en", "es", "de", "fr", "sw", "pt", "it", "ca", "ro"}, false)
	}
}
