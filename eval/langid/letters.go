package langid

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pemistahl/lingua-go"
)

// alphabets are the letters of languages that share a script, where they differ.
var alphabets = map[string]string{
	"ru": cyrillic + "иёщъыэ", "uk": cyrillic + "иґєіїщ", "be": cyrillic + "ёіўыэ", "bg": cyrillic + "ищъ",
	"sr": serbian + "ђћ", "mk": serbian + "ќѓѕ",
	"mn": cyrillic + "иёщъыэөү", "ky": cyrillic + "иёщъыэңөү", "tt": cyrillic + "иёщъыэәҗңөүһ",
	"ba": cyrillic + "иёщъыэәғҙҡңөҫүһ", "kk": cyrillic + "иёщъыэәғқңөұүһі", "tg": cyrillic + "иёъэғӣқӯҳҷ",
	"uz": cyrillic + "иёъэўқғҳ",

	"ar": arabic + "أإةكهيى", "fa": arabic + "أپچژکكگهۀیي", "ur": arabic + "أٹپچڈڑژکگںہۂھیےۓ",
	"ps": arabic + "أټپځچڅډړږژښګکگڼهۀيېیۍ", "ckb": arabic + "پچڕژڤکگڵۆهەھیێ", "ug": arabic + "پچژكگڭھۇۆۈۋېىيە",
	"sd": arabic + "ٻڀٿٽٺپڄڃچڇڌڏڊڍڙڦڪکگڳڱڻهھيی",

	// Nepali has no letter that these two tell apart by: see its words.
	"hi": "़", "mr": "ळ", "ne": "ऱ", "bn": "র", "as": "ৰৱ",
}

const (
	cyrillic = "абвгдежзйклмнопрстуфхцчшьюя"
	serbian  = "абвгдежзијклљмнњопрстуфхцчџш"
	arabic   = "ءآؤئابتثجحخدذرزسشصضطظعغفقلمنو"
)

// told are the letters that not all languages of their script have.
var told = func() map[rune]bool {
	letters := map[rune]bool{}
	for _, alphabet := range alphabets {
		for _, r := range alphabet {
			letters[r] = true
		}
	}
	return letters
}()

// own are letters that a language cannot do without, and about how many of its letters
// they are.
var own = map[string]struct {
	letters string
	share   float64
}{
	"ru": {"ыэёъ", 0.025}, "uk": {"іїєґ", 0.07}, "be": {"іўыэё", 0.12}, "bg": {"ъ", 0.015}, "sr": {"јљњђћџ", 0.07},
	"mk": {"јљњќѓѕџ", 0.06}, "mn": {"өү", 0.05}, "ky": {"ңөү", 0.07}, "tt": {"әҗңөүһ", 0.12}, "ba": {"әғҙҡңөҫүһ", 0.15},
	"kk": {"әғқңөұүһі", 0.2}, "tg": {"ғӣқӯҳҷ", 0.08}, "uz": {"ўқғҳ", 0.07},
	"yo": {"ẹọṣàìòùáíóú", 0.08}, "vi": {"đơưăâêôạảấầậắặẹềếểễệịỉọốồộớờợụủứừựỳỷ", 0.2},
}

// missing is how many of the letters that a language cannot do without a text of so
// many letters ought to have, where it has none.
func missing(code, text string, letters int) float64 {
	o := own[code]
	if o.letters == "" || strings.ContainsAny(strings.ToLower(text), o.letters) {
		return 0
	}
	return o.share * float64(letters)
}

