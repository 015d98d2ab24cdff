package langid

import "testing"

// TestNeighbours: reasoning in languages that lingua does not know, or hardly, is in none of
// the study's.
func TestNeighbours(t *testing.T) {
	d := New()
	study := map[string]bool{}
	for _, code := range []string{"en", "es", "ru", "de", "fr", "bn", "th", "sw", "zh", "ja", "te"} {
		study[code] = true
	}
	for language, text := range map[string]string{
		"Galician": "Entón o número total de mazás é 5 veces 8, é dicir, 40 mazás.",
		"Galician, longer": "Primeiro sumamos os prezos: 12 + 15 = 27. Logo restamos o desconto de 7 " +
			"euros, polo tanto o resultado é 20.",
		"Occitan": "D'en primièr somam los dos nombres: 12 + 15 = 27. Puèi levam 7, doncas la " +
			"responsa es 20.",
		"Portuguese, short": "Logo, o total é 40.",
		"Malagasy": "Voalohany dia ampitambarina ireo isa roa: 12 + 15 = 27. Avy eo esorina ny " +
			"7, noho izany ny valiny dia 20.",
		"Hausa": "Da farko mun haɗa lambobin biyu: 12 + 15 = 27. Sannan mun cire 7, saboda " +
			"haka amsar ita ce 20.",
		"Kurdish": "Pêşî em her du hejmaran li hev zêde dikin: 12 + 15 = 27. Paşê em 7 jê " +
			"derdixin, ji ber vê yekê bersiv 20 e.",
		"Kyrgyz": "Адегенде эки санды кошобуз: 12 + 15 = 27. Андан кийин 7ни кемитебиз, демек " +
			"жооп 20.",
		"Tatar": "Башта ике санны кушабыз: 12 + 15 = 27. Аннары 7не алабыз, димәк җавап 20.",
		"Arabic in Latin": "Awalan najma3 al-3adadayn: 12 + 15 = 27. Thumma natruh 7, idhan al-jawab " +
			"huwa 20.",
		"Hindi in Latin": "Pehle hum dono sankhyaon ko jodte hain: 12 + 15 = 27. Phir hum 7 ghatate " +
			"hain, isliye uttar 20 hai.",
	} {
		if got, confidence := d.Detect(text); study[got] {
			t.Errorf("%s is called %s with %.2f: %q", language, got, confidence, text)
		}
	}
	for want, text := range map[string]string{
		"es": "Existen números reales $x$ e $y$, ambos mayores que 1, tales que $x^2 + y = 7$. Luego no " +
			"hay dos soluciones.",
		"sw": "Timu ya kandanda ilicheza mechi 22, ikashinda mechi 8 zaidi ya zile ilizopoteza.",
		"ru": "Прибавляем 5, получаем 12; делим 12-ти метровую верёвку на 3 части.",
	} {
		if got, confidence := d.Detect(text); got != want {
			t.Errorf("%q is called %s with %.2f, want %s", text, got, confidence, want)
		}
	}
}
