package report

import (
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/grade"
)

// marks are what the page of samples filters by: a bit each, from firstGrader on one for each of grade.Graders
// that calls the sample right. samples.js has the same bits.
type marks uint32

const (
	markRight     marks = 1 << iota // by the grader of the settings
	markOff                         // reasons in another language than asked
	markAnswerOff                   // answers in another language
	markCut                         // at the limit of tokens
	markDiffer                      // the graders do
	firstGrader
)

func marksOf(s *eval.Sample) marks {
	var m marks
	set := func(is bool, mark marks) {
		if is {
			m |= mark
		}
	}
	set(s.Verdict, markRight)
	set(s.OffTarget, markOff)
	set(s.AnswerOffTarget, markAnswerOff)
	set(s.FinishReason == eval.FinishLength, markCut)
	right := len(s.RightBy())
	set(right > 0 && right < len(grade.Graders), markDiffer)
	for i, g := range grade.Graders {
		set(s.Verdicts[g.Name], firstGrader<<i)
	}
	return m
}

// sampleLine is a sample as the page of samples finds it: the line of samples.jsonl that it is, and what it is
// filtered by.
type sampleLine struct {
	key            int32 // of outcomes.keys
	sample, tokens int32
	marks          marks
	length         int32
	offset         int64
}