// common are the commonest words of languages that have much the same letters.
var common = map[string]map[string]bool{
	"ru": set("и в не что на мы это по из то для с к от за так как если чтобы или у него неё них равно тогда поэтому теперь всего сколько есть будет"),
	"bg": set("и в не че на се от за да е са ще по си или като ако той тя тогава трябва колко общо това които който има след защото"),
	"uk": set("і в не що на ми це з та для до від за так як якщо або тоді тому тепер всього скільки є буде щоб"),
	"be": set("і ў не што на мы гэта з для да ад за так як калі або тады таму цяпер усяго колькі ёсць будзе каб"),
	"mk": set("и во не да на е се за од со кој која кои што ако или тогаш потоа колку вкупно ќе тоа има бидејќи како ги го сме"),
	"kk": set("және мен бен үшін бұл болады бар деп егер сонда онда оның біз қанша барлығы"),
	"mn": set("нь ба бол энэ тэр юм байна байгаа хэд нийт бид гэж дараа тэгвэл болно ба"),
	"ky": set("жана менен үчүн бул болот бар деп эгер анда анын биз канча бардыгы андан кийин демек ошондуктан жооп эки санды сандын кошобуз алабыз"),
	"tt": set("һәм белән өчен бу була дип әгәр ул анда без ничә барлыгы аннары шуңа күрә димәк җавап ике санны санның кушабыз алабыз"),
	"ba": set("һәм менән өсөн был була тип әгәр ул унда беҙ нисә барлығы унан һуң тимәк яуап ике һанды ҡушабыҙ алабыҙ"),
	"hi": set("है हैं था थी थे और का की के में से को पर यह वह ने हम जो तो भी एक नहीं होगा होता होती करने करते करें लिए हो गया कि या कुल"),
	"mr": set("आहे आहेत होते होता होती आणि च्या चे ची चा ला तर हे ही हा या आपण म्हणून मध्ये पासून साठी नाही करून केले एकूण किती जर असेल असतो"),
	"ne": set("छ छन् हो हुन् र को का मा ले लाई बाट भने पनि यो त्यो हामी गर्न गर्छ गर्दा गरेर हुन्छ हुन्छन् हुने थियो थिए छैन जम्मा कति हाम्रो गरौं तब"),
	"he": set("של את על לא זה הוא היא אם כי או גם כל יש עם אז לכן מספר לכל אנחנו סך"),
	"yi": set("און איז די דער דאָס דאס מיט פון פֿון צו נישט מיר זיי האָט האט וואָס וואס אַז אז אין זענען איך"),
	"am": set("ነው ናቸው እና ላይ ውስጥ ስለዚህ ነበር ወይም ከዚያ ይህ ቁጥር ሁለት ደግሞ ጋር መጀመሪያ"),
	"ti": set("እዩ እዮም ናይ እቲ እታ ካብ ድማ ከም ኣብ ነቲ ክልተ እዚ ስለዚ ቁጽሪ ኣለዎ ኣለዋ ምስ"),
	"id": set("setelah selama secara keseluruhan jawabannya jika hasilnya misalkan diperoleh pertama persen persegi detik menit keliling akar kuadrat pembilang rata-rata peluang miliar toko sepeda mobil siswa kantor sisanya memberikan hitung mula adalah karena bahwa bisa dapat kita dari jadi maka bilangan angka uang kali yaitu sehingga setiap hari berapa mereka tersebut adapun kemudian pertama-tama rumus rupiah ia memiliki membutuhkan kelipatan pangkat jumlahkan oleh"),
	"ms": set("selepas sejauh masa epal peratus saat minit perimeter punca pengangka purata kebarangkalian baki bilion kedai basikal murid pelajar dua-dua kira mula-mula tambahkan segi katakan manakala ialah sekiranya ialah kerana bahawa boleh daripada nombor wang iaitu supaya setiap berapakah beliau ringgit sen kepada bagi mempunyai darab didarab didarabkan dibahagi dibahagikan bahagi bahagikan kuasa tambahkan jawapan jawapannya hendaklah oleh itu"),
	"nb": set("legger tallene sammen gir kjører være hva mye noen teller nevner likningen tilbake penger uke uker dager epler halvparten siden etterpå time timer regne trenger jeg ikke et en har hvor mange hun han hva vi får av også derfor deretter først da regner hver fra etter disse deler ut noe seg blir per kroner summen"),
	"nn": set("fyrst legg saman dei tala talet gjev køyrer vere mykje nokon berre gonger teljar nemnar pengar veke veker dagar eple sidan etterpå timar rekne treng held fram vert eg ikkje eit ein har kor mange ho han kva vi får av òg også difor deretter først då reknar kvar frå etter desse deler ut noko seg blir per kroner summen"),
	"da": set("lægger tallene sammen giver kører være meget nogle kun gange tæller nævner ligning ligningen tilbage penge uge uger dage æbler halvdelen siden bagefter time timer mere regne lige dividerer jeg ikke et en har hvor mange hun han hvad vi får af også derfor derefter først da regner hver fra efter disse deler ud noget sig bliver per kroner summen så meget antallet lægger"),
	"hr": set("zbroj zbrojimo zbrojiti umnožak jednadžba jednadžbu jednadžbe tisuća tisuću točno točka točke tko što tjedan tjedna kolovoz općenito uvjet uvjeta dvije gdje vrijednost rješenje dio"),
	"bs": set("zbir saberemo sabrati jednačina jednačinu jednačine hiljada hiljadu tačno tačka tačke ko šta sedmica sedmice uslov uslova dvije gdje vrijednost rješenje dio također"),
	"sr": set("zbir saberemo sabrati jednačina jednačinu jednačine hiljada hiljadu tačno tačka tačke ko šta nedelja nedelje uslov uslova dve gde vrednost rešenje rešimo deo deli podelimo posle pre primer celi ceo obe uvek sledi ovde takođe " +
		"и у не да на је се су за од са који која које што ако или онда затим колико укупно ће то има јер као"),
	"sw": set("na ya wa ni kwa za la cha vya katika kila hii hiyo huu hivyo kuwa kama au pia yake wake lakini ambayo ana alikuwa ikiwa basi hizo hizi ile yote jumla idadi ngapi sasa kisha tunaweza ina kwenye hadi zote hilo huyo wao yeye sisi bado"),
	"es": set("el la los las un una y es en con del al por para lo entonces luego son hay si más como número total cada"),
	"pt": set("o os um uma não é são em com do das ao à às na nas pelo pela pelos pelas seu sua isso então logo também mais temos unha unhas polo pola polos polas entón tamén máis dicir logo temos súa seu non"),
	"ca": set("els les i és són amb del dels al per i doncs després més hi ha nombre nombres per tant aquest aquesta resposta puèi somam responsa primièr"),
	"la": set("et est in non ut ad cum sunt ex quod si qui quae sed sit ergo igitur itaque numerus numeri numerum numeros summa summam habemus esse deinde primum quia aequalis atque aut duo tres duos duas autem enim his hoc"),
	"ar": set("في من على إلى أن هو هي هذا هذه التي الذي ثم كل عدد كان مع إذا لذلك لأن ما لا"),
	"fa": set("است را که از این در با به برای می آن هر و یا تا چون پس اگر عدد بین دو اين براي"),
	"ur": set("ہے ہیں کا کی کے میں سے کو اور یہ وہ نے پر ہم ایک تو"),
}

