package langid

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestWordsInSeveralScripts: a text gets the same verdict each time, also where its words
// are in several scripts, as those of a model that has learned nothing are. Lingua's own
// verdict on such words depends on the order of a map.
func TestWordsInSeveralScripts(t *testing.T) {
	texts := []string{"るdossiebzig三十六drei�引く四十八setenta\r বতএగ్ద��อ� আটচল sita�్చ veinte tiсемьдесят se"}
	var pieces []string
	for _, s := range readSentences(t, "sentences.jsonl") {
		words := strings.Fields(s.text)
		pieces = append(pieces, words[:min(2, len(words))]...)
	}
	random := rand.New(rand.NewPCG(7, 7))
	for range 8 {
		var b strings.Builder
		for range 12 {
			b.WriteString(pieces[random.IntN(len(pieces))])
			if random.IntN(2) == 0 {
				b.WriteByte(' ')
			}
		}
		texts = append(texts, b.String())
	}
	d := New()
	for _, text := range texts {
		verdicts := map[string]int{}
		for range 8 {
			lang, confidence := d.Judge(text, "en")
			verdicts[fmt.Sprint(lang, " ", confidence)]++
		}
		if len(verdicts) != 1 {
			t.Errorf("%q: %v", text, verdicts)
		}
	}
}
