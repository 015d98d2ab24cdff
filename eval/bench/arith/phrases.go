package arith

// phrases are the sentences of a language. {a}, {b} and {c} are the operands, {r}
// the result. Numbers stand alone, without nouns that they would have to agree
// with; the story has its numbers in digits.
type phrases struct {
	ask                string // of an expression {e}
	say                string // expression {e} and result {r}
	plus, minus, times string
	story              string // {a} things, {b} more, {c} fewer
}

// operator returns an operator's words with the spaces around them.
func (p phrases) operator(op rune) string {
	switch op {
	case '-':
		return p.minus
	case '*':
		return p.times
	}
	return p.plus
}

var phrasebook = map[string]phrases{
	"en": {"What is {e}?", "{e} is {r}.", " plus ", " minus ", " times ",
		"Anna has {a} apples. She buys {b} more and gives {c} away. How many apples does she have now?"},
	"es": {"¿Cuánto es {e}?", "{e} son {r}.", " más ", " menos ", " por ",
		"Ana tiene {a} manzanas. Compra {b} más y regala {c}. ¿Cuántas manzanas tiene ahora?"},
	"ru": {"Сколько будет {e}?", "{e} равно {r}.", " плюс ", " минус ", " умножить на ",
		"Яблок у Анны: {a}. Она покупает ещё {b} и отдаёт {c}. Сколько яблок у неё теперь?"},
	"de": {"Was ist {e}?", "{e} ist {r}.", " plus ", " minus ", " mal ",
		"Anna hat {a} Äpfel. Sie kauft {b} dazu und verschenkt {c}. Wie viele Äpfel hat sie jetzt?"},
	"fr": {"Combien font {e} ?", "{e} font {r}.", " plus ", " moins ", " fois ",
		"Anna a {a} pommes. Elle en achète {b} de plus et en donne {c}. Combien de pommes a-t-elle " +
			"maintenant ?"},
	"bn": {"{e} কত?", "{e} সমান {r}।", " যোগ ", " বিয়োগ ", " গুণ ",
		"আন্নার কাছে {a}টি আপেল আছে। সে আরও {b}টি কেনে এবং {c}টি দিয়ে দেয়। এখন তার কাছে কয়টি আপেল আছে?"},
	"th": {"{e} เท่ากับเท่าไร", "{e} เท่ากับ {r}", " บวก ", " ลบ ", " คูณ ",
		"แอนนามีแอปเปิล {a} ลูก เธอซื้อเพิ่มอีก {b} ลูกและให้คนอื่นไป {c} ลูก ตอนนี้เธอมีแอปเปิลกี่ลูก"},
	"sw": {"{e} ni ngapi?", "{e} ni {r}.", " jumlisha ", " toa ", " mara ",
		"Anna ana matufaha {a}. Ananunua mengine {b} na kutoa {c}. Sasa ana matufaha mangapi?"},
	"zh": {"{e}等于多少？", "{e}等于{r}。", "加", "减", "乘以",
		"安娜有{a}个苹果。她又买了{b}个，送出了{c}个。她现在有几个苹果？"},
	"ja": {"{e}はいくつですか？", "{e}は{r}です。", "足す", "引く", "掛ける",
		"アンナはりんごを{a}個持っています。さらに{b}個買い、{c}個あげました。今りんごは何個ありますか？"},
	"te": {"{e} ఎంత?", "{e} సమానం {r}.", " కూడిక ", " తీసివేత ", " గుణకారం ",
		"అన్నా దగ్గర {a} ఆపిల్స్ ఉన్నాయి. ఆమె మరో {b} కొని {c} ఇచ్చేసింది. ఇప్పుడు ఆమె దగ్గర ఎన్ని " +
			"ఆపిల్స్ ఉన్నాయి?"},
}
