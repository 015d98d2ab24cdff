package langid

import (
	"slices"
	"strings"
)

// Verdicts on texts whose language is not named.
const (
	// None: no words are left when mathematics, code, digits and symbols are gone.
	None = "none"
	// Undetermined: there are letters, but of a script or in an order that no known
	// language has. It is BCP 47's code for that.
	Undetermined = "und"
)

// Languages are the languages of the study, in the paper's order.
var Languages = []string{"en", "es", "ru", "de", "fr", "bn", "th", "sw", "zh", "ja", "te"}

// names are the English names of the languages that are told apart, by ISO 639 code:
// lingua's 75 and those known by their script, letters or commonest words.
var names = map[string]string{
	"af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "as": "Assamese", "az": "Azerbaijani", "ba": "Bashkir",
	"ban": "Balinese", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "bo": "Tibetan", "bs": "Bosnian",
	"bug": "Buginese", "ca": "Catalan", "ccp": "Chakma", "chr": "Cherokee", "cjm": "Cham", "ckb": "Central Kurdish",
	"cop": "Coptic", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "dv": "Dhivehi", "el": "Greek",
	"en": "English", "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
	"ff": "Fulah", "fi": "Finnish", "fr": "French", "ga": "Irish", "got": "Gothic", "gu": "Gujarati", "he": "Hebrew",
	"hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "ii": "Sichuan Yi",
	"is": "Icelandic", "it": "Italian", "iu": "Inuktitut", "ja": "Japanese", "jv": "Javanese", "ka": "Georgian",
	"kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean", "ky": "Kyrgyz", "la": "Latin", "lg": "Ganda",
	"lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mi": "Maori", "mk": "Macedonian", "ml": "Malayalam",
	"mn": "Mongolian", "mni": "Manipuri", "mr": "Marathi", "ms": "Malay", "my": "Burmese", "nb": "Norwegian Bokmål",
	"ne": "Nepali", "nl": "Dutch", "nn": "Norwegian Nynorsk", "nod": "Northern Thai", "nqo": "N’Ko", "or": "Odia",
	"pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
	"sat": "Santali", "sd": "Sindhi", "si": "Sinhala", "sk": "Slovak", "sl": "Slovene", "sn": "Shona", "so": "Somali",
	"sq": "Albanian", "sr": "Serbian", "st": "Sotho", "su": "Sundanese", "sv": "Swedish", "sw": "Swahili",
	"syr": "Syriac", "ta": "Tamil", "te": "Telugu", "tg": "Tajik", "th": "Thai", "ti": "Tigrinya", "tl": "Tagalog",
	"tn": "Tswana", "tr": "Turkish", "ts": "Tsonga", "tt": "Tatar", "ug": "Uyghur", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek",
	"vai": "Vai", "vi": "Vietnamese", "xh": "Xhosa", "yi": "Yiddish", "yo": "Yoruba", "zgh": "Tamazight",
	"zh": "Chinese", "zu": "Zulu",
}

// sameAs are other codes of languages in names.
var sameAs = map[string]string{
	"no": "nb", "nob": "nb", "nno": "nn", "iw": "he", "in": "id", "ji": "yi", "fil": "tl", "cmn": "zh", "yue": "zh",
	"pes": "fa", "prs": "fa", "ku": "ckb", "hbs": "sr", "sh": "sr",
}

// Code is the code by which verdicts name a language: "pt-BR" is "pt", "no" is "nb".
// A code of no known language stays as it is.
func Code(code string) string {
	code, _, _ = strings.Cut(strings.ToLower(strings.ReplaceAll(code, "_", "-")), "-")
	if same, ok := sameAs[code]; ok {
		return same
	}
	return code
}

// Name is the English name of a language, or its code where it is not known.
func Name(code string) string {
	switch code {
	case None:
		return "no words"
	case Undetermined:
		return "undetermined"
	}
	if name, ok := names[Code(code)]; ok {
		return name
	}
	return code
}

// Known reports whether a verdict can be the language with this code.
func Known(code string) bool { return names[Code(code)] != "" }

// Codes are the codes of all languages that verdicts name, sorted.
func Codes() []string {
	codes := make([]string, 0, len(names))
	for code := range names {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}
