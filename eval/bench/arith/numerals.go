package arith

import "strings"

// numerals writes 0 to 99 in words, in each language.
var numerals = map[string]func(n int) string{
	"en": english, "es": spanish, "ru": russian, "de": german, "fr": french, "bn": bengali,
	"th": thai, "sw": swahili, "zh": chinese, "ja": japanese, "te": telugu,
}

func english(n int) string {
	return spaced(n, "-", words("zero one two three four five six seven eight nine ten eleven twelve "+
		"thirteen fourteen fifteen sixteen seventeen eighteen nineteen"),
		words("twenty thirty forty fifty sixty seventy eighty ninety"))
}

func spanish(n int) string {
	small := words("cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce " +
		"quince dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés " +
		"veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve")
	if n < len(small) {
		return small[n]
	}
	return spaced(n, " y ", small[:20], words("veinte treinta cuarenta cincuenta sesenta setenta ochenta "+
		"noventa"))
}

func russian(n int) string {
	return spaced(n, " ", words("ноль один два три четыре пять шесть семь восемь девять десять "+
		"одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать "+
		"девятнадцать"),
		words("двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто"))
}

func german(n int) string {
	small := words("null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn " +
		"fünfzehn sechzehn siebzehn achtzehn neunzehn")
	tens := words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
	switch {
	case n < 20:
		return small[n]
	case n%10 == 0:
		return tens[n/10-2]
	case n%10 == 1:
		return "einund" + tens[n/10-2]
	}
	return small[n%10] + "und" + tens[n/10-2]
}

func french(n int) string {
	small := words("zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze " +
		"quinze seize dix-sept dix-huit dix-neuf")
	tens := words("vingt trente quarante cinquante soixante")
	switch {
	case n < 20:
		return small[n]
	case n == 80:
		return "quatre-vingts"
	case n > 80:
		return "quatre-vingt-" + small[n-80]
	case n == 71:
		return "soixante et onze"
	case n > 70:
		return "soixante-" + small[n-60]
	case n == 70:
		return "soixante-dix"
	case n%10 == 0:
		return tens[n/10-2]
	case n%10 == 1:
		return tens[n/10-2] + " et un"
	}
	return tens[n/10-2] + "-" + small[n%10]
}

// bengali numerals up to 99 follow no rule that is worth writing down.
func bengali(n int) string {
	return bengaliWords[n]
}

var bengaliWords = words(`শূন্য এক দুই তিন চার পাঁচ ছয় সাত আট নয়
দশ এগারো বারো তেরো চৌদ্দ পনেরো ষোলো সতেরো আঠারো ঊনিশ
বিশ একুশ বাইশ তেইশ চব্বিশ পঁচিশ ছাব্বিশ সাতাশ আটাশ ঊনত্রিশ
ত্রিশ একত্রিশ বত্রিশ তেত্রিশ চৌত্রিশ পঁয়ত্রিশ ছত্রিশ সাঁইত্রিশ আটত্রিশ ঊনচল্লিশ
চল্লিশ একচল্লিশ বিয়াল্লিশ তেতাল্লিশ চুয়াল্লিশ পঁয়তাল্লিশ ছেচল্লিশ সাতচল্লিশ আটচল্লিশ ঊনপঞ্চাশ
পঞ্চাশ একান্ন বাহান্ন তিপ্পান্ন চুয়ান্ন পঞ্চান্ন ছাপ্পান্ন সাতান্ন আটান্ন ঊনষাট
ষাট একষট্টি বাষট্টি তেষট্টি চৌষট্টি পঁয়ষট্টি ছেষট্টি সাতষট্টি আটষট্টি ঊনসত্তর
সত্তর একাত্তর বাহাত্তর তিয়াত্তর চুয়াত্তর পঁচাত্তর ছিয়াত্তর সাতাত্তর আটাত্তর ঊনআশি
আশি একাশি বিরাশি তিরাশি চুরাশি পঁচাশি ছিয়াশি সাতাশি অষ্টআশি ঊননব্বই
নব্বই একানব্বই বিরানব্বই তিরানব্বই চুরানব্বই পঁচানব্বই ছিয়ানব্বই সাতানব্বই আটানব্বই নিরানব্বই`)

func thai(n int) string {
	units := words("ศูนย์ หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า")
	if n < 10 {
		return units[n]
	}
	tens, unit := "", ""
	switch n / 10 {
	case 1:
	case 2:
		tens = "ยี่"
	default:
		tens = units[n/10]
	}
	switch n % 10 {
	case 0:
	case 1:
		unit = "เอ็ด"
	default:
		unit = units[n%10]
	}
	return tens + "สิบ" + unit
}

func swahili(n int) string {
	units := words("sifuri moja mbili tatu nne tano sita saba nane tisa")
	tens := words("kumi ishirini thelathini arobaini hamsini sitini sabini themanini tisini")
	switch {
	case n < 10:
		return units[n]
	case n%10 == 0:
		return tens[n/10-1]
	}
	return tens[n/10-1] + " na " + units[n%10]
}

func chinese(n int) string { return sinitic(n, "零") }

func japanese(n int) string { return sinitic(n, "ゼロ") }

// sinitic writes numbers as Chinese and Japanese do.
func sinitic(n int, zero string) string {
	digits := []string{"", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	switch {
	case n == 0:
		return zero
	case n < 10:
		return digits[n]
	case n < 20:
		return "十" + digits[n%10]
	}
	return digits[n/10] + "十" + digits[n%10]
}

func telugu(n int) string {
	return spaced(n, " ", words("సున్నా ఒకటి రెండు మూడు నాలుగు ఐదు ఆరు ఏడు ఎనిమిది తొమ్మిది పది పదకొండు "+
		"పన్నెండు పదమూడు పద్నాలుగు పదిహేను పదహారు పదిహేడు పద్దెనిమిది పంతొమ్మిది"),
		words("ఇరవై ముప్పై నలభై యాభై అరవై డెబ్బై ఎనభై తొంభై"))
}

// spaced writes a number of a language with words below twenty and for the tens
// from twenty on, joined by a separator.
func spaced(n int, separator string, small, tens []string) string {
	switch {
	case n < 20:
		return small[n]
	case n%10 == 0:
		return tens[n/10-2]
	}
	return tens[n/10-2] + separator + small[n%10]
}

func words(text string) []string { return strings.Fields(text) }
