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
	return regexp.MustCompile(`(?i)(?:^|\n|[.!?。।}$][ \t]+)[ \t>#*_\[【（(-]*(?:(?:another|next|new|a new|here is another|here's another|otra|nueva|siguiente|autre|nouvelle|nouveau|weitere|neue|nächste|следующая|следующий|новая|новый|আরেকটি|পরবর্তী|আর একটি|మరో|మరొక|తదుపరి|另一个|下一个|下一道|新的|新|另一道|別の|次の|新しい)[ \t]*)?(?:` + strings.Join(labels, "|") +
		`|第[ \t]*[\p{Nd}一二三四五六七八九十]+[ \t]*[题題问問])(?:[ \t]*(?:no\.?|nr\.?|n[°º]|№|#|number|número|numéro|номер|ที่|ข้อ|ข้อที่|নং|নম্বর|la|namba|সংখ্যা)?[ \t]*[\p{Nd}一二三四五六七八九十]+)?[ \t*_\]】）)]*(?:[:：.．、？]|\n|$)`)
}()

// instructionMark is a heading that needs no colon.
var instructionMark = regexp.MustCompile(`(?i)(?:^|\n)[ \t]*#{2,} *(?:instruction|question|problem|input|user|human|task|exercise)`)

// announced is an answer after a phrase.
var announced = regexp.MustCompile(answerPhrases.String() + `[ *$\\(\[{:]*(?:-?[\pN.]|[a-z]+ ?[({]|(?-i:[A-E])(?:$|[^\pL]))|#### *[-\pN\pL\\]`)

// firstAnswer returns where the first answer that a text gives ends, or -1.
func firstAnswer(s string) int {
	first := -1
	if at := announced.FindStringIndex(s); at != nil {
		first = at[1]
	}
	const tries = 20
	for from, n := 0, 0; n < tries; n++ {
		at := strings.Index(s[from:], "boxed")
		if at < 0 || first >= 0 && from+at > first {
			break
		}
		from += at + len("boxed")
		if content := boxed(s[from:]); strip(content) != "" {
			return min(from+len(content), len(s))
		}
	}
	return first
}

// beforeInvented cuts an output off where, after an answer, a question of the model's own
// begins. What comes before the first answer is never cut: a solution may repeat its
// question.
func beforeInvented(output string) string {
	first := firstAnswer(output)
	if first < 0 {
		return output
	}
	cut := len(output)
	for _, marks := range []*regexp.Regexp{turnMarks, questionMark, instructionMark} {
		if at := marks.FindStringIndex(output[first:cut]); at != nil {
			cut = first + at[0]
		}
	}
	return output[:cut]
}
