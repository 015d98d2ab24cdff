package grade

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A base model goes on after its answer with a question of its own and answers that too.

// turnMarks end an answer in the templates of chat models.
var turnMarks = []string{
	"<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|start_header_id|>",
	"<|user|>",
	"<|end|>", "</s>", "<end_of_turn>", "[INST]", "<｜User｜>", "<｜end▁of▁sentence｜>",
}

var (
	// labelEnd matches the number and the colon that make a word at the start of a line a label.
	labelEnd = regexp.MustCompile(`^(?:[ \t]*(?:no\.?|nr\.?|n[°º]|№|#|number|número|numéro|номер|ที่|ข้อ` +
		`|ข้อที่|নং|নম্বর|la|namba)?[ \t]*` + numberPattern + `)?[ \t*_\]】）)]*(?:[:：.．、？]|\n|$)`)
	ordinal = regexp.MustCompile(`^第[ \t]*` + numberPattern + `[ \t]*(?:[题題问問道]+)`)
)

const numberPattern = `[\p{Nd}一二三四五六七八九十]+`

// isLabel reports whether a text begins with the label of a question: "Question 2:",
// "### Problem", "**Вопрос:**", "問題3．".
func isLabel(s string) bool {
	const longest = 120
	s = s[:min(len(s), longest)]
	label := strings.TrimLeft(s, " \t>#*_[【（(-")
	heading := strings.Contains(s[:len(s)-len(label)], "##")
	if word := longestWord(label, func(word string) bool { return words.another[word] }); word != "" {
		label = strings.TrimLeft(label[len(word):], " \t")
	}
	end := len(ordinal.FindString(label))
	if end == 0 {
		end = len(longestWord(label, func(word string) bool { return words.questions[word] }))
	}
	return end > 0 && (heading || labelEnd.MatchString(label[end:]))
}

// nextQuestion returns where, at the start of a line or a sentence, a question begins
// that is labelled as one, or -1.
func nextQuestion(s string) int {
	sentence := true
	for i, r := range s {
		if sentence && r != ' ' && r != '\t' && r != '\n' && isLabel(s[i:]) {
			return i
		}
		switch {
		case r == '\n', strings.ContainsRune(".!?。।}$", r):
			sentence = true
		case r != ' ' && r != '\t':
			sentence = false
		}
	}
	return -1
}

// announced is an answer after a phrase.
var announced = regexp.MustCompile(answerPhrases.String() +
	`(?:[^\n.。।?？:：]{0,40}?\pN|[ *$\\(\[{:]*(?:[a-z]+ ?[({]|(?-i:[A-E])(?:$|[^\pL])))|#### *[-\pN\pL\\]`)

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

// concludes reports whether a text ends in a line that draws a conclusion, with a number.
func concludes(s string) bool {
	s = strings.TrimRight(s, " \t\n*#")
	line := strings.ToLower(s[strings.LastIndexByte(s, '\n')+1:])
	if strings.IndexFunc(line, unicode.IsDigit) < 0 {
		return false
	}
	for _, word := range words.conclusions {
		if at := strings.Index(line, word); at >= 0 && endsWord(word, line[at+len(word):]) {
			before, _ := utf8.DecodeLastRuneInString(line[:at])
			return at == 0 || isUnspaced(firstRune(word)) || !unicode.IsLetter(before)
		}
	}
	return false
}

// beforeInvented cuts an output off where, after an answer, a question of the model's own
// begins. What comes before the first answer is never cut: a solution may repeat its
// question.
func beforeInvented(output string) string {
	question := nextQuestion(output)
	isTurn := func(mark string) bool { return strings.Contains(output, mark) }
	if question < 0 && !slices.ContainsFunc(turnMarks, isTurn) {
		return output
	}
	first := firstAnswer(output)
	cut := len(output)
	if first >= 0 {
		for _, mark := range turnMarks {
			if at := strings.Index(output[first:cut], mark); at >= 0 {
				cut = first + at
			}
		}
	}
	// The first two questions may follow a mere conclusion, all others an answer.
	for n := 0; n < 3 && question >= 0 && question < cut; n++ {
		if first >= 0 && question >= first || concludes(output[:question]) {
			return output[:question]
		}
		from := question + 1
		if n == 1 {
			from = max(from, first)
		}
		at := nextQuestion(output[from:cut])
		if at < 0 {
			break
		}
		question = from + at
	}
	return output[:cut]
}
