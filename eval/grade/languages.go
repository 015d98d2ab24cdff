package grade

// lexicons has the study's languages, and symbols that belong to none.
var lexicons = map[string]lexicon{
	"": {
		changes: "sin, cos, tan, cot, sec, csc, log, ln, lg, exp, sqrt, max, min, gcd, lcm, det, dim, " +
			"arcsin, arccos, arctan, mod, inf",
		magnitudes: "1000: k, K\n1e6: M\n1e9: bn, B",
		percent:    `%`,
		units: `m: m
			km: km
			cm: cm
			mm: mm
			nm: nm
			dm: dm
			μm: μm
			μs: μs
			μg: μg
			μC: μC
			μF: μF
			ft: ft
			in: in
			yd: yd
			mi: mi
			g: g
			kg: kg
			mg: mg
			t: t
			lb: lb, lbs
			oz: oz
			L: l, L
			ml: ml, mL
			s: s, sec, secs
			ms: ms
			min: min, mins
			h: h, hr, hrs
			d: d
			J: J
			kJ: kJ
			kW: kW
			kWh: kWh
			W: W
			N: N
			Pa: Pa
			kPa: kPa
			V: V
			A: A
			mA: mA
			K: K
			C: C
			F: F
			Hz: Hz
			kHz: kHz
			MHz: MHz
			mol: mol
			M: M
			eV: eV
			MeV: MeV
			T: T
			Ω: Ω, \Omega
			rad: rad
			ha: ha
			km/h: kmh, kph, km/hr
			mi/h: mph
			m/s: mps
			rpm: rpm
			am: am, a.m
			pm: pm, p.m
			cm^2: sqcm
			cm^3: cc
			m^2: sqm
			ft^2: sqft
			yr: yr, yrs`,
		currencies: `dollar: $, us$, usd, aud, cad
			euro: €, eur
			pound: £, gbp
			yen: ¥, jpy
			rupee: ₹, inr, rs, rs., re
			taka: ৳, bdt, tk, tk.
			ruble: ₽, rub, р., руб, руб.
			baht: ฿, thb
			yuan: rmb, cny
			sol: s/, s/.
			krone: kr, kr., nok, sek, dkk
			ringgit: rm, myr
			rupiah: rp, rp., idr
			peso: mxn, cop, ars, clp, php
			boliviano: bs, bs., bob
			won: ₩, krw
			lira: ₺
			rand: zar
			naira: ₦, ngn
			real: r$, brl
			franc: chf
			shilling: ksh, ksh., tsh, tsh., tzs, kes, sh, sh., shs, shs., ush, ugx, /=
			quetzal: gtq, quetzal, quetzales
			lempira: hnl, lempira, lempiras
			cedi: ghs, gh₵, ₵, cedi, cedis
			pound: egp
			guaraní: pyg, ₲
			colón: crc, ₡
			dong: vnd, ₫
			forint: huf
			zloty: pln, zł
			hryvnia: uah, ₴`,
	},
	"en": {
		changes: "if, for, not, no, where, when, modulo, remainder, except, but, then, than, more, less, " +
			"least, most, about, approximately, approx, around, base, factorial, plus, minus, over, " +
			"divided, half, halves, third, thirds, quarter, quarters, twice, double, infinity, " +
			"hundredth, hundredths, tenth, tenths, thousandth, thousandths, before, above, below, " +
			"under, outside, inside, sine, cosine, to, until, only if, out, at, nearly, " +
			"almost, roughly",
		and: "and", or: "or",
		numbers: "one two three four five six seven eight nine ten",
		spelling: spelling{
			zero:   "zero",
			from11: "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
			tens:   "twenty thirty forty|fourty fifty sixty seventy eighty ninety",
			joined: "T_U",
			hundreds: "one_hundred|a_hundred two_hundred three_hundred four_hundred five_hundred " +
				"six_hundred seven_hundred eight_hundred nine_hundred",
			above: "H_R|H_and_R",
		},
		magnitudes: "12: dozen, dozens\n20: score\n144: gross\n100: hundred, hundreds\n1000: thousand, " +
			"thousands\n1e6: million, millions, mn, mln\n1e9: billion, billions\n1e12: trillion, " +
			"trillions\n1e5: lakh, lakhs, lac, lacs\n1e7: crore, crores",
		percent: "percent, per cent, pct",
		half:    "half",
		fractions: "2: half, halves\n3: third, thirds\n4: quarter, quarters, fourth, fourths\n5: fifth, " +
			"fifths\n6: sixth, sixths\n7: seventh, sevenths\n8: eighth, eighths\n9: ninth, ninths\n10: " +
			"tenth, tenths",
		andHalf: "and a half, and one half",
		mixed:   "0.25: a quarter of a, quarter of a, a quarter, quarter\n1.5: one and a half",
		minus:   "minus, negative",
		units: `h: hour, hours
			min: minute, minutes
			s: second, seconds
			d: day, days
			wk: week, weeks
			mo: month, months
			yr: year, years
			m: meter, meters, metre, metres
			km: kilometer, kilometers, kilometre, kilometres
			cm: centimeter, centimeters, centimetre, centimetres
			mm: millimeter, millimeters, millimetre, millimetres
			mi: mile, miles
			ft: foot, feet
			in: inch, inches
			yd: yard, yards
			g: gram, grams
			kg: kilogram, kilograms, kilo, kilos
			mg: milligram, milligrams
			t: ton, tons, tonne, tonnes
			lb: pound, pounds
			oz: ounce, ounces
			L: liter, liters, litre, litres
			ml: milliliter, milliliters, millilitre, millilitres
			unit: unit, units
			degree: degree, degrees, deg
			rad: radian, radians
			N: newton, newtons
			J: joule, joules
			W: watt, watts
			V: volt, volts
			cent: cent, cents
			person: people, person, persons
			apple: apple, apples`,
		currencies: "dollar: dollar, dollars, bucks\neuro: euro, euros\nrupee: rupee, rupees\nyen: yen\n" +
			"ruble: ruble, rubles, rouble, roubles\nbaht: baht\nyuan: yuan\ntaka: taka\nshilling: " +
			"shilling, shillings\npeso: peso, pesos",
		square: "square, sq, sq., squared", cubic: "cubic, cu, cu., cubed", per: "per",
		lead: "total, a total of, in total, total of, exactly, either, about, approximately, " +
			"approx, approx., around, roughly, circa, ca, ca.",
		answers:     "answer is, answer:, correct one is, correct choice is, correct option is, choice is",
		conclusions: "so, therefore, thus, hence, in total, altogether, total",
		another:     "another, next, new, a new, here is another, here's another",
		questions: "question, q, problem, exercise, example, user, human, instruction, task, input, " +
			"next question, new question",
	},
	"es": {
		changes: "si, cuando, donde, menos, más, mas, resto, hasta, medio, media, tercios, cuartos, " +
			"aproximadamente, casi, entre, no, sobre, dividido",
		and: "y, e", or: "o, u, ó",
		numbers: "un|uno|una dos tres cuatro cinco seis siete ocho nueve diez",
		spelling: spelling{
			zero: "cero",
			from11: "once doce trece catorce quince dieciséis|dieciseis|diez_y_seis diecisiete " +
				"dieciocho diecinueve veinte veintiuno|veintiún|veintiuna veintidós|veintidos " +
				"veintitrés|veintitres veinticuatro veinticinco veintiséis|veintiseis veintisiete " +
				"veintiocho veintinueve",
			tens:   "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
			joined: "T_y_U",
			hundreds: "ciento|cien doscientos|doscientas trescientos|trescientas " +
				"cuatrocientos|cuatrocientas quinientos|quinientas seiscientos|seiscientas " +
				"setecientos|setecientas ochocientos|ochocientas novecientos|novecientas",
			above: "H_R",
		},
		magnitudes: "12: docena, docenas\n100: cien, ciento, centenar, centenares\n1000: mil, millar, " +
			"millares\n1e6: millón, millones, millon, mill.\n1e9: millardo, millardos\n1e12: billón, " +
			"billones, billon\n1e18: trillón, trillones",
		percent: "por ciento, porciento",
		half:    "medio, media",
		fractions: "2: medio, medios\n3: tercio, tercios\n4: cuarto, cuartos\n5: quinto, quintos\n6: " +
			"sexto, sextos\n7: séptimo, séptimos\n8: octavo, octavos\n9: noveno, novenos\n10: décimo, " +
			"décimos",
		andHalf: "y medio, y media",
		minus:   "menos",
		units: `h: hora, horas
			min: minuto, minutos
			s: segundo, segundos
			d: día, días, dia, dias
			wk: semana, semanas
			mo: mes, meses
			yr: año, años
			m: metro, metros
			km: kilómetro, kilómetros, kilometros
			cm: centímetro, centímetros, centimetros
			mm: milímetro, milímetros
			mi: milla, millas
			ft: pie, pies
			in: pulgada, pulgadas
			g: gramo, gramos
			kg: kilogramo, kilogramos, kilo, kilos
			t: tonelada, toneladas
			lb: libra, libras
			L: litro, litros
			ml: mililitro, mililitros
			unit: unidad, unidades
			degree: grado, grados
			cent: centavo, centavos, céntimo, céntimos
			person: persona, personas
			apple: manzana, manzanas`,
		currencies: "dollar: dólar, dólares, dolar, dolares\neuro: euro, euros\npeso: peso, pesos\nsol: " +
			"sol, soles\nrupee: rupia, rupias\nyen: yen, yenes",
		square: "cuadrado, cuadrados, cuadrada, cuadradas", cubic: "cúbico, cúbicos, cúbica, cúbicas",
		per: "por, cada",
		lead: "un total de, total, en total, son, aproximadamente, aprox, aprox., alrededor de, " +
			"cerca de, unos, unas, más o menos",
		answers: "la respuesta es, respuesta:, la respuesta final es, respuesta final:, respuesta " +
			"correcta es",
		conclusions: "por lo tanto, por tanto, entonces, en total, así que, luego",
		another:     "otra, otro, nueva, nuevo, siguiente",
		questions: "pregunta, problema, ejercicio, ejemplo, usuario, humano, instrucción, tarea, " +
			"siguiente pregunta",
	},
	"ru": {
		changes: "если, не, больше, меньше, более, менее, остаток, при, пол, половина, около, до, " +
			"примерно, почти, из, плюс, раза больше",
		and: "и", or: "или, либо",
		numbers: "один|одна|одно два|две три четыре пять шесть семь восемь девять десять",
		spelling: spelling{
			zero: "ноль|нуль",
			from11: "одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать " +
				"восемнадцать девятнадцать",
			tens:     "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто",
			joined:   "T_U",
			hundreds: "сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот",
			above:    "H_R",
		},
		magnitudes: "12: дюжина, дюжины, дюжин, дюжину\n100: сотня, сотни, сотен, сотню, сто\n1000: " +
			"тысяча, тысячи, тысяч, тысячу, тысячам, тысячами, тысячах, тыс, тыс.\n1e6: миллион, " +
			"миллиона, миллионов, миллионы, млн, млн.\n1e9: миллиард, миллиарда, миллиардов, " +
			"миллиарды, млрд, млрд.\n1e12: триллион, триллиона, триллионов, трлн, трлн.",
		percent: "процент, процента, процентов, проц.",
		half:    "пол",
		fractions: "3: треть, трети\n4: четверть, четверти\n5: пятая, пятых\n6: шестая, шестых\n7: " +
			"седьмая, седьмых\n8: восьмая, восьмых\n9: девятая, девятых\n10: десятая, десятых",
		andHalf: "с половиной",
		mixed:   "1.5: полтора, полторы, полутора",
		minus:   "минус",
		units: `h: час, часа, часов, ч, ч.
			min: минута, минуты, минут, минуту, мин, мин.
			s: секунда, секунды, секунд, с, сек, сек.
			d: день, дня, дней, сутки, суток, дн.
			wk: неделя, недели, недель, нед.
			mo: месяц, месяца, месяцев, мес.
			yr: год, года, лет, годов, г.
			m: метр, метра, метров, м, м.
			km: километр, километра, километров, км
			cm: сантиметр, сантиметра, сантиметров, см
			mm: миллиметр, миллиметра, миллиметров, мм
			dm: дециметр, дециметра, дециметров, дм
			mi: миля, мили, миль
			ft: фут, фута, футов
			in: дюйм, дюйма, дюймов
			g: грамм, грамма, граммов, г
			kg: килограмм, килограмма, килограммов, кг
			t: тонна, тонны, тонн, т
			lb: фунт, фунта, фунтов
			L: литр, литра, литров, л, л.
			ml: миллилитр, миллилитра, миллилитров, мл
			unit: единица, единицы, единиц, ед, ед.
			degree: градус, градуса, градусов
			cent: цент, цента, центов
			N: н
			J: дж
			W: вт
			V: в
			person: человек, человека, чел.
			apple: яблоко, яблока, яблок
			piece: шт, шт., штук, штуки, штука`,
		currencies: "dollar: доллар, доллара, долларов, долл.\neuro: евро\nruble: рубль, рубля, рублей, " +
			"рублям, р\nrupee: рупия, рупии, рупий\nyen: иена, иены, иен",
		square: "кв, кв., квадратный, квадратных, квадратные, квадратная",
		cubic:  "куб, куб., кубический, кубических, кубические", per: "в, за, на",
		lead:        "всего, итого, ровно, около, примерно, приблизительно, порядка",
		answers:     "ответ:, ответ —, ответ",
		conclusions: "итого, итак, значит, следовательно, всего, таким образом",
		another:     "следующая, следующий, следующее, новая, новый, другая, ещё одна",
		questions: "вопрос, задача, упражнение, пример, пользователь, человек, инструкция, задание, " +
			"следующий вопрос",
	},
	"de": {
		changes: "wenn, nicht, mehr, weniger, mindestens, höchstens, rest, bis, halb, halbe, drittel, " +
			"viertel, etwa, ungefähr, fast, falls, mal, von, über, unter, hoch",
		and: "und, sowie", or: "oder, bzw., beziehungsweise",
		numbers: "eins|ein|eine zwei drei vier fünf sechs sieben acht neun zehn",
		spelling: spelling{
			zero:   "",
			from11: "elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn",
			tens:   "zwanzig dreißig|dreissig vierzig fünfzig sechzig siebzig achtzig neunzig",
			joined: "UundT",
			units:  "ein|eins",
			hundreds: "einhundert|hundert zweihundert dreihundert vierhundert fünfhundert sechshundert " +
				"siebenhundert achthundert neunhundert",
			above: "HR|HundR",
		},
		magnitudes: "12: dutzend\n100: hundert\n1000: tausend, tsd, tsd.\n1e6: million, millionen, mio, " +
			"mio.\n1e9: milliarde, milliarden, mrd, mrd.\n1e12: billionen, bio.\n1e15: billiarde, " +
			"billiarden\n1e18: trillionen",
		percent: "prozent, v.h.",
		half:    "halbe, halbes, eine halbe, ein halbes",
		fractions: "2: halb, halbe, halbes\n3: drittel\n4: viertel\n5: fünftel\n6: sechstel\n7: siebtel\n" +
			"8: achtel\n9: neuntel\n10: zehntel",
		andHalf: "und ein halb, einhalb",
		mixed: "1.5: eineinhalb, anderthalb, einundeinhalb\n2.5: zweieinhalb\n3.5: dreieinhalb\n4.5: " +
			"viereinhalb\n5.5: fünfeinhalb\n6.5: sechseinhalb\n7.5: siebeneinhalb\n8.5: achteinhalb\n9.5: " +
			"neuneinhalb\n10.5: zehneinhalb",
		minus: "minus",
		units: `h: stunde, stunden, std, std.
			min: minute, minuten
			s: sekunde, sekunden, sek, sek.
			d: tag, tage, tagen
			wk: woche, wochen
			mo: monat, monate, monaten
			yr: jahr, jahre, jahren
			m: meter, metern
			km: kilometer, kilometern
			cm: zentimeter, zentimetern
			mm: millimeter, millimetern
			mi: meile, meilen
			ft: fuß
			in: zoll
			g: gramm
			kg: kilogramm, kilo
			t: tonne, tonnen
			lb: pfund
			L: liter, litern
			ml: milliliter
			unit: einheit, einheiten, le
			degree: grad
			m^2: quadratmeter, quadratmetern
			cm^2: quadratzentimeter, quadratzentimetern
			km^2: quadratkilometer, quadratkilometern
			m^3: kubikmeter, kubikmetern
			cm^3: kubikzentimeter, kubikzentimetern
			unit^2: quadrateinheiten, flächeneinheiten, fe
			unit^3: volumeneinheiten, ve
			cent: cent, cents
			km/h: stundenkilometer
			oclock: uhr
			person: personen, person, leute, menschen
			apple: apfel, äpfel
			piece: stück`,
		currencies: "dollar: dollar, us-dollar\neuro: euro\nfranc: franken\nrupee: rupien",
		square:     "quadrat", cubic: "kubik", per: "pro, je",
		lead: "insgesamt, genau, zusammen, etwa, ungefähr, circa, rund, zirka",
		answers: "die antwort ist, antwort:, die antwort lautet, antwort lautet, endgültige antwort " +
			"ist, richtige antwort ist",
		conclusions: "also, insgesamt, daher, somit, folglich, deshalb",
		another:     "weitere, eine weitere, neue, nächste, nächstes",
		questions: "frage, aufgabe, problem, übung, beispiel, benutzer, nutzer, mensch, anweisung, " +
			"nächste frage",
	},
	"fr": {
		changes: "plus, moins, reste, jusqu, demi, demie, tiers, quarts, environ, presque, si, pas, sauf, " +
			"sur, fois plus, entre",
		and: "et", or: "ou, ou bien",
		numbers: "un|une deux trois quatre cinq six sept huit neuf dix",
		spelling: spelling{
			zero:   "zéro",
			from11: "onze douze treize quatorze quinze seize dix_sept dix_huit dix_neuf",
			tens: "vingt trente quarante cinquante soixante septante " +
				"quatre_vingts|quatre_vingt|huitante|octante nonante",
			joined: "T_U|T_et_U",
			scores: "soixante quatre_vingts",
			hundreds: "cent deux_cents|deux_cent trois_cents|trois_cent quatre_cents|quatre_cent " +
				"cinq_cents|cinq_cent six_cents|six_cent sept_cents|sept_cent huit_cents|huit_cent " +
				"neuf_cents|neuf_cent",
			above: "H_R",
		},
		magnitudes: "12: douzaine, douzaines\n100: centaine, centaines\n1000: mille, millier, milliers\n" +
			"1e6: million, millions\n1e9: milliard, milliards, md, mds, mrd, mrds\n1e12: billions\n1e18: " +
			"trillions\n1e15: billiard, billiards",
		percent: "pour cent, pourcent, pourcents",
		half:    "demi, un demi, une demi",
		fractions: "2: demi, demie, demis\n3: tiers\n4: quart, quarts\n5: cinquième, cinquièmes\n6: " +
			"sixième, sixièmes\n7: septième, septièmes\n8: huitième, huitièmes\n9: neuvième, neuvièmes\n" +
			"10: dixième, dixièmes",
		andHalf: "et demi, et demie",
		minus:   "moins",
		units: `h: heure, heures
			min: minute, minutes
			s: seconde, secondes
			d: jour, jours, j
			wk: semaine, semaines
			mo: mois
			yr: an, ans, année, années
			m: mètre, mètres, metre, metres
			km: kilomètre, kilomètres
			cm: centimètre, centimètres
			mm: millimètre, millimètres
			mi: mille marin
			ft: pied, pieds
			in: pouce, pouces
			g: gramme, grammes
			kg: kilogramme, kilogrammes, kilo, kilos
			t: tonne, tonnes
			lb: livre, livres
			L: litre, litres
			ml: millilitre, millilitres
			unit: unité, unités
			degree: degré, degrés
			cent: centime, centimes
			person: personne, personnes
			apple: pomme, pommes`,
		currencies: "dollar: dollar, dollars\neuro: euro, euros\nfranc: franc, francs\nrupee: roupie, " +
			"roupies\nyen: yen, yens",
		square: "carré, carrés, carrée, carrées", cubic: "cube, cubes", per: "par, à, chaque",
		lead: "au total, en tout, un total de, total, environ, à peu près, approximativement",
		answers: "la réponse est, réponse:, réponse :, la réponse finale est, réponse finale:, " +
			"réponse finale :, bonne réponse est",
		conclusions: "donc, ainsi, au total, par conséquent, en tout",
		another:     "autre, une autre, nouvelle, nouveau",
		questions: "question, problème, exercice, exemple, utilisateur, humain, instruction, tâche, " +
			"question suivante",
	},
	"bn": {
		changes: "নয়, নয়, না, বেশি, কম, প্রায়, প্রায়, অর্ধেক, অন্তত, কমপক্ষে, যদি, থেকে, এর বেশি, ভাগ",
		and:     "এবং, ও, আর", or: "বা, অথবা, কিংবা",
		numbers: "এক দুই তিন চার পাঁচ ছয় সাত আট নয় দশ",
		spelling: spelling{
			zero: "শূন্য",
			from11: "এগারো|এগার বারো তেরো|তের চৌদ্দ|চোদ্দ পনেরো|পনের ষোলো|ষোল সতেরো|সতের আঠারো|আঠার " +
				"উনিশ|ঊনিশ বিশ|কুড়ি একুশ বাইশ তেইশ চব্বিশ পঁচিশ ছাব্বিশ সাতাশ আটাশ|আঠাশ উনত্রিশ|ঊনত্রিশ " +
				"ত্রিশ|তিরিশ একত্রিশ বত্রিশ তেত্রিশ চৌত্রিশ পঁয়ত্রিশ|পঁইত্রিশ ছত্রিশ " +
				"সাঁইত্রিশ|সাতত্রিশ আটত্রিশ উনচল্লিশ|ঊনচল্লিশ চল্লিশ একচল্লিশ বিয়াল্লিশ " +
				"তেতাল্লিশ চুয়াল্লিশ|চৌচল্লিশ পঁয়তাল্লিশ ছেচল্লিশ সাতচল্লিশ আটচল্লিশ " +
				"উনপঞ্চাশ|ঊনপঞ্চাশ পঞ্চাশ একান্ন বায়ান্ন|বাহান্ন তিপ্পান্ন চুয়ান্ন " +
				"পঞ্চান্ন ছাপ্পান্ন সাতান্ন আটান্ন উনষাট|ঊনষাট ষাট একষট্টি বাষট্টি " +
				"তেষট্টি চৌষট্টি পঁয়ষট্টি ছেষট্টি|ছিষট্টি সাতষট্টি আটষট্টি " +
				"উনসত্তর|ঊনসত্তর সত্তর একাত্তর বাহাত্তর তিয়াত্তর চুয়াত্তর " +
				"পঁচাত্তর ছিয়াত্তর সাতাত্তর আটাত্তর উনআশি|ঊনআশি|উনাশি " +
				"আশি একাশি বিরাশি তিরাশি চুরাশি পঁচাশি ছিয়াশি সাতাশি " +
				"আটাশি|অষ্টাশি উননব্বই|ঊননব্বই নব্বই একানব্বই " +
				"বিরানব্বই তিরানব্বই চুরানব্বই পঁচানব্বই " +
				"ছিয়ানব্বই সাতানব্বই আটানব্বই নিরানব্বই",
			hundreds: "একশ|একশত|এক_শ|এক_শত|একশো|এক_শো দুইশ|দুইশত|দুই_শ|দুই_শত|দুইশো|দুই_শো|দুশ|দুশো " +
				"তিনশ|তিনশত|তিন_শ|তিন_শত|তিনশো|তিন_শো চারশ|চারশত|চার_শ|চার_শত|চারশো|চার_শো " +
				"পাঁচশ|পাঁচশত|পাঁচ_শ|পাঁচ_শত|পাঁচশো|পাঁচ_শো ছয়শ|ছয়শত|ছয়_শ|ছয়_শত|ছয়শো|ছয়_শো " +
				"সাতশ|সাতশত|সাত_শ|সাত_শত|সাতশো|সাত_শো আটশ|আটশত|আট_শ|আট_শত|আটশো|আট_শো " +
				"নয়শ|নয়শত|নয়_শ|নয়_শত|নয়শো|নয়_শো",
			above: "H_R",
		},
		magnitudes: "12: ডজন\n100: শত, শ, শো\n1000: হাজার\n1e5: লক্ষ, লাখ\n1e6: মিলিয়ন, মিলিয়ন\n1e7: " +
			"কোটি\n1e9: বিলিয়ন, বিলিয়ন\n1e12: ট্রিলিয়ন, ট্রিলিয়ন",
		percent: "শতাংশ, পার্সেন্ট, শতকরা",
		half:    "আধা",
		mixed: "1.5: দেড়, দেড়\n2.5: আড়াই\n3.5: সাড়ে তিন\n4.5: সাড়ে চার\n5.5: সাড়ে পাঁচ\n6.5: " +
			"সাড়ে ছয়\n7.5: সাড়ে সাত\n8.5: সাড়ে আট\n9.5: সাড়ে নয়\n10.5: সাড়ে দশ",
		minus: "ঋণাত্মক, মাইনাস, বিয়োগ",
		units: `h: ঘণ্টা, ঘন্টা
			min: মিনিট
			s: সেকেন্ড, সেকেণ্ড
			d: দিন
			wk: সপ্তাহ
			mo: মাস
			yr: বছর
			m: মিটার, মি., মি
			km: কিলোমিটার, কিমি, কি.মি.
			cm: সেন্টিমিটার, সেমি, সে.মি., সে.মি
			mm: মিলিমিটার, মিমি
			mi: মাইল
			ft: ফুট
			in: ইঞ্চি
			g: গ্রাম
			kg: কিলোগ্রাম, কেজি
			t: টন
			lb: পাউন্ড
			L: লিটার
			ml: মিলিলিটার
			unit: একক, ইউনিট
			degree: ডিগ্রি, ডিগ্রী
			cent: সেন্ট
			person: জন
			piece: টি, টা, খানা, গুলো
			apple: আপেল, টি আপেল`,
		currencies: "dollar: ডলার\neuro: ইউরো\ntaka: টাকা\nrupee: রুপি\npaisa: পয়সা",
		square:     "বর্গ", cubic: "ঘন", per: "প্রতি",
		lead:        "মোট, সর্বমোট, প্রায়, আনুমানিক",
		answers:     "উত্তর হল, উত্তর:, উত্তর হলো, উত্তর",
		conclusions: "মোট, অতএব, সুতরাং, তাই, তাহলে",
		another:     "আরেকটি, পরবর্তী, আর একটি, নতুন",
		questions:   "প্রশ্ন, সমস্যা, উদাহরণ, ব্যবহারকারী, মানুষ, নির্দেশ, নির্দেশনা, পরবর্তী প্রশ্ন",
	},
	"th": {
		changes: "เกิน, เกือบ, ที่, ข้อ, ละ, รากที่สอง, ไม่, มากกว่า, น้อยกว่า, ประมาณ, ครึ่ง, อย่างน้อย, " +
			"ถ้า, เศษ, ถึง, ขึ้นไป, กว่า",
		and: "และ, กับ", or: "หรือ",
		numbers: "หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า สิบ",
		spelling: spelling{
			zero:     "ศูนย์",
			from11:   "สิบเอ็ด สิบสอง สิบสาม สิบสี่ สิบห้า สิบหก สิบเจ็ด สิบแปด สิบเก้า",
			tens:     "ยี่สิบ สามสิบ สี่สิบ ห้าสิบ หกสิบ เจ็ดสิบ แปดสิบ เก้าสิบ",
			joined:   "TU",
			units:    "เอ็ด",
			hundreds: "หนึ่งร้อย|ร้อย สองร้อย สามร้อย สี่ร้อย ห้าร้อย หกร้อย เจ็ดร้อย แปดร้อย เก้าร้อย",
			above:    "HR",
		},
		magnitudes: "12: โหล\n100: ร้อย\n1000: พัน\n1e4: หมื่น\n1e5: แสน\n1e6: ล้าน",
		percent:    "เปอร์เซ็นต์, เปอร์เซนต์, ร้อยละ",
		half:       "ครึ่ง",
		andHalf:    "ครึ่ง",
		minus:      "ลบ",
		units: `h: ชั่วโมง, ชม., ชม
			min: นาที
			s: วินาที
			d: วัน
			wk: สัปดาห์
			mo: เดือน
			yr: ปี
			m: เมตร, ม.
			km: กิโลเมตร, กม., กม
			cm: เซนติเมตร, ซม., ซม
			mm: มิลลิเมตร, มม.
			mi: ไมล์
			ft: ฟุต
			in: นิ้ว
			g: กรัม
			kg: กิโลกรัม, กก., กก
			t: ตัน
			lb: ปอนด์
			L: ลิตร
			ml: มิลลิลิตร
			unit: หน่วย
			degree: องศา
			cent: เซนต์
			person: คน
			piece: ชิ้น, อัน, ลูก, ตัว, เล่ม`,
		currencies: "dollar: ดอลลาร์, ดอลล่าร์\nbaht: บาท\neuro: ยูโร\nyen: เยน",
		square:     "ตาราง", cubic: "ลูกบาศก์", per: "ต่อ",
		lead:        "รวม, ทั้งหมด, รวมทั้งหมด, ประมาณ, ราว, ราวๆ",
		answers:     "คำตอบคือ, คำตอบ:, คำตอบ",
		conclusions: "รวม, ดังนั้น, เพราะฉะนั้น, ทั้งหมด",
		another:     "อีก",
		questions:   "คำถาม, โจทย์, ปัญหา, ตัวอย่าง, ผู้ใช้, มนุษย์, คำสั่ง, ข้อ, คำถามถัดไป",
	},
	"sw": {
		changes: "zaidi, chini, juu, kabla, baada, hadi, mpaka, karibu, takriban, takribani, angalau, " +
			"sio, si, bila, isipokuwa, kasoro, toa, kama, ikiwa, baki, nusu, robo, theluthi, siyo, sawa",
		and: "na", or: "au, ama",
		numbers: "moja|mmoja mbili|wawili tatu|watatu nne|wanne tano|watano sita saba nane|wanane tisa kumi",
		spelling: spelling{
			zero: "sifuri",
			from11: "kumi_na_moja kumi_na_mbili kumi_na_tatu kumi_na_nne kumi_na_tano kumi_na_sita " +
				"kumi_na_saba kumi_na_nane kumi_na_tisa",
			tens:     "ishirini thelathini arobaini|arubaini hamsini sitini sabini themanini tisini",
			joined:   "T_na_U",
			hundreds: "mia_moja|mia mia_mbili mia_tatu mia_nne mia_tano mia_sita mia_saba mia_nane mia_tisa",
			above:    "H_na_R|H_R",
		},
		magnitudes: "12: dazeni, darzeni\n100: mia\n1000: elfu, alfu, maelfu\n1e5: laki, lakhi\n1e6: " +
			"milioni\n1e9: bilioni\n1e12: trilioni",
		magnitudeFirst: true,
		percent:        "asilimia",
		half:           "nusu",
		fractions:      "3: theluthi\n4: robo",
		andHalf:        "na nusu",
		minus:          "hasi",
		units: `h: saa, masaa
			min: dakika
			s: sekunde
			d: siku
			wk: wiki
			mo: mwezi, miezi
			yr: mwaka, miaka
			m: mita
			km: kilomita
			cm: sentimita
			mm: milimita
			mi: maili
			ft: futi
			in: inchi
			g: gramu
			kg: kilogramu, kilo
			t: tani
			lb: pauni
			L: lita
			ml: mililita
			unit: kizio, vizio, vipimo
			degree: digrii, nyuzi
			cent: senti
			person: watu, mtu
			apple: tufaha, matufaha, matofaa, tofaa`,
		currencies: "dollar: dola\nshilling: shilingi, shillingi\neuro: yuro\nrupee: rupia",
		square:     "mraba, za mraba", cubic: "ujazo, za ujazo", per: "kwa, kila",
		lead:        "jumla, jumla ya, takriban, takribani, karibu, kama, kiasi cha, yapata",
		answers:     "jibu ni, jibu:, jibu la mwisho ni, jibu sahihi ni",
		conclusions: "jumla, kwa hiyo, hivyo, kwa hivyo",
		another:     "jingine",
		questions:   "swali, tatizo, zoezi, mfano, mtumiaji, binadamu, maelekezo, swali linalofuata",
	},
	"zh": {
		changes: "超过, 大于, 小于, 少于, 多于, 至少, 最多, 约, 大约, 近, 不足, 不是, 第, 每, 除, 根号, 以上, 以下, 以内, 不, 不到, 多, 余, 餘, " +
			"左右, 的一半, 一半, 半, 倍以上, 到, 至, 如果, 除以, 乘, 加, 减, 分之, 点",
		and: "和, 与, 與, 及, 以及, 且, 并且", or: "或, 或者, 或是",
		numbers:    "一 二|两|兩 三 四 五 六 七 八 九 十",
		magnitudes: "12: 打\n10: 十\n100: 百\n1000: 千\n1e4: 万, 萬\n1e8: 亿, 億\n1e12: 兆",
		percent:    "百分之, 个百分点",
		andHalf:    "半, 个半, 個半",
		minus:      "负, 負",
		units: `h: 小时, 小時, 个小时
			min: 分钟, 分鐘, 分
			s: 秒, 秒钟
			d: 天, 日
			wk: 周, 星期
			mo: 个月
			yr: 年, 岁
			m: 米, 公尺
			km: 千米, 公里
			cm: 厘米, 公分
			mm: 毫米
			dm: 分米
			mi: 英里
			ft: 英尺
			in: 英寸
			g: 克
			kg: 千克, 公斤
			t: 吨, 噸
			lb: 磅
			L: 升
			ml: 毫升
			unit: 单位, 單位
			degree: 度
			cent: 美分
			person: 人, 个人, 名
			apple: 苹果, 个苹果
			piece: 个, 只, 本, 张, 支, 条, 件, 把, 颗, 台, 辆, 次, 种, 位, 棵, 朵, 枚
			m^2: 平方米
			cm^2: 平方厘米
			m^3: 立方米
			cm^3: 立方厘米
			km/h: 千米/时, 公里/小时`,
		currencies: "yuan: 元, 块, 人民币\ndollar: 美元\nyen: 日元\neuro: 欧元",
		square:     "平方", cubic: "立方", per: "每",
		lead:        "约, 大约, 大概, 差不多, 約, 大約, 约为, 大约是, 近似, 共, 一共, 总共, 共计, 总计, 每小时, 时速, 每秒, 每分钟, 每天",
		answers:     "答案是, 答案为, 答案：, 答案:",
		conclusions: "所以, 因此, 总共, 一共, 故, 于是, 共",
		another:     "另一个, 另一道, 下一个, 下一道, 下一, 新的, 新",
		questions:   "问题, 問題, 题目, 題目, 例题, 练习, 用户, 人类, 指令, 问, 题, 下一题, 下一个问题",
	},
	"ja": {
		changes: "少なくとも, 最大, 最小, およそ, 以外, 第, 毎, 各, ルート, 以上, 以下, 未満, 以内, ではない, でない, じゃない, くらい, ぐらい, ほど, " +
			"程度, 約, 半, から, まで, より, 余り, あまり, 分の, 強, 弱, 超",
		and: "と, 及び, および, 並びに, ならびに, かつ, そして", or: "または, 又は, もしくは, 若しくは, あるいは, 或いは, 或は, か",
		numbers:    "一 二 三 四 五 六 七 八 九 十",
		magnitudes: "12: ダース\n10: 十\n100: 百\n1000: 千\n1e4: 万\n1e8: 億\n1e12: 兆",
		percent:    "パーセント, ％",
		andHalf:    "半",
		minus:      "マイナス",
		units: `h: 時間
			min: 分, 分間
			s: 秒, 秒間
			d: 日, 日間
			wk: 週間, 週
			mo: ヶ月, か月, カ月
			yr: 年, 年間, 歳
			m: メートル
			km: キロメートル, キロ
			cm: センチメートル, センチ
			mm: ミリメートル
			mi: マイル
			ft: フィート
			in: インチ
			g: グラム
			kg: キログラム
			t: トン
			lb: ポンド
			L: リットル
			ml: ミリリットル
			unit: 単位
			degree: 度
			cent: セント
			person: 人
			piece: 個, 本, 枚, つ, 冊, 匹, 回, 通り, 台, 杯, 羽, 頭, 足
			m^2: 平方メートル
			cm^2: 平方センチメートル
			m^3: 立方メートル
			cm^3: 立方センチメートル`,
		currencies: "yen: 円\ndollar: ドル\neuro: ユーロ",
		square:     "平方", cubic: "立方", per: "毎",
		lead:        "約, およそ, おおよそ, 合計, 全部で, 計, 毎時, 時速, 毎秒, 秒速, 毎分, 分速",
		answers:     "答えは, 答え：, 答え:",
		conclusions: "よって, したがって, ゆえに, 合計, だから, 従って",
		another:     "別の, 次の, 新しい",
		questions:   "問題, 質問, 例題, 練習問題, ユーザー, 人間, 指示, 問, 次の問題",
	},
	"te": {
		changes: "కాదు, కంటే, ఎక్కువ, తక్కువ, సుమారు, సగం, కనీసం, అయితే, నుండి, వరకు",
		and:     "మరియు", or: "లేదా",
		numbers: "ఒక|ఒకటి రెండు మూడు నాలుగు ఐదు|అయిదు ఆరు ఏడు ఎనిమిది తొమ్మిది పది",
		spelling: spelling{
			zero: "సున్నా|సున్న",
			from11: "పదకొండు పన్నెండు పదమూడు పద్నాలుగు|పధ్నాలుగు పదిహేను|పదునయిదు పదహారు పదిహేడు " +
				"పద్దెనిమిది|పధ్ధెనిమిది పంతొమ్మిది|పందొమ్మిది",
			tens:   "ఇరవై ముప్పై|ముప్ఫై నలభై యాభై అరవై డెబ్బై|డెబ్భై ఎనభై తొంభై",
			joined: "T_U|TU",
			hundreds: "నూరు|నూట|వంద|వందల|ఒక_వంద రెండు_వందల|రెండు_వందలు మూడు_వందల|మూడు_వందలు " +
				"నాలుగు_వందల|నాలుగు_వందలు ఐదు_వందల|ఐదు_వందలు ఆరు_వందల|ఆరు_వందలు ఏడు_వందల|ఏడు_వందలు " +
				"ఎనిమిది_వందల|ఎనిమిది_వందలు తొమ్మిది_వందల|తొమ్మిది_వందలు",
			above: "H_R",
		},
		magnitudes: "12: డజను, డజన్, డజన్లు, డజన్ల\n100: వంద, వందలు, వందల\n1000: వెయ్యి, వేలు, వేల, వేయి, " +
			"వేయిల\n1e5: లక్ష, లక్షలు, లక్షల\n1e6: మిలియన్, మిలియన్లు, మిలియన్ల\n1e7: కోటి, కోట్లు, " +
			"కోట్ల\n1e9: బిలియన్, బిలియన్లు, బిలియన్ల\n1e12: ట్రిలియన్, ట్రిలియన్లు, ట్రిలియన్ల",
		percent: "శాతం",
		half:    "అర",
		mixed: "1.5: ఒకటిన్నర\n2.5: రెండున్నర\n3.5: మూడున్నర\n4.5: నాలుగున్నర\n5.5: ఐదున్నర\n6.5: " +
			"ఆరున్నర\n7.5: ఏడున్నర\n8.5: ఎనిమిదిన్నర\n9.5: తొమ్మిదిన్నర",
		minus: "మైనస్, రుణ, ఋణ",
		units: `h: గంట, గంటలు, గంటల
			min: నిమిషం, నిమిషాలు, నిమిషాల
			s: సెకను, సెకన్లు, సెకండ్లు, సెకన్ల
			d: రోజు, రోజులు, రోజుల
			wk: వారం, వారాలు
			mo: నెల, నెలలు
			yr: సంవత్సరం, సంవత్సరాలు, ఏళ్లు
			m: మీటరు, మీటర్లు, మీటర్ల, మీటర్, మీ.
			km: కిలోమీటరు, కిలోమీటర్లు, కిలోమీటర్ల, కి.మీ., కి.మీ, కిమీ
			cm: సెంటీమీటరు, సెంటీమీటర్లు, సెం.మీ., సెం.మీ, సెంమీ
			mm: మిల్లీమీటర్లు, మి.మీ.
			mi: మైలు, మైళ్లు, మైళ్ళు
			ft: అడుగు, అడుగులు
			in: అంగుళం, అంగుళాలు
			g: గ్రాము, గ్రాములు, గ్రాముల
			kg: కిలోగ్రాము, కిలోగ్రాములు, కిలోలు, కిలో, కేజీ
			t: టన్ను, టన్నులు
			lb: పౌండ్లు, పౌండ్
			L: లీటరు, లీటర్లు, లీటర్ల
			ml: మిల్లీలీటర్లు
			unit: యూనిట్, యూనిట్లు
			degree: డిగ్రీ, డిగ్రీలు
			cent: సెంట్లు, సెంట్
			person: మంది
			apple: ఆపిల్, ఆపిల్స్`,
		currencies: "dollar: డాలర్, డాలర్లు, డాలర్ల\nrupee: రూపాయి, రూపాయలు, రూపాయల, రూ., రూ\neuro: యూరో, " +
			"యూరోలు",
		square: "చదరపు, చ.", cubic: "ఘనపు, ఘన", per: "ప్రతి",
		lead:        "మొత్తం, సుమారు, సుమారుగా, దాదాపు",
		answers:     "సమాధానం:, సమాధానం",
		conclusions: "మొత్తం, కాబట్టి, అందువల్ల, కనుక",
		another:     "మరో, మరొక, తదుపరి, కొత్త",
		questions:   "ప్రశ్న, సమస్య, ఉదాహరణ, వినియోగదారు, మానవుడు, సూచన, తదుపరి ప్రశ్న",
	},
}
