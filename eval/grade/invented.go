package grade

import (
	"regexp"
	"strings"
)

// A base model goes on after its answer with a question of its own and answers that too.

// turnMarks end an answer in the templates of chat models.
var turnMarks = regexp.MustCompile(`<\|(?:im_end|im_start|endoftext|eot_id|end_of_text|start_header_id|user|end)\|>|</s>|<end_of_turn>|\[INST\]|<｜(?:User|end▁of▁sentence)｜>`)

// questionMark finds the label of a question at the start of a line: "Question 2:",
// "### Problem", "**Вопрос:**", "問題3．".
var questionMark = func() *regexp.Regexp {
	var labels []string
	for _, label := range words.questions {
		labels = append(labels, regexp.QuoteMeta(label))
	}
	return regexp.MustCompile(`(?i)(?:^|\n|[.!?。।}$][ \t]+)[ \t>#*_\[【（(-]*(?:` + strings.Join(labels, "|") +
		`|第[ \t]*[\p{Nd}一二三四五六七八九十]+[ \t]*[题題问問])(?:[ \t]*(?:no\.?|nr\.?|n[°º]|№|#|number|número|numéro|номер|ที่|ข้อ|ข้อที่|নং|নম্বর|la|namba|সংখ্যা)?[ \t]*[\p{Nd}一二三四五六七八九十]+)?[ \t*_\]】）)]*(?:[:：.．、？]|\n|$)`)
}()

// instructionMark is a heading that needs no colon.
var instructionMark = regexp.MustCompile(`(?i)(?:^|\n)[ \t]*#{2,} *(?:instruction|question|problem|input|user|human|task|exercise)`)

// announced is an answer after a phrase.
var announced = regexp.MustCompile(answerPhrases.String() + `[ *$\\(\[{:]*(?:-?[\pN.]|[a-z]+ ?[({]|(?-i:[A-E])(?:$|[^\pL]))|#### *[-\pN\pL\\]`)

// answerGiven reports whether a text gives an answer.
func answerGiven(s string) bool {
	_, boxed := lastBox(s)
	return boxed || announced.MatchString(s)
}

// beforeInvented cuts an output off where, after an answer, a question of the model's own
// begins. What comes before the first answer is never cut: a solution may repeat its
// question.
func beforeInvented(output string) string {
	const most = 40
	cut := len(output)
	for _, marks := range []*regexp.Regexp{turnMarks, questionMark, instructionMark} {
		for _, at := range marks.FindAllStringIndex(output, most) {
			if at[0] < cut && answerGiven(output[:at[0]]) {
				cut = at[0]
				break
			}
		}
	}
	return output[:cut]
}
