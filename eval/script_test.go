package eval

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// script is a Generator without a model: a sample's text, length and ending
// depend on (seed, request id, sample) alone, the order in which samples end on
// order. After stopAfter samples it calls stop, as if the process were killed.
type script struct {
	order     uint64
	stopAfter int
	stop      func()
	after     func()     // called when all samples are handed over
	asked     int        // samples emitted in all calls
	calls     [][]string // ids of the requests of each call
}

func (s *script) Generate(ctx context.Context, requests []Request, emit func(Completion) error) error {
	var all []Completion
	var ids []string
	for i, r := range requests {
		ids = append(ids, r.ID)
		for k := range r.N {
			all = append(all, say(i, k, r))
		}
	}
	s.calls = append(s.calls, ids)
	random := rand.New(rand.NewPCG(s.order, 1))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, c := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.stop != nil && i == s.stopAfter {
			s.stop()
			return ctx.Err()
		}
		if err := emit(c); err != nil {
			return err
		}
		s.asked++
	}
	if s.after != nil {
		s.after()
	}
	return nil
}

// words are a sentence in some of the languages, with letters and quotes that
// JSON must carry.
var words = map[string]string{
	"en": `The answer of "5 < 7 & 8" is`, "ru": "Ответ на задачу", "th": "คำตอบคือ", "te": "సమాధానం",
}

func say(index, sample int, r Request) Completion {
	h := fnv.New64a()
	binary.Write(h, binary.LittleEndian, r.Seed)
	fmt.Fprintf(h, "%s#%d", r.ID, sample)
	random := rand.New(rand.NewPCG(h.Sum64(), 2))
	language := strings.Split(r.ID, "/")[1]
	if random.Float64() < 0.2 {
		language = "en"
	}
	c := Completion{
		Request: index, Sample: sample, FinishReason: FinishStop,
		TokenIDs: make([]int32, 1+random.IntN(r.MaxTokens)),
		Text:     fmt.Sprintf("%s \\boxed{%d}", words[language], random.IntN(3)),
	}
	if len(c.TokenIDs) == r.MaxTokens {
		c.FinishReason = FinishLength
	}
	return c
}

// identifyScript tells apart what script says.
func identifyScript(output, language string) Identified {
	for code, text := range words {
		if strings.Contains(output, text) {
			// The last digits of a real detector's confidence are noise.
			return Identified{Lang: code, Confidence: 0.75 + 1e-12*rand.Float64(),
				OffTarget: code != language, AnswerLang: "none"}
		}
	}
	return Identified{Lang: "none", OffTarget: true, AnswerLang: "none"}
}
