package langid

import "strings"

// modelled are the codes of the languages that lingua has models of.
var modelled = func() map[string]bool {
	codes := map[string]bool{}
	for code := range strings.FieldsSeq(`af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gu he hi hr
		hu hy id is it ja ka kk ko la lg lt lv mi mk mn mr ms nb nl nn pa pl pt ro ru sk sl sn so sq sr st sv sw ta te
		th tl tn tr ts uk ur vi xh yo zh zu`) {
		codes[code] = true
	}
	return codes
}()

// byWindows returns the mean confidence in each language over a text's windows. Lingua on
// its own multiplies the probabilities of letter sequences, so that a few words whose
// sequences are rare elsewhere ("werde ich anfangen") would outweigh a long text in
// another language.
func (c *comparison) byWindows(words []string, windows int) map[string]float64 {
	of := map[string]float64{}
	for i := range windows {
		from, to := i*len(words)/windows, (i+1)*len(words)/windows
		c.confidences(strings.Join(words[from:to], " "), func(code string, confidence float64) {
			of[code] += confidence * float64(to-from) / float64(len(words))
		})
	}
	for code := range of {
		of[code] = RoundConfidence(of[code])
	}
	return of
}