// endings are those of many words in languages that have the same letters: Nepali writes
// as one word what Hindi writes as two.
var endings = map[string][]string{
	"ne": {"छ", "छन्", "छौं", "छौँ", "छु", "लाई", "बाट", "हरू", "हरु", "मा", "को"},
	"mr": {"च्या", "ांची", "ांचे", "ांचा", "ांना", "ांनी", "ातील", "ासाठी", "ण्यासाठी", "तात", "तो"},
}

// lettersAVote: so many letters that lingua has no doubt about weigh as much as a common word.
const lettersAVote = 10

// fewLetters are too few for the letters that a language has of its own to show.
const fewLetters = 40

// byLetters tells apart the languages that share a script other than Latin: the one
// that lacks the fewest of a text's letters and has the most of its words among its
// commonest; of equals the first. among are those it may be as well; nil when it is sure.
func byLetters(text string, of []string) (lang string, among []string) {
	if len(of) == 1 {
		return of[0], nil
	}
	count := map[rune]float64{}
	letters := 0
	for _, r := range text {
		r = unicode.ToLower(r)
		if unicode.IsLetter(r) {
			letters++
		}
		if told[r] {
			count[r]++
		}
	}
	score, most := map[string]float64{}, 0.0
	for i, code := range of {
		if alphabet := alphabets[code]; alphabet != "" {
			for r, n := range count {
				if !strings.ContainsRune(alphabet, r) {
					score[code] -= n
				}
			}
		}
		if i == 0 || score[code] > most {
			most = score[code]
		}
	}
	var close []string // those whose letters are the text's, that lingua knows
	for _, code := range of {
		if l, ok := linguas[code]; ok && l != lingua.Unknown && score[code] >= most-0.01*float64(letters) {
			close = append(close, code)
		}
	}
	for word := range strings.FieldsSeq(text) {
		word = strings.ToLower(word)
		for _, code := range of {
			if common[code][word] {
				score[code]++
			}
			for _, ending := range endings[code] {
				if stem, ok := strings.CutSuffix(word, ending); ok && utf8.RuneCountInString(stem) > 1 {
					score[code] += 3
				}
			}
		}
	}
	for _, code := range of {
		score[code] -= missing(code, text, letters)
	}
	if len(close) > 1 {
		for code, c := range compare(close, true).byWindows(strings.Fields(text), 1) {
			score[code] += c * float64(letters) / lettersAVote
		}
	}
	score[of[0]]++ // as much as a common word, where nothing else speaks
	lang = of[0]
	for _, code := range of[1:] {
		if score[code] > score[lang] {
			lang = code
		}
	}
	if letters < fewLetters {
		for _, code := range of {
			if score[code] >= score[lang]-1 {
				among = append(among, code)
			}
		}
	}
	if len(among) == 1 {
		among = nil
	}
	return lang, among
}
