#!/usr/bin/env python3
"""Writes eval/grade/testdata/strict.jsonl: answers as people of the eleven languages write
them, a reference, and whether a person would call the answer right.

    python3 third_party/strict-goldens.py > eval/grade/testdata/strict.jsonl
"""

import json

rows = []


def add(kind, lang, answer, *verdicts, boxed=True):
    """verdicts: references; one that begins with "!" is not what the answer says."""
    for reference in verdicts:
        want = not reference.startswith("!")
        rows.append(dict(kind=kind, lang=lang, output=r"\boxed{%s}" % answer if boxed else answer, reference=reference.removeprefix("!"), want=want))


# Magnitude words multiply.
for lang, answer, value, part in [
    ("en", "7 thousand", "7000", "7"),
    ("en", "1.5 billion", "1500000000", "1.5"),
    ("en", "2 trillion", "2000000000000", "2"),
    ("en", "three million", "3000000", "3"),
    ("en", "4.2\\text{ million}", "4200000", "4.2"),
    ("en", "12k", "12000", "12"),
    ("en", "3.5M", "3500000", "3.5"),
    ("en", "6 dozen", "72", "6"),
    ("en", "2 million 500 thousand", "2500000", "2"),
    ("en", "4 hundred", "400", "4"),
    ("en", "5 lakh", "500000", "5"),
    ("en", "3 crore", "30000000", "3"),
    ("en", "5 thousand dollars", "5000", "5"),
    ("en", "\\$5 million", "5000000", "5"),
    ("en", "2 bn", "2000000000", "2"),
    ("es", "5 mil", "5000", "5"),
    ("es", "2 millones", "2000000", "2"),
    ("es", "3 mil millones", "3000000000", "3"),
    ("es", "1 billón", "1000000000000", "1"),
    ("es", "4 millones de pesos", "4000000", "4"),
    ("es", "2 docenas", "24", "2"),
    ("es", "dos mil", "2000", "2"),
    ("es", "2,5 millones", "2500000", "2.5"),
    ("ru", "5 тысяч", "5000", "5"),
    ("ru", "3 тыс.", "3000", "3"),
    ("ru", "2 миллиона", "2000000", "2"),
    ("ru", "7 млн", "7000000", "7"),
    ("ru", "1,5 млрд", "1500000000", "1.5"),
    ("ru", "4 тысячи рублей", "4000", "4"),
    ("ru", "пять миллионов", "5000000", "5"),
    ("ru", "3 сотни", "300", "3"),
    ("ru", "2 дюжины", "24", "2"),
    ("ru", "\\text{6 тыс. человек}", "6000", "6"),
    ("de", "3 Tausend", "3000", "3"),
    ("de", "2,5 Millionen", "2500000", "2.5"),
    ("de", "4 Mio.", "4000000", "4"),
    ("de", "3 Mrd. Euro", "3000000000", "3"),
    ("de", "1 Milliarde", "1000000000", "1"),
    ("de", "2 Billionen", "2000000000000", "2"),
    ("de", "5 Dutzend", "60", "5"),
    ("de", "drei Millionen", "3000000", "3"),
    ("de", "7\\text{ Tsd.}", "7000", "7"),
    ("de", "8 Hundert", "800", "8"),
    ("fr", "5 mille", "5000", "5"),
    ("fr", "3 millions", "3000000", "3"),
    ("fr", "2 milliards", "2000000000", "2"),
    ("fr", "7 milliers", "7000", "7"),
    ("fr", "1,2 million", "1200000", "1.2"),
    ("fr", "3 douzaines", "36", "3"),
    ("fr", "4 millions d'euros", "4000000", "4"),
    ("fr", "deux mille", "2000", "2"),
    ("bn", "৫ হাজার", "5000", "5"),
    ("bn", "3 লাখ", "300000", "3"),
    ("bn", "২ কোটি", "20000000", "2"),
    ("bn", "4 লক্ষ টাকা", "400000", "4"),
    ("bn", "৬ শত", "600", "6"),
    ("bn", "১.৫ লক্ষ", "150000", "1.5"),
    ("bn", "২ লক্ষ ৫০ হাজার", "250000", "2"),
    ("bn", "তিন হাজার", "3000", "3"),
    ("bn", "5 মিলিয়ন", "5000000", "5"),
    ("bn", "৩ ডজন", "36", "3"),
    ("th", "3 พัน", "3000", "3"),
    ("th", "๒ หมื่น", "20000", "2"),
    ("th", "5 แสน", "500000", "5"),
    ("th", "4 ล้าน", "4000000", "4"),
    ("th", "2.5 ล้านบาท", "2500000", "2.5"),
    ("th", "6 ร้อย", "600", "6"),
    ("th", "3 พันล้าน", "3000000000", "3"),
    ("th", "สามพัน", "3000", "3"),
    ("th", "2 โหล", "24", "2"),
    ("sw", "elfu 5", "5000", "5"),
    ("sw", "milioni 2", "2000000", "2"),
    ("sw", "laki 3", "300000", "3"),
    ("sw", "mia 4", "400", "4"),
    ("sw", "bilioni 1.5", "1500000000", "1.5"),
    ("sw", "elfu tatu", "3000", "3"),
    ("sw", "shilingi elfu 5", "5000", "5"),
    ("sw", "elfu 3 na mia 5", "3500", "3"),
    ("sw", "dola milioni 2", "2000000", "2"),
    ("sw", "dazeni 2", "24", "2"),
    ("zh", "15万", "150000", "15"),
    ("zh", "3亿", "300000000", "3"),
    ("zh", "5千", "5000", "5"),
    ("zh", "2.4万元", "24000", "2.4"),
    ("zh", "1亿2000万", "120000000", "1"),
    ("zh", "3萬", "30000", "3"),
    ("zh", "八千", "8000", "8"),
    ("zh", "2万人", "20000", "2"),
    ("zh", "3 百", "300", "3"),
    ("zh", "4\\text{万}", "40000", "4"),
    ("zh", "2万5千", "25000", "2"),
    ("ja", "3万", "30000", "3"),
    ("ja", "5億円", "500000000", "5"),
    ("ja", "2兆", "2000000000000", "2"),
    ("ja", "3万5千", "35000", "3"),
    ("ja", "７千", "7000", "7"),
    ("ja", "1億2000万円", "120000000", "1"),
    ("ja", "五千", "5000", "5"),
    ("ja", "4ダース", "48", "4"),
    ("te", "5 వేలు", "5000", "5"),
    ("te", "3 లక్షలు", "300000", "3"),
    ("te", "2 కోట్లు", "20000000", "2"),
    ("te", "4 వేల రూపాయలు", "4000", "4"),
    ("te", "౬ వందలు", "600", "6"),
    ("te", "1.5 లక్షల", "150000", "1.5"),
    ("te", "మూడు వేలు", "3000", "3"),
    ("te", "7 మిలియన్లు", "7000000", "7"),
]:
    add("magnitude", lang, answer, value, "!" + part)
for lang, answer, other in [
    ("en", "3 thousand", "3000000"),
    ("de", "2 Millionen", "2000000000"),
    ("zh", "18万", "18000"),
    ("sw", "elfu 3", "300000"),
    ("bn", "৩ লক্ষ", "30000"),
    ("th", "5 หมื่น", "5000"),
    ("te", "2 కోట్లు", "2000000"),
    ("es", "2 billones", "2000000000"),
]:
    add("magnitude", lang, answer, "!" + other)
add("magnitude", "en", "2k", "2k", "2000")
add("magnitude", "en", "2000", "!2k")

# A unit after any expression.
for lang, answer, value, other in [
    ("en", r"2\sqrt{3}\text{ cm}", r"2\sqrt{3}", "2"),
    ("en", r"15\text{ m/s}", "15", "15/s"),
    ("en", r"3\frac{1}{2}\text{ hours}", r"\frac{7}{2}", "3"),
    ("en", r"9.8 \, \mathrm{m/s^2}", "9.8", "9"),
    ("en", r"\frac{5}{2}\text{ liters}", "2.5", "5"),
    ("en", r"12\pi\ \text{cm}^2", r"12\pi", "12"),
    ("en", r"60\text{ miles per hour}", "60", "1"),
    ("en", r"25\pi\text{ square units}", r"25\pi", "25"),
    ("en", r"\binom{6}{3}\text{ ways}", "20", "6"),
    ("en", r"5!\text{ arrangements}", "120", "5"),
    ("en", r"8\text{ kg}\cdot\text{m}^2", "8", "64"),
    ("en", r"1.2\times 10^{3}\text{ J}", "1200", "1.2"),
    ("en", r"4\,\mathrm{N\cdot m}", "4", "4nm"),
    ("en", r"2^{10}\text{ bytes}", "1024", "2"),
    ("en", r"x=6\text{ cm}", "6", "x"),
    ("en", "7.5 km/h", "7.5", "7"),
    ("en", r"30^\circ\text{C}", "30", "3"),
    ("en", r"\sqrt{41}\text{ m}", r"\sqrt{41}", "41"),
    ("es", r"3\sqrt{2}\text{ metros}", r"3\sqrt{2}", "3"),
    ("es", r"2\frac{1}{2}\text{ horas}", "2.5", "2"),
    ("es", r"80\text{ km por hora}", "80", "8"),
    ("es", r"\frac{3}{4}\text{ litros}", "0.75", "3"),
    ("es", r"16\pi\text{ cm cuadrados}", r"16\pi", "16"),
    ("es", "25 pesos", "25", "5"),
    ("ru", r"4\sqrt{5}\text{ см}", r"4\sqrt{5}", "4"),
    ("ru", r"1\frac{1}{2}\text{ часа}", r"\frac{3}{2}", "1"),
    ("ru", "15 м/с", "15", "1"),
    ("ru", r"9\pi\text{ см}^2", r"9\pi", "9"),
    ("ru", r"60\text{ км/ч}", "60", "6"),
    ("ru", r"\frac{7}{3}\text{ кг}", r"\frac{7}{3}", "7"),
    ("ru", "12 яблок", "12", "1"),
    ("ru", r"50\text{ рублей}", "50", "5"),
    ("de", r"5\sqrt{2}\text{ Meter}", r"5\sqrt{2}", "5"),
    ("de", r"1\frac{3}{4}\text{ Stunden}", r"\frac{7}{4}", "1"),
    ("de", "20 km/h", "20", "2"),
    ("de", r"8\pi\text{ Quadratmeter}", r"8\pi", "8"),
    ("de", r"\frac{9}{2}\text{ Liter}", "4.5", "9"),
    ("de", r"30\text{ Äpfel}", "30", "3"),
    ("de", r"14\text{ Euro}", "14", "4"),
    ("fr", r"3\sqrt{7}\text{ mètres}", r"3\sqrt{7}", "3"),
    ("fr", r"2\frac{1}{3}\text{ heures}", r"\frac{7}{3}", "2"),
    ("fr", r"90\text{ km par heure}", "90", "9"),
    ("fr", r"6\pi\text{ cm carrés}", r"6\pi", "6"),
    ("fr", r"\frac{5}{4}\text{ litre}", "1.25", "5"),
    ("fr", r"45\text{ euros}", "45", "4"),
    ("bn", r"2\sqrt{5}\text{ সেমি}", r"2\sqrt{5}", "2"),
    ("bn", r"2\frac{1}{2}\text{ ঘণ্টা}", "2.5", "2"),
    ("bn", r"৪০ \text{ টাকা}", "40", "4"),
    ("bn", r"6\pi\text{ বর্গ মিটার}", r"6\pi", "6"),
    ("bn", "১২টি আপেল", "12", "1"),
    ("bn", r"\frac{7}{2}\text{ কিমি}", "3.5", "7"),
    ("th", r"3\sqrt{3}\text{ เซนติเมตร}", r"3\sqrt{3}", "3"),
    ("th", r"1\frac{1}{4}\text{ ชั่วโมง}", "1.25", "1"),
    ("th", "15 กิโลเมตรต่อชั่วโมง", "15", "5"),
    ("th", r"4\pi\text{ ตารางเมตร}", r"4\pi", "4"),
    ("th", "๕๐ บาท", "50", "5"),
    ("th", r"\frac{5}{2}\text{ กิโลกรัม}", "2.5", "5"),
    ("sw", r"2\sqrt{6}\text{ sentimita}", r"2\sqrt{6}", "2"),
    ("sw", r"1\frac{1}{2}\text{ saa}", "1.5", "1"),
    ("sw", r"60\text{ kilomita kwa saa}", "60", "6"),
    ("sw", r"9\pi\text{ mita za mraba}", r"9\pi", "9"),
    ("sw", r"\frac{3}{2}\text{ lita}", "1.5", "3"),
    ("zh", r"3\sqrt{2}\text{ 厘米}", r"3\sqrt{2}", "3"),
    ("zh", r"1\frac{1}{2}\text{小时}", "1.5", "1"),
    ("zh", "20米/秒", "20", "2"),
    ("zh", r"5\pi\text{平方米}", r"5\pi", "5"),
    ("zh", "12个苹果", "12", "2"),
    ("zh", r"\frac{7}{4}\text{千克}", "1.75", "7"),
    ("zh", "3千米", "3", "3000"),
    ("zh", "36元", "36", "6"),
    ("ja", r"4\sqrt{3}\text{ センチメートル}", r"4\sqrt{3}", "4"),
    ("ja", r"2\frac{1}{2}\text{時間}", "2.5", "2"),
    ("ja", r"7\pi\text{平方センチメートル}", r"7\pi", "7"),
    ("ja", "120円", "120", "20"),
    ("ja", "15人", "15", "5"),
    ("ja", "8本", "8", "80"),
    ("ja", r"\frac{5}{3}\text{リットル}", r"\frac{5}{3}", "5"),
    ("te", r"2\sqrt{7}\text{ సెం.మీ}", r"2\sqrt{7}", "2"),
    ("te", r"1\frac{1}{2}\text{ గంటలు}", "1.5", "1"),
    ("te", r"45\text{ రూపాయలు}", "45", "4"),
    ("te", r"3\pi\text{ చదరపు మీటర్లు}", r"3\pi", "3"),
    ("te", r"\frac{9}{4}\text{ లీటర్లు}", "2.25", "9"),
]:
    add("unit", lang, answer, value, "!" + other)
for lang, answer, same, different in [
    ("en", r"5\text{ hours}", r"5\text{ h}", r"5\text{ minutes}"),
    ("de", r"3\text{ Stunden}", r"3\text{ hours}", r"3\text{ days}"),
    ("ru", "7 км", "7 km", "7 cm"),
    ("zh", "6小时", r"6\text{ hours}", r"6\text{ minutes}"),
    ("ja", "4時間", r"4\text{ hours}", r"4\text{ seconds}"),
    ("fr", r"8\text{ mètres}", "8 m", "8 km"),
    ("es", r"9\text{ metros}", r"9\text{ m}", r"9\text{ cm}"),
    ("en", r"10\text{ m/s}", r"10\,\mathrm{m\,s^{-1}}", r"10\text{ km/h}"),
    ("th", "3 ชั่วโมง", r"3\text{ hours}", r"3\text{ minutes}"),
    ("bn", "৫ ঘণ্টা", r"5\text{ hours}", r"5\text{ days}"),
    ("te", "2 గంటలు", r"2\text{ hours}", r"2\text{ days}"),
    ("en", r"16\text{ cm}^2", r"16\text{ square centimeters}", r"16\text{ cm}"),
]:
    add("unit", lang, answer, same, "!" + different)

# Units and words before the number.
for lang, answer, value, other in [
    ("sw", "dola 15", "15", "5"),
    ("sw", "shilingi 450", "450", "45"),
    ("sw", r"\text{vitabu } 12", "12", "2"),
    ("sw", "watu 30", "30", "3"),
    ("sw", r"\text{saa } 4", "4", "40"),
    ("sw", r"\text{siku } 21", "21", "2"),
    ("sw", r"\text{machungwa } 9", "9", "90"),
    ("sw", r"\text{kilo } 2.5", "2.5", "25"),
    ("sw", "Sh. 1,200", "1200", "1.2"),
    ("sw", "Ksh 500", "500", "5"),
    ("sw", "TSh 2,000", "2000", "2"),
    ("sw", "idadi ya watu 42", "42", "4"),
    ("sw", "penseli 18", "18", "8"),
    ("sw", r"\text{jumla ya } 64", "64", "6"),
    ("en", "Rs. 250", "250", "25"),
    ("en", "US$ 40", "40", "4"),
    ("en", "USD 75", "75", "7"),
    ("en", "€12", "12", "2"),
    ("en", r"\$1,250.50", "1250.5", "1250"),
    ("en", "£8", "8", "80"),
    ("es", "S/ 35", "35", "3.5"),
    ("es", "US\\$ 20", "20", "2"),
    ("es", "R$ 90", "90", "9"),
    ("de", "EUR 15", "15", "5"),
    ("de", r"\text{insgesamt } 27", "27", "7"),
    ("bn", "৳ 500", "500", "50"),
    ("bn", "মোট 42", "42", "4"),
    ("bn", "Tk. 300", "300", "30"),
    ("te", "రూ. 150", "150", "15"),
    ("te", "₹2,50,000", "250000", "2.5"),
    ("zh", "共15个", "15", "5"),
    ("zh", "¥88", "88", "8"),
    ("ja", "￥500", "500", "5"),
    ("th", "฿120", "120", "12"),
    ("th", "รวม 15 บาท", "15", "5"),
    ("ru", "₽300", "300", "3"),
    ("fr", r"\text{au total } 33", "33", "3"),
    ("ja", "合計24", "24", "4"),
    ("en", "minus 4", "-4", "4"),
    ("de", "minus 5", "-5", "5"),
    ("es", "menos 3", "-3", "3"),
    ("fr", "moins 6", "-6", "6"),
    ("ru", "минус 7", "-7", "7"),
    ("zh", "负8", "-8", "8"),
    ("ja", "マイナス9", "-9", "9"),
    ("th", "ลบ 2", "-2", "2"),
]:
    add("prefix", lang, answer, value, "!" + other)
for answer in ["not 5", "more than 5", "zaidi ya 5", "mehr als 5", "при 5", "at least 5", "si 5"]:
    add("prefix", "en", answer, "!5")

# And, or.
for lang, joins in dict(
    en=["and", "or"],
    es=["y", "o"],
    ru=["и", "или"],
    de=["und", "oder"],
    fr=["et", "ou"],
    bn=["এবং", "বা", "অথবা", "ও"],
    th=["และ", "หรือ"],
    sw=["na", "au"],
    zh=["和", "或", "与", "及", "或者"],
    ja=["と", "または", "及び", "か"],
    te=["మరియు", "లేదా"],
).items():
    for i, join in enumerate(joins):
        add("and-or", lang, r"3 \text{ %s } 7" % join, "3,7", "7,3", "!3", "!7", "!3,8", r"\{3, 7\}")
        add("and-or", lang, r"x=-1 \text{ %s } x=4" % join, "-1,4", r"x=4 \text{ or } x=-1", "!-1", "!4")
        if i < 2:
            add("and-or", lang, r"3 %s 7" % join, "3,7", "!3", "!7")
            add("and-or", lang, r"\frac{1}{2}\text{ %s }-\sqrt{3}" % join, r"-\sqrt{3}, 0.5", r"!\frac{1}{2}", r"!-\sqrt{3}")
            add("and-or", lang, r"2, 4 \text{ %s } 6" % join, "2,4,6", "!2,4", "!2,6")
add("and-or", "zh", "2和5", "2,5", "!25")
add("and-or", "zh", "2、5", "2,5", "!25")
add("and-or", "zh", "x=1或x=6", "1,6", "!6")
add("and-or", "ja", "2と5", "2,5", "!2")
add("and-or", "th", "2และ5", "2,5", "!2")
add("and-or", "de", r"2,5\text{ und }3,5", "2.5,3.5", "!2.5", "!3.5")
add("and-or", "en", r"x=2 \quad y=3", "!2", "!3")
add("and-or", "en", r"4 \text{ and } 9 \text{ cm}", "4,9", "!4")
add("and-or", "es", r"2 \text{ e } 5", "2,5", "!2")
add("and-or", "es", r"2 \text{ u } 8", "2,8", "!8")
add("and-or", "en", r"(1,2) \text{ and } (3,4)", "(1,2),(3,4)", "!(1,2)", "!(1,2,3,4)")
add("and-or", "en", r"x=2 \lor x=5", "2,5", "!2")

# Sets of real numbers.
for lang, answer, *verdicts in [
    ("fr", "]-1,3[", "(-1,3)", "![-1,3]", "!(-1,3]", "-1<x<3"),
    ("fr", "[0;2[", "[0,2)", "![0,2]", "0 \\le x < 2"),
    ("fr", r"]-\infty;4]", r"(-\infty,4]", r"!(-\infty,4)", r"x\le 4"),
    ("fr", r"\left]2;5\right[", "(2,5)", "![2,5)"),
    ("de", "]0;1]", "(0,1]", "!(0,1)", "!0.1"),
    ("de", r"(-\infty;2)\cup(3;\infty)", r"x<2 \text{ or } x>3", r"!(-\infty,2]\cup(3,\infty)", "!(2,3)"),
    ("de", "[1,5; 2,5]", "[1.5,2.5]", "![1,2]", "!(1.5,2.5)"),
    ("ru", "(1;4]", "(1,4]", "!(1,4)", "!1.4"),
    ("ru", r"x \in (-\infty; -1] \cup [2; +\infty)", r"(-\infty,-1]\cup[2,\infty)", r"!(-\infty,-1)\cup(2,\infty)"),
    ("ru", r"1 < x \leqslant 4", "(1,4]", "!(1,4)", "![1,4]"),
    ("ru", r"x \geqslant 3", r"[3,\infty)", r"!(3,\infty)", r"!(-\infty,3]"),
    ("ru", r"x<1 \text{ или } x>2", r"(-\infty,1)\cup(2,\infty)", "!(1,2)"),
    ("es", r"x<-2 \text{ o } x>2", r"(-\infty,-2)\cup(2,\infty)", "!(-2,2)", "|x|>2"),
    ("es", r"x \leq 1 \text{ y } x \geq -1", "[-1,1]", "!(-1,1)"),
    ("de", r"x<0 \text{ oder } x>5", r"(-\infty,0)\cup(5,\infty)", "!(0,5)"),
    ("fr", r"x<0 \text{ ou } x \geqslant 5", r"(-\infty,0)\cup[5,\infty)", r"!(-\infty,0)\cup(5,\infty)"),
    ("zh", r"x<-1\text{或}x>3", r"(-\infty,-1)\cup(3,\infty)", "!(-1,3)"),
    ("zh", "{x|x>2}", r"(2,\infty)", r"![2,\infty)"),
    ("ja", r"x<-1\text{ または }x>3", r"(-\infty,-1)\cup(3,\infty)", "!(-1,3)"),
    ("ja", r"-1 \leqq x < 2", "[-1,2)", "!(-1,2)"),
    ("th", r"x<1 \text{ หรือ } x>4", r"(-\infty,1)\cup(4,\infty)", "!(1,4)"),
    ("bn", r"x<1 \text{ অথবা } x>4", r"(-\infty,1)\cup(4,\infty)", "!(1,4)"),
    ("te", r"x<1 \text{ లేదా } x>4", r"(-\infty,1)\cup(4,\infty)", "!(1,4)"),
    ("sw", r"x<1 \text{ au } x>4", r"(-\infty,1)\cup(4,\infty)", "!(1,4)"),
    ("en", r"[0,1)\cup(1,2]", "![0,2]", r"[0,2]\setminus\{1\}"),
    ("en", r"[0,1]\cup[1,2]", "[0,2]", "!(0,2)"),
    ("en", r"(2,3)\cup(0,1)", r"(0,1)\cup(2,3)", "!(0,3)"),
    ("en", r"[0,1)\cup\{1\}", "[0,1]", "![0,1)"),
    ("en", r"\mathbb{R}\setminus\{2\}", r"(-\infty,2)\cup(2,\infty)", r"x \neq 2", r"!(-\infty,\infty)", r"!\mathbb{R}\setminus\{3\}"),
    ("en", r"\mathbb{R} \setminus \{-1, 1\}", r"(-\infty,-1)\cup(-1,1)\cup(1,\infty)", r"!(-\infty,-1)\cup(1,\infty)"),
    ("en", r"\mathbb{R}-\{0\}", r"(-\infty,0)\cup(0,\infty)", r"!\mathbb{R}"),
    ("en", r"x<1 \lor x>2", r"(-\infty,1)\cup(2,\infty)", "!(1,2)"),
    ("en", r"x>1 \land x<2", "(1,2)", r"!(-\infty,1)\cup(2,\infty)"),
    ("en", "x<1, x>2", r"(-\infty,1)\cup(2,\infty)", "!(1,2)"),
    ("en", r"\{x : 1 < x \le 4\}", "(1,4]", "!(1,4)"),
    ("en", r"(-\infty, 2) ∪ (3, \infty)", r"(-\infty,2)\cup(3,\infty)", "!(2,3)"),
    ("en", r"(0,3)\cap(1,5)", "(1,3)", "!(0,5)"),
    ("en", r"\left(-\frac{1}{2},\sqrt{2}\right]", r"-0.5 < x \le \sqrt{2}", r"!-0.5 < x < \sqrt{2}"),
    ("en", r"x \in (1,4]", "(1,4]", "!(1,4)"),
    ("en", r"4 > x > 1", "(1,4)", "!(1,4]"),
]:
    add("interval", lang, answer, *verdicts)

# Decimal and thousands marks.
for lang, answer, *verdicts in [
    ("de", "1.234,5", "1234.5", "!1.2345", "!12345"),
    ("de", "12.345.678,9", "12345678.9", "!12.3456789"),
    ("de", "0,75", "0.75", r"\frac{3}{4}", "!75", "!0"),
    ("de", "3,14", "3.14", "!314", "!3"),
    ("de", "-2,5", "-2.5", "!2.5"),
    ("de", "12.500", "12500", "!125"),
    ("es", "2.500,75", "2500.75", "!2.50075"),
    ("es", "7,5", "7.5", "!75"),
    ("fr", "1 234,5", "1234.5", "!1.2345", "!234.5"),
    ("fr", r"1\,234\,567", "1234567", "!1234"),
    ("fr", r"12{,}5", "12.5", "!125", "!12"),
    ("fr", "3 500", "3500", "!3", "!500"),
    ("ru", "1~234,56", "1234.56", "!1.23456"),
    ("ru", "0,125", "0.125", r"\frac{1}{8}", "!125"),
    ("ru", "15 000", "15000", "!15"),
    ("ru", "(0,5; 1,5)", "(0.5,1.5)", "!(0,5)", "!(5,15)"),
    ("de", "1'234", "1234", "!1.234", "!1"),
    ("de", "1'234.5", "1234.5", "!1234"),
    ("en", "1,234.5", "1234.5", "!1.2345", "!1"),
    ("en", "1,23,456", "123456", "!123"),
    ("bn", "১,২৩,৪৫৬", "123456", "!1.23456"),
    ("te", "౧౨,౩౪౫", "12345", "!12.345"),
    ("zh", "３．５", "3.5", "!35"),
    ("zh", "1，000", "1000", "!1"),
    ("th", "๑,๒๕๐", "1250", "!1.25"),
    ("en", "1234", "!1.234"),
    ("ru", r"2,5\cdot 10^3", "2500", "!25000"),
    ("de", r"x = 0,2", "0.2", "!2"),
    ("sw", "1,500", "1500", "!1.5", "!15"),
    ("ru", r"2,5 \text{ кг}", "2.5", "!25", "!2"),
    ("fr", r"12,5\,\%", "12.5", r"\frac{1}{8}", "!125"),
    ("ja", "12,000円", "12000", "!12"),
]:
    add("decimal", lang, answer, *verdicts)

# Full stops.
for lang, answer, *verdicts in [
    ("zh", "答案是 42。3 步。", "42", "!42.3", "!3"),
    ("ja", "答えは 17。2 通り考えた。", "17", "!17.2", "!2"),
    ("zh", "答案：25。共用了 4 步。", "25", "!25.4"),
    ("bn", "উত্তর: ১২। ৩টি ধাপ লেগেছে।", "12", "!12.3"),
    ("bn", "উত্তর হল 45।", "45", "!4"),
    ("zh", "所以一共有 18。", "18", "!8"),
    ("ja", "よって 36。", "36", "!6"),
    ("zh", r"\boxed{56。}", "56", "!5"),
    ("bn", r"\boxed{৭।}", "7", "!70"),
    ("ja", r"\boxed{8．}", "8", "!80"),
    ("ja", "答えは６４。５分かかった。", "64", "!64.5"),
    ("zh", "答案为3。5个人。", "3", "!3.5"),
    ("zh", r"\boxed{3.5。}", "3.5", "!35"),
]:
    add("stop", lang, answer, *verdicts, boxed=False)

# Repeating decimals.
for lang, answer, *verdicts in [
    ("ru", "0,(3)", r"\frac{1}{3}", "!0.3"),
    ("ru", "1,2(7)", r"\frac{23}{18}", "!1.27"),
    ("ru", "0,1(6)", r"\frac{1}{6}", "!0.16"),
    ("ru", "2,(142857)", r"\frac{15}{7}", "!2.142857"),
    ("ru", "0,(12)", r"\frac{4}{33}", "!0.12"),
    ("en", r"0.\overline{3}", r"\frac{1}{3}", "!0.3"),
    ("en", r"0.\bar{6}", r"\frac{2}{3}", "!0.6"),
    ("en", r"0.\dot{3}", r"\frac{1}{3}", "!0.3"),
    ("en", r"0.1\dot{4}285\dot{7}", "!0.142857", r"\frac{142856}{999990}"),
    ("en", r"0.\dot{1}4285\dot{7}", r"\frac{1}{7}", "!0.142857"),
    ("en", r"0.333\ldots", r"\frac{1}{3}", "!0.333"),
    ("en", "0.1666...", r"\frac{1}{6}", "!0.1666"),
    ("en", r"-1.\overline{36}", r"-\frac{15}{11}", r"!\frac{15}{11}"),
    ("en", r"3.0\overline{45}", r"\frac{67}{22}", "!3.045"),
    ("en", r"0.(45)", r"\frac{5}{11}", "!0.45"),
    ("de", r"0,\overline{27}", r"\frac{3}{11}", "!0.27"),
    ("fr", r"0,\overline{54}", r"\frac{6}{11}", "!0.54"),
    ("fr", "0,666...", r"\frac{2}{3}", "!0.666"),
    ("es", r"0,\overline{9}", "1", "!0.9"),
    ("es", r"2,\overline{3}", r"\frac{7}{3}", "!2.3"),
    ("zh", r"0.\dot{7}", r"\frac{7}{9}", "!0.7"),
    ("zh", r"0.\dot{1}\dot{8}", r"\frac{2}{11}", "!0.18"),
    ("ja", r"0.\dot{4}", r"\frac{4}{9}", "!0.4"),
    ("ja", r"0.2\dot{3}", r"\frac{7}{30}", "!0.23"),
    ("zh", r"0.\dot 3", r"\frac13", "!0.3"),
    ("en", "0.3\u0305", r"\frac{1}{3}", "!0.3"),
    ("th", r"0.\dot{5}", r"\frac{5}{9}", "!0.5"),
    ("en", "0.272727...", r"\frac{3}{11}", "!0.272727"),
]:
    add("repeating", lang, answer, *verdicts)

# Matrices and vectors.
M = r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"
for answer, *verdicts in [
    ("[[1,2],[3,4]]", M, r"!\begin{pmatrix}1&3\\2&4\end{pmatrix}", r"!\{1,2,3,4\}"),
    (r"\begin{bmatrix}1&2\cr3&4\end{bmatrix}", M, r"!\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    (r"\left[\begin{array}{cc}1&2\\3&4\end{array}\right]", M, "!10"),
    (r"\begin{pmatrix}1&3\\2&4\end{pmatrix}^T", M, r"!\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    (r"\begin{bmatrix}1&3\\2&4\end{bmatrix}^{\top}", M, r"!\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    ("((1,2),(3,4))", M, r"!\begin{pmatrix}4&3\\2&1\end{pmatrix}"),
    ("(1,2,3)^T", r"\begin{pmatrix}1\\2\\3\end{pmatrix}", r"!\begin{pmatrix}1&2&3\end{pmatrix}", r"!\begin{pmatrix}3\\2\\1\end{pmatrix}"),
    (r"[4,5]^{\mathrm{T}}", r"\begin{bmatrix}4\\5\end{bmatrix}", r"!\begin{bmatrix}4&5\end{bmatrix}"),
    (r"\langle 1,2,3\rangle", r"\begin{pmatrix}1\\2\\3\end{pmatrix}", r"!\begin{pmatrix}1\\2\\4\end{pmatrix}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"!\begin{pmatrix}1&2\end{pmatrix}", "(1,2)", "!(2,1)", "!3"),
    (r"\begin{pmatrix}1/2&0\\0&1\end{pmatrix}", r"\begin{bmatrix}0.5&0\\0&1\end{bmatrix}", r"!\begin{bmatrix}2&0\\0&1\end{bmatrix}"),
    (r"\begin{smallmatrix}1&2\\3&4\end{smallmatrix}", M, "!1"),
    (r"[[1],[2],[3]]", r"\begin{pmatrix}1\\2\\3\end{pmatrix}", r"!\begin{pmatrix}1&2&3\end{pmatrix}"),
    (r"\begin{Bmatrix}1&2\cr 3&4\cr\end{Bmatrix}", M, r"!\begin{pmatrix}1&2\\3&5\end{pmatrix}"),
    (r"[[1,2],[3,4]]^T", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", "!" + M),
    (r"[[\frac12,0],[0,-1]]", r"\begin{pmatrix}0.5&0\\0&-1\end{pmatrix}", r"!\begin{pmatrix}0.5&0\\0&1\end{pmatrix}"),
    (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2", "!2"),
]:
    add("matrix", "en", answer, *verdicts)

# Percent.
for lang, answer, *verdicts in [
    ("en", r"12\frac{1}{2}\%", "12.5", r"\frac{1}{8}", r"12.5\%", "!12", r"!\frac{12}{2}"),
    ("en", r"33\frac{1}{3}\%", r"\frac{1}{3}", r"\frac{100}{3}", "!33"),
    ("en", "25 percent", "25", "0.25", r"25\%", "!2.5"),
    ("de", r"7,5\,\%", "7.5", "0.075", "!75"),
    ("de", "40 Prozent", "40", r"40\%", "!4"),
    ("fr", "60 pour cent", "60", "0.6", "!6"),
    ("es", "15 por ciento", r"15\%", "0.15", "!1.5"),
    ("ru", "30 процентов", r"30\%", "0.3", "!3"),
    ("bn", "২৫ শতাংশ", "25", "0.25", "!2"),
    ("th", "ร้อยละ 45", "45", r"45\%", "!4"),
    ("th", "20 เปอร์เซ็นต์", r"20\%", "!2"),
    ("sw", "asilimia 35", "35", r"35\%", "!3"),
    ("zh", "百分之25", "25", "0.25", "!100"),
    ("ja", "50パーセント", r"50\%", "0.5", "!5"),
    ("te", "75 శాతం", "75", r"75\%", "!7"),
    ("en", r"37\tfrac12\,\%", r"\frac{3}{8}", "!37"),
    ("en", r"62 \frac{1}{2} \%", "0.625", "!62"),
    ("en", "0.5%", "0.5", "!50"),
]:
    add("percent", lang, answer, *verdicts)

# Questions of the model's own after the answer.
A = r"The answer is \boxed{9}."
for lang, tail in [
    ("en", "\n\nQuestion: What is 3 + 4?\n\\boxed{7}"),
    ("en", "\n\nProblem 2: Find x.\nAnswer: \\boxed{7}"),
    ("en", "\nHuman: And 3+4?\nAssistant: \\boxed{7}"),
    ("en", "<|im_end|>\n<|im_start|>user\nWhat is 3+4?<|im_end|>\n<|im_start|>assistant\n\\boxed{7}"),
    ("en", "\n\n### Instruction:\nAdd 3 and 4.\n\n### Response:\n\\boxed{7}"),
    ("en", "\n\nUser: 3+4\n\\boxed{7}"),
    ("en", "\n\nQ: 3+4?\nA: \\boxed{7}"),
    ("en", "\n\n**Question 2.** What is 3+4? \\boxed{7}"),
    ("en", "<|endoftext|>Q: 3+4? \\boxed{7}"),
    ("en", "\n\n## Problem\nAdd.\n\\boxed{7}"),
    ("en", "\n\nProblem 3: ... \\boxed{}"),
    ("es", "\n\nPregunta 2: ¿Cuánto es 3 + 4?\n\\boxed{7}"),
    ("es", "\n\nProblema: suma 3 y 4.\n\\boxed{7}"),
    ("ru", "\n\nВопрос: Сколько будет 3 + 4?\n\\boxed{7}"),
    ("ru", "\n\nЗадача 2. Сложите 3 и 4.\n\\boxed{7}"),
    ("de", "\n\nFrage: Was ist 3 + 4?\n\\boxed{7}"),
    ("de", "\n\nAufgabe 2: Addiere.\n\\boxed{7}"),
    ("fr", "\n\nQuestion : Combien font 3 + 4 ?\n\\boxed{7}"),
    ("fr", "\n\nExercice 2 : additionner.\n\\boxed{7}"),
    ("bn", "\n\nপ্রশ্ন: ৩ + ৪ কত?\n\\boxed{7}"),
    ("th", "\n\nคำถาม: 3 + 4 เท่ากับเท่าไร\n\\boxed{7}"),
    ("th", "\n\nโจทย์ข้อ 2: บวก\n\\boxed{7}"),
    ("sw", "\n\nSwali: 3 + 4 ni ngapi?\n\\boxed{7}"),
    ("zh", "\n\n问题：3+4等于多少？\n\\boxed{7}"),
    ("zh", "\n\n题目2：求和。\n\\boxed{7}"),
    ("ja", "\n\n問題：3+4は？\n\\boxed{7}"),
    ("ja", "\n\n質問: 3+4は？\n\\boxed{7}"),
    ("te", "\n\nప్రశ్న: 3 + 4 ఎంత?\n\\boxed{7}"),
]:
    add("invented", lang, A + tail, "9", "!7", boxed=False)
for lang, output in [
    ("en", "Question: how many apples are there?\nFirst we count 3, then 4.\nThe total is \\boxed{7}."),
    ("en", "Let me restate the question: what is 3+4?\n\nProblem: add 3 and 4.\nWe get \\boxed{7}."),
    ("ru", "Вопрос: сколько будет 3+4?\nСкладываем. \\boxed{7}"),
    ("zh", "问题：3+4等于多少？\n我们计算得 \\boxed{7}。"),
    ("es", "La pregunta: cuánto es 3+4.\nPregunta: 3+4.\n\\boxed{7}"),
    ("de", "Frage: Was ist 3+4?\nWir rechnen: \\boxed{7}"),
    ("fr", "Question : combien font 3+4 ?\nOn obtient \\boxed{7}"),
    ("ja", "問題：3+4を求める。\nよって \\boxed{7}"),
    ("sw", "Swali: 3+4 ni ngapi?\nJibu ni \\boxed{7}"),
    ("bn", "প্রশ্ন: ৩+৪ কত?\nযোগফল \\boxed{7}"),
    ("th", "คำถาม: 3+4 เท่ากับเท่าไร\nได้ \\boxed{7}"),
    ("te", "ప్రశ్న: 3+4 ఎంత?\nమొత్తం \\boxed{7}"),
    ("en", "Step 1: \\boxed{3} is the first part. We add 4. The sum is \\boxed{7}."),
    ("en", "To find what the answer is we add.\nExample: 3+4.\nSo \\boxed{7}"),
]:
    add("restated", lang, output, "7", "!9", boxed=False)

# What is read only in part is wrong.
for answer, reference in [
    ("2 \\text{ if } x>1", "2"),
    ("2 + \\text{something}", "2"),
    ("5 \\text{ or more}", "5"),
    ("3 \\text{ mod } 7", "3"),
    ("12 \\Rightarrow 13", "12"),
    ("7, \\ldots", "7"),
    ("4 \\to 5", "4"),
    ("5?6", "5"),
    ("2\\text{ with remainder }3", "2"),
    ("3 : 4 : 5", "3"),
    ("6 \\text{ und } x", "6"),
    ("[1,2", "1"),
    ("8 \\pm 1", "8"),
    ("9 \\approx 10", "9"),
    ("x > 5", "5"),
    ("5 \\text{ to } 6", "5"),
    ("2\\text{ hours }30\\text{ minutes}", "2"),
    ("5\\text{ feet }3\\text{ inches}", "5"),
]:
    add("partial", "en", answer, "!" + reference)


def p(lang, answer, *verdicts, raw=False):
    add(KIND, lang, answer, *verdicts, boxed=not raw)


# Written afterwards, without a look at the code, as people of each language would.
KIND = "written"
p("en", r"3.2 \text{ million dollars}", "3200000", "!3.2", "!32")
p("en", "about 40", "!4")
p("en", r"\$2.5\text{ billion}", "2500000000", "!2.5")
p("en", "250 thousand", "250000", "!250")
p("en", "half a million", "!1")
p("en", r"1 \text{ million}", "1000000", "!1")
p("en", "2 hundred thousand", "200000", "!200")
p("en", "45K", "45000", "!45")
p("en", r"\frac{3}{4} \text{ of an hour}", r"\frac{3}{4}", "!3")
p("en", r"5 \text{ cubic feet}", "5", "!125")
p("en", r"6\sqrt{2} \text{ square inches}", r"6\sqrt{2}", "!6")
p("en", r"72 \text{ degrees}", "72", "!7")
p("en", r"\$3.75 \text{ per pound}", "3.75", "!3")
p("en", r"2\pi\text{ rad/s}", r"2\pi", "!2")
p("en", r"1000\text{ kg/m}^3", "1000", "!1000000")
p("en", r"x = 3 \text{ or } x = -\frac{5}{2}", r"3, -\frac{5}{2}", "!3", r"!-\frac{5}{2}")
p("en", r"1, 2, \text{ and } 3", "1,2,3", "!1,2", "!3")
p("en", r"\text{red and blue}", r"\text{blue and red}", r"\text{red and blue}", r"!\text{red}")
p("en", r"-3 < x < 3", "(-3,3)", "![-3,3]", r"|x|<3")
p("en", r"\left(-\infty, -2\right] \cup \left[2, \infty\right)", r"x \le -2 \text{ or } x \ge 2", r"!(-2,2)")
p("en", r"\text{all real numbers except } 3", r"!3")
p("en", r"x \in \mathbb{R}, x \neq 0", r"(-\infty,0)\cup(0,\infty)", r"!0")
p("en", r"(-\infty, 1) \cup (1, \infty)", r"\mathbb{R} \setminus \{1\}", r"!\mathbb{R}")
p("en", r"0.\overline{142857}", r"\frac{1}{7}", "!0.142857")
p("en", r"\begin{pmatrix} 2 \\ -1 \end{pmatrix}", "(2,-1)", r"!(2,1)", r"\langle 2, -1\rangle")
p("en", r"[2, -1]^T", r"\begin{pmatrix} 2 \\ -1 \end{pmatrix}", r"!\begin{pmatrix} 2 & -1 \end{pmatrix}")
p("en", r"16\frac{2}{3}\%", r"\frac{1}{6}", "!16", r"\frac{50}{3}")
p("en", "The answer is 12.\n\nQuestion: A farmer has 5 cows. How many legs?\nAnswer: The answer is 20.", "12", "!20", raw=True)
p("en", "Therefore, \\boxed{12}.\n\nUser: What about 5?\nAssistant: \\boxed{5}", "12", "!5", raw=True)
p("en", "#### 12\n\nQuestion: foo\n#### 20", "12", "!20", raw=True)
p("en", "The problem: find x.\nProblem. We let x be 3.\nThe answer is \\boxed{3}", "3", raw=True)
# Spanish
p("es", "3,5 millones de dólares", "3500000", "!3.5", "!35")
p("es", "20 mil pesos", "20000", "!20")
p("es", "dos millones", "2000000", "!2")
p("es", r"2\sqrt{5}\text{ unidades}", r"2\sqrt{5}", "!2")
p("es", r"12\text{ cm}^2", "12", "!144")
p("es", r"x = 2 \text{ ó } x = 3", "2,3", "!2")
p("es", r"1, 2 \text{ y } 3", "1,2,3", "!1,2")
p("es", "1.500", "1500", "!15")
p("es", "12.345,67", "12345.67", "!12.34567")
p("es", r"60\text{ grados}", "60", "!6")
p("es", r"x > 2 \text{ y } x < 5", "(2,5)", r"![2,5]")
p("es", "El resultado es \\boxed{14}.\n\nPregunta: ¿Cuánto es 2+2?\nRespuesta: \\boxed{4}", "14", "!4", raw=True)
p("es", "La respuesta es 1.250,5.", "1250.5", "!1.2505", raw=True)
p("es", "La respuesta es 25 euros.", "25", "!2", raw=True)
# Russian
p("ru", "12 тыс. руб.", "12000", "!12")
p("ru", "3 млн рублей", "3000000", "!3")
p("ru", "2,4 млрд", "2400000000", "!2.4")
p("ru", r"20\text{ тысяч человек}", "20000", "!20")
p("ru", r"5\text{ км/ч}", "5", "5 km/h", "!5 m/s")
p("ru", r"6\sqrt{3}\text{ см}^2", r"6\sqrt{3}", "!6")
p("ru", r"2 \text{ часа}", "2", "!120")
p("ru", r"x_1 = 2, x_2 = -5", "2,-5", "!2", "!-5")
p("ru", r"x = 2 \text{ и } y = 3", "(2,3)")
p("ru", r"[-1; 0) \cup (0; 1]", r"[-1,0)\cup(0,1]", "![-1,1]")
p("ru", r"x \in [2; +\infty)", r"[2,\infty)", r"!(2,\infty)")
p("ru", r"-0,(6)", r"-\frac{2}{3}", "!-0.6")
p("ru", "1 000 000", "1000000", "!1")
p("ru", "Ответ: 15 км.", "15", "!1", raw=True)
p("ru", "Ответ: 3,5", "3.5", "!35", raw=True)
p("ru", "\\boxed{8}\n\nЗадача: В корзине 5 яблок.\nОтвет: \\boxed{5}", "8", "!5", raw=True)
p("ru", r"25\text{ процентов}", r"\frac14", "25", "!4")
p("ru", "15 шт.", "15", "!1")
# German
p("de", "1,5 Mio. Euro", "1500000", "!1.5")
p("de", "20 Tausend Menschen", "20000", "!20")
p("de", r"2\text{ Milliarden}", "2000000000", "!2000000")
p("de", r"45\text{ Grad}", "45", "!4")
p("de", r"12{,}5\text{ cm}", "12.5", "!125")
p("de", r"x_1 = 1 \text{ und } x_2 = 4", "1,4", "!1")
p("de", "1.000.000", "1000000", "!1")
p("de", r"\mathbb{R} \setminus \{0\}", r"(-\infty,0)\cup(0,\infty)", r"!\mathbb{R}")
p("de", r"\mathbb{L} = \{2; 3\}", r"\{2,3\}", "!2")
p("de", r"3\sqrt{2}\text{ LE}", r"3\sqrt{2}", "!3")
p("de", "Die Antwort ist 12,5.", "12.5", "!125", "!12", raw=True)
p("de", "\\boxed{8}\n\nFrage 2: Wie viele?\n\\boxed{5}", "8", "!5", raw=True)
p("de", r"12\tfrac{1}{2}\,\%", r"\frac{1}{8}", "!12")
# French
p("fr", "2 milliards d'euros", "2000000000", "!2")
p("fr", "15 mille", "15000", "!15")
p("fr", r"3{,}5\text{ millions}", "3500000", "!3.5")
p("fr", r"x = 1 \text{ ou } x = 2", "1,2", "!1")
p("fr", r"]-\infty, -1[ \cup ]1, +\infty[", r"(-\infty,-1)\cup(1,\infty)", "!(-1,1)", r"!(-\infty,-1]\cup[1,\infty)")
p("fr", r"S = \left]-2 ; 3\right]", "(-2,3]", "!(-2,3)", "![-2,3]")
p("fr", r"S = \{-1 ; 4\}", r"\{-1,4\}", "!-1")
p("fr", r"2 \text{ h }", "2", "!20")
p("fr", r"25\text{ m}^2", "25", "!625")
p("fr", r"12~500", "12500", "!12", "!500")
p("fr", r"\mathbb{R}^*", r"!0")
p("fr", "\\boxed{8}\n\nExercice 3 : calculer 2+3.\n\\boxed{5}", "8", "!5", raw=True)
p("fr", r"72\text{ km/h}", "72", r"72\text{ km par heure}", "!72 m/s")
# Bengali
p("bn", "১০ হাজার টাকা", "10000", "!10")
p("bn", "২.৫ কোটি", "25000000", "!2.5")
p("bn", "১২,৫০০", "12500", "!12.5")
p("bn", r"৩ \text{ বা } -৩", "3,-3", "!3")
p("bn", r"১৫ \text{ কিলোমিটার}", "15", "!1")
p("bn", r"৪৫ ডিগ্রি", "45", "!4")
p("bn", r"৩৬ বর্গ সেমি", "36", r"36 \text{ cm}^2", "!6")
p("bn", "উত্তর: ৪২ টাকা।", "42", "!2", raw=True)
p("bn", "\\boxed{৮}\n\nপ্রশ্ন: ২+৩ কত?\n\\boxed{৫}", "8", "!5", raw=True)
p("bn", "১/২", "0.5", "!12")
p("bn", "২০ জন", "20", "!2")
# Thai
p("th", "1.2 ล้านบาท", "1200000", "!1.2")
p("th", "๓ แสน", "300000", "!3")
p("th", r"5 \text{ หรือ } -5", "5,-5", "!5")
p("th", r"x = 1 \text{ และ } y = 2", "(1,2)")
p("th", r"25 \text{ ตารางเซนติเมตร}", "25", r"25\text{ cm}^2", "!5")
p("th", "60 กม./ชม.", "60", "!6")
p("th", "๔๒", "42", "!4")
p("th", "คำตอบคือ 42 บาท", "42", "!4", raw=True)
p("th", "\\boxed{8}\n\nคำถาม: 2+3\n\\boxed{5}", "8", "!5", raw=True)
p("th", "15 คน", "15", "!1")
p("th", "ร้อยละ 20", "20", "0.2", "!2")
# Swahili
p("sw", "elfu kumi", "10000", "!10")
p("sw", "shilingi 25,000", "25000", "!25")
p("sw", "milioni 1.5", "1500000", "!1.5")
p("sw", "dola 12.50", "12.5", "!12")
p("sw", r"\text{mita } 15", "15", "!1")
p("sw", "15 mita", "15", "15 m", "!1")
p("sw", r"3 \text{ au } -3", "3,-3", "!3")
p("sw", "kilomita 60 kwa saa", "60", "!6")
p("sw", "masaa 5", "5", "!50")
p("sw", "wanafunzi 36", "36", "!6")
p("sw", "Jibu ni 42.", "42", "!4", raw=True)
p("sw", "\\boxed{8}\n\nSwali: 2+3?\n\\boxed{5}", "8", "!5", raw=True)
p("sw", "shilingi milioni 3", "3000000", "!3")
p("sw", "asilimia 12.5", r"\frac18", "12.5", "!12")
# Chinese
p("zh", "1.5亿元", "150000000", "!1.5")
p("zh", "20万", "200000", "!20")
p("zh", "三十万", "300000", "!30")
p("zh", r"3 \text{ 或 } -3", "3,-3", "!3")
p("zh", "x=1，y=2", "(1,2)")
p("zh", "12平方厘米", "12", "!144")
p("zh", "60千米/小时", "60", r"60\text{ km/h}", "!6")
p("zh", "45度", "45", "!4")
p("zh", "(-∞，2)∪(3，+∞)", r"(-\infty,2)\cup(3,\infty)", r"!(2,3)")
p("zh", "{1，2，3}", r"\{1,2,3\}", "!1")
p("zh", "答案是 42 元。", "42", "!4", raw=True)
p("zh", "答案：3。解释：共 5 步。", "3", "!5", "!3.5", raw=True)
p("zh", "\\boxed{8}\n\n问题2：求2+3。\n\\boxed{5}", "8", "!5", raw=True)
p("zh", "百分之三十", "0.3", r"30\%", "!3")
p("zh", "5只", "5", "!50")
p("zh", r"x\neq 1", r"(-\infty,1)\cup(1,\infty)", "!1")
# Japanese
p("ja", "2万5000円", "25000", "!2", "!25")
p("ja", "1億5千万", "150000000", "!1")
p("ja", r"x=1,\ 3", "1,3", "!1")
p("ja", r"x = 2 \text{ または } x = -2", "2,-2", r"\pm 2", "!2")
p("ja", r"-1 < x < 3", "(-1,3)", "![-1,3]")
p("ja", "60km/h", "60", "!6")
p("ja", "12cm", "12", "!1")
p("ja", "24㎠", "24", "!576")
p("ja", "3時間", "3", r"3\text{ hours}", "!3分")
p("ja", "答えは 42 です。", "42", "!4", raw=True)
p("ja", "答え：12個", "12", "!1", raw=True)
p("ja", "\\boxed{8}\n\n問2：2+3は？\n\\boxed{5}", "8", "!5", raw=True)
p("ja", "25％", r"25\%", "0.25", "!2")
# Telugu
p("te", "10 వేల రూపాయలు", "10000", "!10")
p("te", "2.5 కోట్లు", "25000000", "!2.5")
p("te", r"3 \text{ లేదా } -3", "3,-3", "!3")
p("te", "12 చదరపు మీటర్లు", "12", r"12\text{ m}^2", "!2")
p("te", "60 కి.మీ/గం", "60", "!6")
p("te", "45 డిగ్రీలు", "45", "!4")
p("te", "సమాధానం: 42", "42", "!4", raw=True)
p("te", "\\boxed{8}\n\nప్రశ్న: 2+3?\n\\boxed{5}", "8", "!5", raw=True)
p("te", "20 మంది", "20", "!2")
p("te", "రూ. 1,50,000", "150000", "!1.5")
p("te", "౪౨", "42", "!4")
# mixed maths
p("en", r"\{x \in \mathbb{R} \mid x > 2\}", r"(2,\infty)", r"![2,\infty)")
p("en", r"\left\{x \mid -1 \le x < 4\right\}", "[-1,4)", "!(-1,4)")
p("en", r"(-2,0) \cup (0,2)", r"(-2,2) \setminus \{0\}", "!(-2,2)")
p("en", r"x \leq 3", r"(-\infty,3]", r"!(-\infty,3)", "!3")
p("en", r"\left[\begin{smallmatrix}1&0\\0&1\end{smallmatrix}\right]", r"\begin{pmatrix}1&0\\0&1\end{pmatrix}", r"!\begin{pmatrix}0&1\\1&0\end{pmatrix}")
p("en", r"\begin{bmatrix}1\\0\\2\end{bmatrix}^T", r"\begin{bmatrix}1&0&2\end{bmatrix}", r"!\begin{bmatrix}1\\0\\2\end{bmatrix}")
p("en", r"\mathbf{i} + 2\mathbf{j}", r"\mathbf{i}+2\mathbf{j}", r"!\mathbf{i}")
p("en", r"\text{Rs } 1,500", "1500", "!1.5")
p("en", r"5\,\mathrm{mm}", "5", r"5\text{ mm}", r"!5\text{ cm}")
p("en", r"10^6\text{ J}", "1000000", "!10")
p("en", r"\frac{22}{7}\,\text{cm}^3", r"\frac{22}{7}", "!22")
p("en", r"(3, 4) \text{ cm}", "!3")
p("en", "3+4i \\text{ and } 3-4i", r"3+4i,3-4i", r"3\pm 4i", "!3+4i")
p("en", r"\frac{\pi}{6}, \frac{5\pi}{6}", r"\frac{5\pi}{6},\frac{\pi}{6}", r"!\frac{\pi}{6}")
p("en", r"0.\overline{3}\text{ m}", r"\frac13", "!0.3")
p("en", r"1\frac{1}{2}\text{ million}", "1500000", r"!\frac32")
p("en", r"\frac{1}{2}\text{ million}", "500000", r"!\frac12")
p("en", r"2\text{ dozen eggs}", "24", "!2")
p("en", "5 times", "5")
p("en", "3 pairs", "3")
p("en", r"4\text{ apples and }5\text{ oranges}", "4,5", "!4")
p("en", r"12 \text{ in}^2", "12", "!144")
p("en", r"8\text{ ft } 6 \text{ in}", "!8", "!6")
p("en", r"3:30 \text{ pm}", "!3")
p("en", r"\$1{,}200", "1200", "!1", "!1.2")
p("en", "1,200,000", "1200000", "!1.2")
p("en", "1.2 million people", "1200000", "!1.2")
p("en", "1.2e6", "1200000", "!1.2")
p("en", r"1.2 \times 10^6", "1200000", "!1.2")
p("en", r"2\frac{1}{2}\text{ dozen}", "30", "!2.5")
p("en", r"5\text{k}", "5000", "!5")
p("en", r"300\text{ K}", "300", "!3")
p("en", r"100^\circ\text{F}", "100", "!10")
p("en", r"5\Omega", "5", "!50")
p("en", r"2.5\text{ }\mu\text{m}", "2.5", "!2")
p("en", r"3\times10^8\text{ m/s}", "300000000", "!3")
p("en", r"4\text{ units}^2", "4", "!16")
p("en", r"\frac{3}{5}\ \text{meters per second squared}", r"\frac35", "!3")
p("en", r"10\sqrt{5} \mbox{ inches}", r"10\sqrt{5}", "!10")
p("en", r"\text{about } 3.5", "!3")
p("en", r"\text{between } 3 \text{ and } 5", "!3", "!3,5", "!5")
p("en", r"\text{both } 3 \text{ and } 5", "!3")
p("en", r"\text{either } 3 \text{ or } 5", "!3")
p("en", r"\text{neither } 3 \text{ nor } 5", "!3", "!5")
p("en", "3 or 5 or 7", "3,5,7", "!3", "!3,5")
p("en", r"3 \text{ only}", "!30")
p("en", r"x = 3, y = 4", "(3,4)", "!3")
p("en", r"x<3 \text{ and } x>1", "(1,3)", "!(3,1)")
p("en", r"(1,3) \cup (3,5)", "!(1,5)", r"(1,5)\setminus\{3\}")
p("en", r"(1,3] \cup (3,5)", "(1,5)", "![1,5]")
p("en", r"(-\infty,\infty)", r"\mathbb{R}", r"\text{all real numbers}", "!0")
p("en", r"\emptyset", r"\text{no solution}", "!0")
p("en", r"x \ge 2 \text{ and } x \ne 5", r"[2,5)\cup(5,\infty)", r"![2,\infty)")
p("en", r"\mathbb{R} \backslash \{1, 2\}", r"(-\infty,1)\cup(1,2)\cup(2,\infty)", r"!(-\infty,1)\cup(2,\infty)")
p("en", r"2 < x", r"(2,\infty)", "!(-\infty,2)")
p("en", "(1,2),(2,1)", "(2,1),(1,2)", "!(1,2)")
p("en", r"(1, 2) \text{ and } (2, 1)", "(2,1),(1,2)", "!(1,2)")
p("en", r"(0.5, 1.5)", "(1/2,3/2)", "!(0.5,1)")
p("en", r"\begin{matrix}1&2\\3&4\end{matrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"!\begin{vmatrix}1&2\\3&4\end{vmatrix}")
p("en", r"[[1,2],[3,4]]", "[[1,2],[3,4]]", "![[1,3],[2,4]]", "!1,2,3,4")
p("en", r"\{\{1,2\},\{3,4\}\}", r"!\begin{pmatrix}1&2\\3&4\end{pmatrix}")
p("en", r"0.\overline{9}", "1", "!0.9")
p("en", r"0.12\overline{3}", r"\frac{37}{300}", "!0.123")
p("en", r"2.\overline{4}", r"\frac{22}{9}", r"2\frac49", "!2.4")
p("en", r"0.\bar{1}\bar{2}", r"\frac{4}{33}")
p("en", r"33.\overline{3}\%", r"\frac13", "!33.3")
p("en", r"-2\frac{1}{2}", "-2.5", "!-1.5", "!2.5")
p("en", r"3 1/2", "3.5", "!31/2")
p("en", "So the final answer is \\boxed{10}.<|endoftext|>Human: what is 5+5? \\boxed{11}", "10", "!11", raw=True)
p("en", "We get \\boxed{10}.\n\nNext problem: find 1+1. \\boxed{2}", "10", "!2", raw=True)
p("en", "We get \\boxed{10}.\n\nNote: we could also check the question: does it fit? Yes, \\boxed{10}", "10", raw=True)
p("en", "Question 1: 2+3?\n\\boxed{5}\n\nQuestion 2: 1+1?\n\\boxed{2}", "5", "!2", raw=True)
p("en", "First, let's understand the question: how many?\n\nQuestion: How many?\n\nThe answer is 7.", "7", raw=True)
p("en", "The answer is (B).\n\nQuestion: Which?\nThe answer is (C).", "B", "!C", raw=True)
p("en", "\\boxed{B}\n\nProblem: pick one.\n\\boxed{C}", "B", "!C", raw=True)
# magnitudes tricky
p("zh", "2千万", "20000000", "!2", "!2000")
p("zh", "3万多", "!3")
p("zh", "1.2万亿", "1200000000000", "!1.2")
p("zh", "一百二十", "120", "!100")
p("zh", "十五万", "150000", "!15")
p("zh", "3万零5百", "30500", "!3")
p("zh", "2打", "24", "!2")
p("zh", "5万个", "50000", "!5")
p("zh", "3千克", "3", "!3000")
p("zh", "5 万公里", "50000", "!5")
p("ja", "三万五千", "35000", "!3")
p("ja", "10万人", "100000", "!10")
p("ja", "2千円", "2000", "!2")
p("ja", "2.5億", "250000000", "!2.5")
p("ja", "5百", "500", "!5")
p("th", "10 ล้านคน", "10000000", "!10")
p("th", "5 หมื่นบาท", "50000", "!5")
p("th", "สองแสน", "200000", "!2")
p("th", "2 แสน 5 หมื่น", "250000", "!2")
p("bn", "৫০ হাজার", "50000", "!50")
p("bn", "২ লাখ টাকা", "200000", "!2")
p("bn", "পাঁচ লক্ষ", "500000", "!5")
p("bn", "৩ শত", "300", "!3")
p("bn", "১ কোটি ২০ লক্ষ", "12000000", "!1")
p("te", "5 వేల", "5000", "!5")
p("te", "రెండు లక్షలు", "200000", "!2")
p("te", "1 కోటి", "10000000", "!1")
p("te", "3 వందల", "300", "!3")
p("te", "2 లక్షల 50 వేలు", "250000", "!2")
p("sw", "elfu 12", "12000", "!12")
p("sw", "mia tatu", "300", "!3")
p("sw", "laki mbili", "200000", "!2")
p("sw", "milioni 3 na elfu 500", "3500000", "!3")
p("sw", "5 elfu", "5000", "!5")
p("sw", "watu milioni 2", "2000000", "!2")
p("sw", "shilingi elfu kumi", "10000", "!10")
p("ru", "5000 тысяч", "5000000", "!5000")
p("ru", "два миллиона", "2000000", "!2")
p("ru", "3 миллиарда долларов", "3000000000", "!3")
p("ru", "10 тысячам", "10000", "!10")
p("ru", "две тысячи", "2000", "!2")
p("ru", "1 млн 200 тыс.", "1200000", "!1")
p("ru", "полтора миллиона", "!1")
p("de", "hundert Tausend", "100000", "!100")
p("de", "3,2 Mrd. €", "3200000000", "!3.2")
p("de", "zwei Millionen", "2000000", "!2")
p("de", "500 Tsd.", "500000", "!500")
p("de", "20.000", "20000")
p("fr", "3,2 millions d'habitants", "3200000", "!3.2")
p("fr", "cinq mille", "5000", "!5")
p("fr", "un million", "1000000", "!1")
p("fr", "200 000", "200000", "!200")
p("fr", "5 cents", "!500")
p("es", "un millón", "1000000", "!1")
p("es", "cinco mil", "5000", "!5")
p("es", "20 mil millones", "20000000000", "!20")
p("es", "1,5 billones", "1500000000000", "!1.5")
p("es", "3 millares", "3000", "!3")
# units in languages
p("ru", "5 метров", "5", "5 m", "!50")
p("ru", "12 см²", "12", "!144")
p("ru", "45°", "45", "!4")
p("ru", "3 ч", "3", "!30")
p("ru", "18 лет", "18", "!1")
p("de", "3 h 20 min", "!3")
p("de", "5 m²", "5", "!25")
p("de", "8 Tage", "8", "!80")
p("de", "15 Stück", "15", "!1")
p("fr", "15 jours", "15", "!1")
p("fr", "2 fois", "2", "!20")
p("fr", "30 élèves", "30", "!3")
p("es", "12 días", "12", "!1")
p("es", "30 estudiantes", "30", "!3")
p("es", "5 veces", "5", "!50")
p("sw", "siku 12", "12", "!1")
p("sw", "vitabu 30", "30", "!3")
p("sw", "mara 5", "5", "!50")
p("sw", "5 cm", "5", "!50")
p("bn", "১২ দিন", "12", "!1")
p("bn", "৫ মিটার", "5", "5 m", "!50")
p("bn", "৩০ জন ছাত্র", "30", "!3")
p("th", "12 วัน", "12", "!1")
p("th", "5 เมตร", "5", "5 m", "!50")
p("th", "30 คน", "30", "!3")
p("th", "3 ครั้ง", "3", "!30")
p("te", "12 రోజులు", "12", "!1")
p("te", "5 మీటర్లు", "5", "5 m", "!50")
p("te", "30 మంది విద్యార్థులు", "30", "!3")
p("zh", "12天", "12", "!1")
p("zh", "5米", "5", "5 m", "!50")
p("zh", "30名学生", "30", "!3")
p("zh", "3次", "3", "!30")
p("ja", "12日", "12", "!1")
p("ja", "5メートル", "5", "5 m", "!50")
p("ja", "30人の学生", "30", "!3")
p("ja", "3回", "3", "!30")
p("ja", "毎時60km", "60")
p("de", "60 Kilometer pro Stunde", "60", "60 km/h", "!6")
p("ru", "60 километров в час", "60", "60 km/h", "!6")
p("es", "60 kilómetros por hora", "60", "60 km/h", "!6")
p("fr", "60 kilomètres par heure", "60", "60 km/h", "!6")
p("en", "60 kilometers per hour", "60", "60 km/h", "!6")
p("th", "60 กิโลเมตรต่อชั่วโมง", "60 km/h", "!6")
p("zh", "每小时60千米", "60")
for l, a, v, w in [
    ("de", "Die Antwort lautet 2,5 Millionen Euro.", "2500000", "2.5"),
    ("de", "Die Antwort ist 4 Mio. Euro.", "4000000", "4"),
    ("de", "Insgesamt sind es 3 Tausend.", "3000", "3"),
    ("fr", "La réponse est 3 millions.", "3000000", "3"),
    ("fr", "La réponse est 3 millions d'euros.", "3000000", "3"),
    ("zh", "答案是 3万。", "30000", "3"),
    ("zh", "答案是3万5千元。", "35000", "3"),
    ("zh", "所以总共有 2.4万人。", "24000", "2.4"),
    ("zh", "答案：15万元", "150000", "15"),
    ("ja", "答えは 3万円です。", "30000", "3"),
    ("ja", "よって5億円となる。", "500000000", "5"),
    ("ru", "Ответ: 5 тысяч рублей.", "5000", "5"),
    ("ru", "Ответ: 3 млн.", "3000000", "3"),
    ("ru", "Итого 12 тыс. рублей.", "12000", "12"),
    ("sw", "Jibu ni elfu 5.", "5000", "5"),
    ("sw", "Jibu ni shilingi elfu 5.", "5000", "5"),
    ("sw", "Jumla ni milioni 2.", "2000000", "2"),
    ("th", "คำตอบคือ 3 ล้านบาท", "3000000", "3"),
    ("th", "รวมเป็นเงิน 5 หมื่นบาท", "50000", "5"),
    ("bn", "উত্তর: ৫ হাজার টাকা।", "5000", "5"),
    ("bn", "মোট ৩ লক্ষ টাকা।", "300000", "3"),
    ("te", "సమాధానం: 3 లక్షలు", "300000", "3"),
    ("te", "మొత్తం 5 వేల రూపాయలు.", "5000", "5"),
    ("en", "The answer is 3 million.", "3000000", "3"),
    ("en", "The answer is 3 thousand dollars.", "3000", "3"),
    ("en", "So they made 2.4 million dollars.", "2400000", "2.4"),
    ("es", "La respuesta es 3 millones.", "3000000", "3"),
    ("es", "La respuesta final es 5 mil pesos.", "5000", "5"),
    ("es", "En total son 20 mil.", "20000", "20"),
    ("en", "The answer is 42 apples.", "42", "4"),
    ("en", "The answer is -3.", "-3", "3"),
    ("en", "The answer is 5k.", "5000", "5"),
]:
    p(l, a, v, "!" + w, raw=True)
    p(l, a + "\n\nQuestion: How many?\nThe answer is 77.", v, "!77", raw=True)
for x, refs in [
    ("at least 5", ["!5"]),
    ("mindestens 5", ["!5"]),
    ("al menos 5", ["!5"]),
    ("au moins 5", ["!5"]),
    ("не менее 5", ["!5"]),
    ("至少5", ["!5"]),
    ("少なくとも5", ["!5"]),
    ("angalau 5", ["!5"]),
    ("অন্তত 5", ["!5"]),
    ("อย่างน้อย 5", ["!5"]),
    ("కనీసం 5", ["!5"]),
    ("5 or more", ["!5"]),
    ("5 oder mehr", ["!5"]),
    ("5 o más", ["!5"]),
    ("5以上", ["!5"]),
    ("5 и более", ["!5"]),
    ("超过5", ["!5"]),
    ("不是5", ["!5"]),
    ("nicht 5", ["!5"]),
    ("no 5", ["!5"]),
    ("pas 5", ["!5"]),
    ("не 5", ["!5"]),
    ("si 5", ["!5"]),
    ("sio 5", ["!5"]),
    ("ไม่ใช่ 5", ["!5"]),
    ("5ではない", ["!5"]),
    ("5 নয়", ["!5"]),
    ("5 కాదు", ["!5"]),
    ("5x", ["!5"]),
    ("5n", ["!5"]),
    ("5ab", ["!5"]),
    ("5/x", ["!5"]),
    ("5^2", ["!5", "25"]),
    ("5_2", ["!5"]),
    ("5+x", ["!5"]),
    ("5,", ["5"]),
    ("5;6", ["!5", "5,6"]),
    ("5!", ["!5", "120"]),
    ("5 < x", ["!5"]),
    ("{5}", ["5"]),
    ("(5)", ["5"]),
    ("[5]", ["5"]),
    (r"\{5\}", ["5"]) if 0 else ("5 ", ["5"]),
    ("5\\ \\%", ["5"]),
    ("5:6", ["!5", r"\frac56"]),
    ("5-6", ["!5", "-1"]),
    ("5 – 6", ["!5"]),
    ("5~6", ["!5"]),
    ("从5到6", ["!5"]),
    ("5 bis 6", ["!5"]),
    ("de 5 a 6", ["!5"]),
    ("от 5 до 6", ["!5"]),
    ("5 h 30 min", ["!5"]),
    ("5小时30分钟", ["!5"]),
    ("5 ч 30 мин", ["!5"]),
    ("saa 5 na dakika 30", ["!5"]),
    ("5 ঘণ্টা 30 মিনিট", ["!5"]),
    ("5 ชั่วโมง 30 นาที", ["!5"]),
    ("5時間30分", ["!5"]),
    ("5 heures 30", ["!5"]),
    ("5 Stunden 30 Minuten", ["!5"]),
    ("5 గంటల 30 నిమిషాలు", ["!5"]),
    ("5 dollars and 50 cents", ["!5"]),
    ("5元5角", ["!5"]),
    ("5 рублей 50 копеек", ["!5"]),
    ("5 plus 3", ["!5"]),
    ("5 mal 3", ["!5"]),
    ("5 fois 3", ["!5"]),
    ("5 por 3", ["!5"]),
    ("5乘3", ["!5"]),
    ("5 times 3", ["!5"]),
    ("5 squared", ["!5"]),
    ("5 to the power of 2", ["!5"]),
    ("square root of 5", ["!5"]),
    ("raíz de 5", ["!5"]),
    ("корень из 5", ["!5"]),
    ("√5", ["!5", r"\sqrt5"]),
    ("根号5", ["!5"]),
    ("log 5", ["!5"]),
    ("sin 5", ["!5"]),
    ("f(5)", ["!5"]),
    ("x=5 or y=6", ["!5"]),
    ("half of 5", ["!5"]),
    ("double 5", ["!5"]),
    ("5的一半", ["!5"]),
    ("5 halves", ["!5"]),
    ("5 thirds", ["!5"]),
    ("5 quarters", ["!5"]),
    ("5 tenths", ["!5"]),
    ("2分の5", ["!5", "2.5", "!2"]),
    ("5分之2", ["!5", "0.4", "!2"]),
    ("五分之二", ["!5", "0.4"]),
    ("5 more", ["!5"]),
    ("5 less than 10", ["!5"]),
    ("5 из 6", ["!5"]),
    ("5 out of 6", ["!5"]),
    ("5 von 6", ["!5"]),
    ("5 sur 6", ["!5"]),
    ("5 de 6", ["!5"]),
    ("5 in 6", ["!5"]),
]:
    p("xx", x, *refs)

# A third, a fourth and a fifth look.
p("th", "แอปเปิล 5 ลูก", "5", "!50")
p("th", "ดินสอ 12 ชิ้น", "12", "!1")
p("zh", "苹果5个", "5", "!50")
p("ja", "りんご5個", "5", "!50")
p("bn", "আপেল ৫টি", "5", "!50")
p("zh", "超过5个", "!5")
p("zh", "不是5个", "!5")
p("zh", "至少5个", "!5")
p("ja", "少なくとも5個", "!5")
p("th", "อย่างน้อย 5 คน", "!5")
p("th", "ราคา 15 บาท", "15")
p("bn", "মোট ১২টি", "12")
p("fr", r"]-\infty,2[\cup]2,+\infty[", r"\mathbb{R}\setminus\{2\}", r"!\mathbb{R}")
p("de", r"\mathbf{R}\setminus\{2\}", r"(-\infty,2)\cup(2,\infty)", r"!(-\infty,\infty)")
p("de", r"R \setminus \{2\}", r"(-\infty,2)\cup(2,\infty)")
p("fr", r"\R \setminus \{-1;1\}", r"(-\infty,-1)\cup(-1,1)\cup(1,\infty)", r"!\mathbb{R}")
for c in [
    "R$ 20",
    "Rs. 20",
    "Tsh 20",
    r"\text{Ksh } 20",
    r"\$ 20",
    r"US\$ 20",
    "৳ 20",
    "₹ 20",
    "€ 20",
    "CHF 20",
    "kr 20",
    "RM 20",
    "Rp 20",
    "Bs. 20",
    r"\text{dola } 20",
    r"\text{USD } 20",
    r"\text{Rs. } 20",
    r"\text{euro } 20",
    "NT$20",
    "HK$ 20",
    "20 €",
    "20 $",
    "20 \\$",
    "20₽",
    "20 руб.",
    "20 CHF",
    "20 kr",
    "Sh 20",
    "Sh20",
    "20/=",
]:
    p("xx", c, "20", "!2", "!200")
p("en", "2 gross", "288", "!2")
p("en", "3 score", "60", "!3")
for n, w, v in [("2", "百万", "2000000"), ("3", "十万", "300000"), ("5", "千万", "50000000"), ("1", "百億", "10000000000"), ("4", "万亿", "4000000000000")]:
    p("zh", n + w, v, "!" + n)
p("ja", "百二十万", "1200000", "!120")
p("ja", "2千3百", "2300", "!2")
p("zh", "三千五百", "3500", "!3")
p("zh", "1亿3千万", "130000000")
p("ja", "30万円", "300000", "30万", "!30")
p("th", "1 แสน 5 หมื่น", "150000")
p("th", "๒.๕ ล้าน", "2500000")
p("th", "12 พันล้าน", "12000000000")
p("th", "สิบล้าน", "10000000", "!10")
p("bn", "দশ হাজার", "10000")
p("bn", "৫ লক্ষ ২৫ হাজার", "525000")
p("te", "పది వేలు", "10000")
p("te", "5 లక్షల 25 వేలు", "525000")
p("te", "కోటి", "10000000")
p("sw", "mia tano", "500")
p("sw", "elfu moja", "1000")
p("sw", "elfu 2 na mia 5", "2500")
p("sw", "milioni moja", "1000000")
p("es", "mil", "1000")
p("fr", "mille", "1000")
p("de", "tausend", "1000")
p("ru", "тысяча", "1000")
p("en", "a thousand", "1000")
p("en", "a million", "1000000")
p("en", "one hundred", "100")
p("es", "cien", "100")
p("de", "eine Million", "1000000")
p("ru", "один миллион", "1000000")
p("fr", "cent", "!5")
p("es", "3 mil 500", "3500", "!3")
p("en", "3 thousand 500", "3500", "!3")
p("en", "2 million, 500 thousand", "!2")
p("en", r"1{,}500\text{ thousand}", "1500000", "!1500")
p("de", "1.500 Tausend", "1500000")
p("en", "0.5 million", "500000", "!0.5")
p("fr", "0,5 million", "500000", "!0.5")
p("en", "-3 million", "-3000000", "3 million".replace("3", "!3"))
p("en", r"3\times 10^6", "3 million")
p("en", "3000000", "3 million", "!3")
p("en", "3", "!3 million")
p("zh", "180000", "18万")
p("de", "2000000", "2 Millionen")
p("bn", "3 লক্ষ", "3 lakh", "300 thousand")
p("en", r"2\tfrac14\text{ hours}", r"\frac94", r"2\frac14", "!2")
p("en", r"2 \frac{1}{4} \text{ hours}", "2.25", "!2")
p("en", r"2\,\frac{1}{4}", "2.25", "!0.5")
p("en", r"\sqrt{2}\text{ and }\sqrt{3}", r"\sqrt{2},\sqrt{3}", r"!\sqrt{2}", r"!\sqrt{6}")
p("en", r"a=2\text{ and }b=5", "!2")
p("en", r"2\text{ or }5", r"\{2,5\}", "5,2", "!7", "!10")
p("en", r"2 \text{ nor } 5", "!2")
p("en", r"2\text{ (or 5)}", "!2")
p("en", r"2\text{ or }5\text{ or }8", "2,5,8", "!2,5")
p("en", r"2 \& 5", "!25")
p("en", r"12\frac{1}{2}\text{ percent}", "12.5", r"\frac18", "!12")
p("de", r"12\frac12\text{ Prozent}", r"12.5\%", "!12")
p("en", r"0.5\%", "0.005", "0.5", "!50")
p("en", r"150\%", "1.5", "150", "!15")
p("en", r"8\tfrac{1}{3}\%", r"\frac{1}{12}", "!8")
p("ja", "答えは 8．", "8", raw=True)
p("ja", "答えは 17。3 通り。", "17", "!17.3", "!3", raw=True)
p("zh", "答案是 3.5。2 种方法。", "3.5", "!3.52", "!2", raw=True)
p("bn", "উত্তর ১৭। ২টি উপায়।", "17", "!17.2", raw=True)
p("zh", "所以答案为：12。3 人。", "12", "!12.3", raw=True)
p("en", r"\begin{pmatrix} 1 \cr 2 \cr 3 \end{pmatrix}", "(1,2,3)", r"\begin{pmatrix}1\\2\\3\end{pmatrix}", r"!(3,2,1)")
p("en", r"(1,2,3)^{T}", r"\begin{bmatrix}1\\2\\3\end{bmatrix}", r"!\begin{bmatrix}1&2&3\end{bmatrix}", "(1,2,3)")
p("en", r"\left(1,2,3\right)^{\top}", r"\begin{pmatrix}1\\2\\3\end{pmatrix}")
p("en", "[1, 2, 3]^T", "!(1,2)")
p("en", r"\{1,2,3\}", r"!\begin{pmatrix}1\\2\\3\end{pmatrix}")
p("en", r"\{1,1,2\}", r"\{1,2\}", r"!\{1,1,3\}")
p("en", "1,1,2", "!1,2")
p("en", "The answer is \\boxed{9}.\n\nWait, let me double check the problem: we need x. So \\boxed{9}.", "9", raw=True)
p("en", "Problem: compute.\n\nSolution: ... \\boxed{9}\n\nProblem: compute 2.\n\nSolution: \\boxed{7}", "9", "!7", raw=True)
p("en", "\\boxed{9}\n\n---\n\nQuestion: 1+1?\n\n\\boxed{2}", "9", "!2", raw=True)
p("en", "\\boxed{9}\n\n1. Question: 1+1?\n\n\\boxed{2}", "9", "!2", raw=True)
p("en", "\\boxed{9}\n\n[Question]\n1+1?\n\n\\boxed{2}", "9", "!2", raw=True)
p("en", "\\boxed{9}</s><s>[INST] 1+1 [/INST] \\boxed{2}", "9", "!2", raw=True)

p("en", "First case: \\boxed{3}. Second case: \\boxed{5}. For the question: what is the sum? It is \\boxed{8}.", "8", "!3", raw=True)
p("en", "The key question is whether n is even. \\boxed{4}", "4", raw=True)
p("en", "The question: \\boxed{4}", "4", raw=True)
# third look: what else might a model write
p("en", r"42 \text{ (cm)}", "42", "!4")
p("en", r"42\,(\text{cm}^2)", "42", "!4")
p("en", r"(42\text{ cm})", "42", "!4")
p("en", r"\mathbf{42}\text{ cm}", "42", "!4")
p("en", r"42 cm.", "42", "!4")
p("en", r"42\textrm{ }\text{cm}", "42", "!4")
p("en", r"\text{42 cm}", "42", "42 cm", "!42 m", "!4")
p("en", r"\text{42}\;\text{cm}", "42", "!4")
p("en", r"\approx 42\text{ cm}", "42", "!4")
p("en", r"42\text{ cm} \approx 0.42\text{ m}", "!0.5")
p("en", r"A = 42\text{ cm}^2", "42", "!4")
p("en", r"V = \frac{4}{3}\pi r^3", "\\frac{4}{3}\\pi r^3", "!4")
p("en", r"v = 15\text{ m/s}", "15", "15 m/s", "!15 km/h")
p("en", r"\$15", "15", r"\$15", r"15\text{ dollars}", "!15\\text{ cents}", "!15\\text{ euros}")
p("en", "15 cents", "15", r"15\text{ cents}", r"!\$15")
p("en", "€15", "15", "15 euros", "!15 dollars")
p("ja", "15円", "15", "15 yen", "!15 dollars")
p("zh", "15元", "15", r"15\text{ yuan}", r"!15\text{ dollars}")
p("ru", "15 рублей", "15", r"15\text{ rubles}", r"!15\text{ dollars}")
p("sw", "dola 15", "15", r"\$15", r"15\text{ dollars}", r"!15\text{ shillings}")
p("sw", "shilingi 15", r"15\text{ shillings}", r"!\$15")
p("bn", "১৫ টাকা", r"15\text{ taka}", r"!\$15")
p("th", "15 บาท", r"15\text{ baht}", r"!\$15")
p("te", "15 రూపాయలు", r"15\text{ rupees}", r"!\$15")
p("de", "15 Euro", "15 €", r"!\$15")
p("en", "3 hours", "3 h", "3 hrs", "180 minutes".replace("180", "!180"), "!3 min")
p("ru", "3 минуты", "3 min", r"3\text{ minutes}", "!3 hours")
p("es", "3 semanas", "3 weeks", "!3 days")
p("fr", "3 ans", "3 years", "!3 days")
p("sw", "wiki 3", "3 weeks", "!3 days")
p("te", "3 రోజులు", "3 days", "!3 weeks")
p("th", "3 ปี", "3 years", "!3 days")
p("zh", "3年", "3 years", "!3 days")
p("bn", "৩ বছর", "3 years", "!3 days")
p("ja", "3週間", "3 weeks", "!3 days")
p("en", r"2.5\times 10^{3}\text{ kg}", "2500", "!2.5")
p("en", r"5\text{ kg m/s}", "5", "!25")
p("en", r"5\text{ kg} \cdot \text{m/s}", "5", "!25")
p("en", r"5 \frac{\text{km}}{\text{h}}", "5", "5 km/h")
p("en", r"5\ \text{N/C}", "5")
p("en", r"5\text{ V/m}", "5")
p("en", r"5\text{ J/mol}", "5")
p("en", r"5\text{ g/cm}^3", "5", "5 g/cm^3", "!5 g/cm^2")
p("en", r"5\text{ rev/min}", "5")
p("en", r"5\text{ ft-lb}", "5")
p("en", r"5\text{ people/km}^2", "5")
p("en", r"5\text{ \%}", "5", "0.05")
p("en", r"5\text{ percent}", "0.05", "5")
p("en", r"x\text{ cm}", "x", "!y")
p("en", r"2x\text{ cm}", "2x", "!2")
p("en", r"(x+1)\text{ m}", "x+1", "!x")
p("en", r"\frac{a}{b}\text{ hours}", r"\frac{a}{b}", "!a")
p("en", r"2n+1\text{ ways}", "2n+1", "!2n")
p("en", r"\pi r^2 h", "\\pi r^2 h", "!\\pi r^2")
p("en", "3m", "3m", "!3n")
p("en", "2ab", "2ab", "!2a")
p("en", "5xyz", "5xyz", "!5")
p("en", r"\frac{\sqrt{3}}{2}\,a", r"\frac{\sqrt{3}a}{2}", r"!\frac{\sqrt{3}}{2}")
p("en", "12 s", "12", "!1")
p("en", r"\frac{1}{2}gt^2", r"\frac{1}{2}gt^2", r"!\frac12")
p("en", "mgh", "mgh", "!m")
p("en", "5g", "5g", "5", "!5h")
p("en", "kL", "kL", "!k")
# lists with units
p("en", r"3\text{ cm}, 4\text{ cm}, 5\text{ cm}", "3,4,5", "!3,4", "!3")
p("en", r"3, 4, 5\text{ cm}", "3,4,5", "!3")
p("zh", "3厘米和4厘米", "3,4", "!3")
p("ja", "3cmと4cm", "3,4", "!3")
p("de", "3 cm und 4 cm", "3,4", "!3")
p("ru", "3 см и 4 см", "3,4", "!3")
p("es", "3 cm y 4 cm", "3,4", "!3")
p("th", "3 ซม. และ 4 ซม.", "3,4", "!3")
p("sw", "sentimita 3 na sentimita 4", "3,4", "!3")
p("bn", "৩ সেমি ও ৪ সেমি", "3,4", "!3")
p("te", "3 సెం.మీ మరియు 4 సెం.మీ", "3,4", "!3")
p("fr", "3 cm et 4 cm", "3,4", "!3")
p("en", "2 thousand and 3 thousand", "2000,3000", "!2000", "!2")
p("zh", "2万和3万", "20000,30000", "!20000")
p("de", "2 Millionen und 3 Millionen", "2000000,3000000", "!2000000")
p("ru", "2,5 и 3,5", "2.5,3.5", "!2.5")
p("de", "0,5; 1,5", "0.5,1.5", "!0.5")
p("fr", r"0{,}5 \text{ et } 1{,}5", "0.5,1.5", "!0.5")
p("es", "1,5 y 2", "1.5,2", "!1.5")
p("ru", "x=1,5", "1.5", "!1")
p("de", r"x \approx 1,5", "1.5", "!1")
p("ru", r"\{0,5; 2\}", r"\{0.5,2\}", "!0.5")
p("fr", r"\left(\frac{1}{2} ; -3\right)", "(0.5,-3)", "!(0.5,3)")
p("de", "(1|2)", "!(1,3)")
p("de", r"P(1|2)", "!1")
p("en", r"x=1, x=2", r"1,2", "!1")
p("en", r"x=1,2", "1,2", "!1.3")
p("en", r"x_{1}=1,\; x_{2}=2", "1,2", "!1")
p("en", r"x\in\{1,2\}", "1,2", "!1")
p("en", r"1 \quad\text{and}\quad 2", "1,2", "!1")
p("en", r"1 \quad \text{or} \quad 2", "1,2", "!2")
p("en", r"\{1\} \cup \{2\}", r"\{1,2\}", "!1")
p("en", r"1\text{, }2\text{, and }3", "1,2,3", "!1")
p("zh", "1；2", "1,2", "!1")
p("zh", "1或2或3", "1,2,3", "!1")
p("ja", "1，2", "1,2", "!12")
p("en", "1 & 2", "!12")
p("en", "1 / 2", "0.5", "!1,2")
p("en", "(1,2]", "(1,2]", "![1,2]", "!(1,2)")
p("en", r"1 < y \le 2", "(1,2]", "!(1,2)")
p("en", r"t \geq 0", r"[0,\infty)", r"!(0,\infty)")
p("en", r"0 \le \theta < 2\pi", r"[0,2\pi)", r"![0,2\pi]")
p("en", r"\left(-\infty,\frac{1}{2}\right)", r"x<0.5", r"!x\le 0.5")
p("en", r"k > 4 \text{ or } k < -4", r"(-\infty,-4)\cup(4,\infty)", "!(-4,4)")
p("en", r"a<x<b", "(a,b)", "![a,b]")
p("en", r"]a,b[", "(a,b)", "![a,b]")
p("en", r"[a,b[", "[a,b)", "!(a,b)")
p("en", r"x \le -3 \cup x \ge 3", r"(-\infty,-3]\cup[3,\infty)", r"!(-\infty,-3)\cup(3,\infty)")
p("en", r"(-\infty, -3] U [3, \infty)", r"(-\infty,-3]\cup[3,\infty)", "!(-3,3)")
p("en", r"(-\infty,-3] \text{ or } [3,\infty)", r"(-\infty,-3]\cup[3,\infty)", "![-3,3]")
p("en", r"x \notin [1,2]", r"(-\infty,1)\cup(2,\infty)", "![1,2]")
p("en", r"\mathbb{R}^+", r"(0,\infty)", r"!\mathbb{R}")
p("en", r"\mathbb{R}_{>0}", r"(0,\infty)", r"!\mathbb{R}")
p("en", r"x\in\mathbb{R}", r"(-\infty,\infty)", "!(0,1)")
p("en", r"(0,\infty)", r"x>0", r"!x\ge0")
p("en", r"[-2,-1)\cup(-1,1)\cup(1,2]", r"[-2,2]\setminus\{-1,1\}", "![-2,2]")
p("en", r"\{x \mid x \ne 0\}", r"(-\infty,0)\cup(0,\infty)", r"!\mathbb{R}")
p("en", r"(1,2)\cup(2,3)", r"1<x<3,x\ne2", "!(1,3)")


p("en", r"\text{42 students}", "42", "!4")
p("en", r"2.4\,\text{million}", "2400000", "!2.4")
p("en", "$3$ thousand", "3000", "!3")
p("en", r"15\%\text{ of the class}", "15", "!1")
p("en", r"7\text{:}30", "!7")
p("en", r"\frac{2}{3}\text{ cup}", r"\frac23", "!2")
p("en", r"1\frac12 \text{ cups and } 2 \text{ eggs}", "!1.5")
p("en", "eleven", "11", "!1")
p("en", "twenty-five", "25", "!20")
p("en", "two hundred", "200", "!2")
p("en", "5 point 2", "!5")
p("en", "3 and a half", "!3")
p("en", "3 dozen roses", "36", "!3")
p("es", "doce", "!1")
p("es", "42 cm²", "42", r"42\text{ cm}^2", "!4")
p("es", "3 de 5", "!3")
p("es", "2 horas y 30 minutos", "!2")
p("es", "$2.50", "2.5", "!250")
p("es", "12,5 %", "12.5", "0.125")
p("es", r"\text{No hay solución}", "!0")
p("es", r"x=3 \text{ y } y=2", "!3")
p("es", "1.000.000 de pesos", "1000000", "!1")
p("es", "7 u 8", "7,8", "!7")
p("es", "medio millón", "!1")
p("ru", "42 руб. 50 коп.", "!42")
p("ru", "3 часа 20 минут", "!3")
p("ru", "2/3 часа", r"\frac23", "!2")
p("ru", "на 5 больше", "!5")
p("ru", "x > 3", "(3,\\infty)", "!3")
p("ru", "5 или 6", "5,6", "!5")
p("ru", "от 3 до 5", "!3")
p("ru", "7 тыс. км", "7000", "!7")
p("ru", "40 %", "40", "0.4")
p("ru", "3,14 м", "3.14", "!314")
p("ru", "двадцать", "!2")
p("ru", "(2; 3)", "(2,3)", "!(3,2)")
p("ru", "[2; 3)", "[2,3)", "!(2,3)")
p("ru", "2 000 р.", "2000", "!2")
p("de", "42,50 €", "42.5", "!42")
p("de", "3 Std. 20 Min.", "!3")
p("de", "1/2 Stunde", "0.5", "!1")
p("de", "5 bzw. 6", "5,6", "!5")
p("de", "drei", "3", "!4")
p("de", "3-mal", "!4")
p("de", "12 Mio. Einwohner", "12000000", "!12")
p("de", "15 Prozentpunkte", "15")
p("de", r"L=\{1;2\}", r"\{1,2\}", "!1")
p("de", r"x \in ]2;5]", "(2,5]", "!(2,5)")
p("fr", "42,50 €", "42.5", "!42")
p("fr", "3 h 20", "!3")
p("fr", "la moitié", "!2")
p("fr", "12 % ", "12", "0.12")
p("fr", r"S=]2;5[", "(2,5)", "![2,5]")
p("fr", "5 ou 6", "5,6", "!6")
p("fr", "2,5 km", "2.5", "!25")
p("fr", "trois", "3")
p("fr", "quatre mille", "4000", "!4")
p("fr", "3 millions de personnes", "3000000", "!3")
p("bn", "৪২টি", "42", "!4")
p("bn", "৪২.৫ কেজি", "42.5", "!42")
p("bn", "২ ঘণ্টা ৩০ মিনিট", "!2")
p("bn", "১২%", "12", "0.12")
p("bn", "৩ ও ৪", "3,4", "!3")
p("bn", "পাঁচ", "5")
p("bn", "৭ লাখ", "700000", "!7")
p("bn", "১,০০,০০০ টাকা", "100000", "!1")
p("bn", "৩/৪ অংশ", "0.75", "!3")
p("bn", "৫ গুণ", "5")
p("th", "42 ตัว", "42", "!4")
p("th", "2 ชั่วโมง 30 นาที", "!2")
p("th", "3 หรือ 4", "3,4", "!3")
p("th", "ห้า", "5")
p("th", "1,250 บาท", "1250", "!1")
p("th", "12%", "12", "0.12")
p("th", "7 แสนบาท", "700000", "!7")
p("th", "3.5 กก.", "3.5", "!3")
p("th", "5 เท่า", "5")
p("th", "สามหมื่น", "30000", "!3")
p("sw", "42 watu", "42", "!4")
p("sw", "saa 2 na dakika 30", "!2")
p("sw", "3 au 4", "3,4", "!3")
p("sw", "tano", "5")
p("sw", "Sh 1,250", "1250", "!1")
p("sw", "12%", "12", "0.12")
p("sw", "laki 7", "700000", "!7")
p("sw", "kilo 3.5", "3.5", "!3")
p("sw", "mara tano", "5")
p("sw", "elfu thelathini", "!3")
p("sw", "vipande 8", "8")
p("sw", "dola 7.5 kwa saa", "7.5")
p("sw", "jumla ya shilingi 600", "600", "!6")
p("zh", "42个学生", "42", "!4")
p("zh", "2小时30分钟", "!2")
p("zh", "3或4", "3,4", "!3")
p("zh", "五", "5")
p("zh", "1250元", "1250")
p("zh", "12％", "12", "0.12")
p("zh", "7万5千", "75000", "!7")
p("zh", "3.5千克", "3.5")
p("zh", "5倍", "5")
p("zh", "3元5角", "!3")
p("zh", "x=3或x=4", "3,4", "!3")
p("zh", "(2，3)", "(2,3)", "!(3,2)")
p("zh", "(2，3]", "(2,3]", "!(2,3)")
p("zh", "不存在", "!0")
p("zh", "2<x≤5", "(2,5]", "!(2,5)")
p("zh", "{x|2<x<5}", "(2,5)", "![2,5]")
p("zh", "负5", "-5", "!5")
p("zh", "五分之三", "0.6", "!3")
p("zh", "3：5", r"\frac35", "!3")
p("ja", "42人", "42", "!4")
p("ja", "2時間30分", "!2")
p("ja", "3または4", "3,4", "!3")
p("ja", "五", "5")
p("ja", "1250円", "1250")
p("ja", "7万5千円", "75000", "!7")
p("ja", "3.5キログラム", "3.5")
p("ja", "5倍", "5")
p("ja", "x=3,4", "3,4", "!3")
p("ja", "2＜x≦5", "(2,5]", "!(2,5)")
p("ja", "5分の3", "0.6", "!3")
p("ja", "三千", "3000", "!3")
p("te", "42 మంది", "42", "!4")
p("te", "2 గంటల 30 నిమిషాలు", "!2")
p("te", "3 లేదా 4", "3,4", "!3")
p("te", "ఐదు", "5")
p("te", "రూ. 1,250", "1250", "!1")
p("te", "12%", "12", "0.12")
p("te", "7 లక్షలు", "700000", "!7")
p("te", "3.5 కిలోలు", "3.5")
p("te", "5 రెట్లు", "5")
p("te", "ముప్పై వేలు", "!3")


# Forms of the same, and of something else.
KIND = "interval"
# intervals: forms of the same
F = {
    "(-1,3)": [
        "]-1,3[",
        "]-1;3[",
        r"\left]-1,3\right[",
        "-1<x<3",
        r"x>-1 \text{ and } x<3",
        r"-1<x\land x<3",
        r"x\in(-1,3)",
        r"\{x\mid -1<x<3\}",
        r"(-1;3)",
        "(−1, 3)",
        r"\left(-1;3\right)",
        r"3>x>-1",
        r"|x-1|<2",
        r"(-1,2)\cup[2,3)",
        r"(-1,1]\cup(0,3)",
        r"[-1,3]\setminus\{-1,3\}",
        r"x \in ]-1,3[",
        r"-1 \lt x \lt 3",
        r"(-1.0,3.0)",
    ],
    "[-1,3]": [
        "[-1;3]",
        r"-1\leqslant x\leqslant 3",
        r"-1\le x\leq 3",
        r"\left[-1,3\right]",
        r"x\geq -1 \text{ und } x\leq 3",
        r"-1 ≤ x ≤ 3",
        r"|x-1|\le 2",
        r"[-1,1]\cup[1,3]",
        "-1<=x<=3",
        r"x \ge -1 \text{ и } x \le 3",
    ],
    "(-1,3]": ["]-1,3]", r"-1<x\leq 3", r"-1 < x \leqslant 3", r"(-1;3]", r"x>-1\text{ et }x\le 3", r"\{x : -1<x\le 3\}"],
    r"[3,\infty)": [r"x\ge 3", r"x \geqslant 3", r"[3;+\infty)", r"[3,+\infty[", r"3\le x", r"x≥3", r"[3, ∞)", r"x \in [3, \infty)", r"\{x | x \geq 3\}"],
    r"(-\infty,1)\cup(4,\infty)": [
        r"x<1\text{ or }x>4",
        r"x>4 \text{ oder } x<1",
        r"x<1\lor x>4",
        r"]-\infty,1[\cup]4,+\infty[",
        r"(-\infty;1)\cup(4;+\infty)",
        r"x<1,\ x>4",
        r"\mathbb{R}\setminus[1,4]",
        r"(4,\infty)\cup(-\infty,1)",
        r"x<1 \text{ หรือ } x>4",
        r"x<1\text{或}x>4",
        r"x<1 または x>4",
        r"x \in (-\infty,1) \cup (4,\infty)",
        r"x \in (-\infty, 1) \text{ or } (4, \infty)",
        r"(-\infty,1)\text{ and }(4,\infty)",
        r"x<1 \vee x>4",
        r"x<1 or x>4",
        r"x < 1 o x > 4",
        r"x<1 ou x>4",
        r"x<1 или x>4",
        r"x<1 au x>4",
        r"x<1 অথবা x>4",
        r"x<1 లేదా x>4",
        r"x < 1 oder x > 4",
    ],
    r"(-\infty,2)\cup(2,\infty)": [
        r"\mathbb{R}\setminus\{2\}",
        r"\mathbb R \setminus \{2\}",
        r"x\ne 2",
        r"x \neq 2",
        r"ℝ∖{2}",
        r"\mathbb{R}-\{2\}",
        r"\mathbb{R} \backslash \{2\}",
        r"x<2 \text{ or } x>2",
        r"\{x \in \mathbb{R} : x \neq 2\}",
        r"x \in \mathbb{R} \setminus \{2\}",
        r"\text{all real numbers except } 2",
        r"\text{All real numbers except } x=2",
    ],
    r"\{2,5\}": [r"x=2\text{ or }x=5", r"\{5,2\}", r"x\in\{2,5\}", "2,5", r"x=2 \lor x=5", r"\{2\}\cup\{5\}", r"x \in \{2; 5\}", r"2 \text{ und } 5"],
    r"[0,1]\cup\{3\}": [r"0\le x\le 1\text{ or }x=3", r"\{3\}\cup[0,1]"],
    r"[2,\infty)\setminus\{5\}": [r"[2,5)\cup(5,\infty)", r"x\ge 2, x\ne 5", r"x\ge 2 \text{ and } x\neq 5"],
}
keys = list(F)
for k in keys:
    for v in F[k]:
        p("en", v, k)
        p("en", v, "!" + keys[(keys.index(k) + 1) % len(keys)])
        p("en", v, "!" + keys[keys.index(k) - 1])
        if k != r"\{2,5\}" and "except" not in v:
            p("en", k, v)
KIND = "matrix"
# matrices
M = {
    r"\begin{pmatrix}1&-2\\0&5\end{pmatrix}": [
        r"\begin{bmatrix}1&-2\\0&5\end{bmatrix}",
        r"[[1,-2],[0,5]]",
        r"[[1, -2], [0, 5]]",
        r"\begin{pmatrix}1&-2\cr 0&5\end{pmatrix}",
        r"\left(\begin{array}{rr}1&-2\\0&5\end{array}\right)",
        r"\begin{bmatrix}1&0\\-2&5\end{bmatrix}^T",
        r"\begin{pmatrix}1&0\\-2&5\end{pmatrix}^{\mathsf T}",
        r"\begin{bmatrix} 1.0 & -2.0 \\ 0 & 5 \end{bmatrix}",
        r"\left[\begin{matrix}1 & -2\\0 & 5\end{matrix}\right]",
        r"A = \begin{pmatrix}1&-2\\0&5\end{pmatrix}",
        r"\begin{pmatrix}1&-2\\[2mm]0&5\end{pmatrix}",
        r"\begin{pmatrix}1&-2\\0&5\\\end{pmatrix}",
        r"((1,-2),(0,5))",
        r"[(1,-2),(0,5)]",
    ],
    r"\begin{pmatrix}1&0\\-2&5\end{pmatrix}": [r"[[1,0],[-2,5]]", r"\begin{bmatrix}1&-2\\0&5\end{bmatrix}^{\top}", r"[[1,-2],[0,5]]^T"],
    r"\begin{pmatrix}4\\-1\\2\end{pmatrix}": [
        r"(4,-1,2)",
        r"\langle 4,-1,2\rangle",
        r"(4,-1,2)^T",
        r"[4,-1,2]^T",
        r"[4,-1,2]^{\top}",
        r"\begin{bmatrix}4\\-1\\2\end{bmatrix}",
        r"\begin{bmatrix}4&-1&2\end{bmatrix}^T",
        r"[[4],[-1],[2]]",
        r"\begin{pmatrix}4\cr-1\cr2\end{pmatrix}",
        r"(4; -1; 2)^T",
        r"\left\langle 4, -1, 2 \right\rangle",
        r"\mathbf{v}=\begin{pmatrix}4\\-1\\2\end{pmatrix}",
        r"\vec{v}=(4,-1,2)",
    ],
    r"\begin{pmatrix}4&-1&2\end{pmatrix}": [r"\begin{bmatrix}4&-1&2\end{bmatrix}", r"\begin{pmatrix}4\\-1\\2\end{pmatrix}^T", r"[4,-1,2]"],
}
for k in M:
    for v in M[k]:
        p("en", v, k)
        for o in M:
            if o != k and not (
                v in (r"(4,-1,2)", r"[4,-1,2]", r"\langle 4,-1,2\rangle", r"\left\langle 4, -1, 2 \right\rangle", r"\vec{v}=(4,-1,2)") and "4" in o
            ):
                p("en", v, "!" + o)
        p("en", v, r"!\begin{pmatrix}4&-1\\2&5\end{pmatrix}", r"!\begin{pmatrix}4\\-1\\3\end{pmatrix}", "!1", "!4")
KIND = "decimal"
# decimals and repeating
D = {
    "1234.5": [
        "1.234,5",
        "1 234,5",
        "1,234.5",
        "1'234,5",
        "1'234.5",
        r"1\,234{,}5",
        "1234,5",
        r"1~234,5",
        "1234.50",
        "１２３４．５",
        "১২৩৪.৫",
        "๑,๒๓๔.๕",
        "౧౨౩౪.౫",
        r"1\,234.5",
        "1 234.5",
    ],
    "1234567": ["1.234.567", "1,234,567", "1 234 567", "12,34,567", r"1\,234\,567", "1'234'567", r"1{,}234{,}567", "1234567", "1,234,567.00"],
    "0.75": ["0,75", r"0{,}75", ".75", "0.750", r"\frac34", "3/4", "75\\%", "০.৭৫", "๐.๗๕", "0,75 kg", r"x=0,75", "0.75"],
    "-2.5": ["-2,5", "−2,5", r"-2\frac12", "-2.50", r"-\frac{5}{2}", "–2,5", "minus 2,5"],
    r"\frac{1}{3}": [
        "0,(3)",
        "0.(3)",
        r"0,\overline{3}",
        r"0.\overline{3}",
        r"0.\bar{3}",
        r"0.\bar3",
        r"0.\dot{3}",
        r"0.\dot3",
        "0.333\\ldots",
        "0.333...",
        "0,333...",
        "0.3333…",
        r"0.3\overline{3}",
        r"33\frac13\%",
        r"0.\overline{33}",
        r"0.\dot{3}\dot{3}",
        r"0.\overline{3}\ldots",
    ],
    r"\frac{1}{7}": [r"0.\overline{142857}", "0,(142857)", r"0.\dot{1}4285\dot{7}", r"0.\dot14285\dot7", r"0.1\overline{428571}", "0.142857142857..."],
    r"\frac{5}{12}": [r"0.41\overline{6}", "0,41(6)", r"0.41\dot{6}", "0.41666...", r"0,41\overline{6}"],
    r"\frac{23}{18}": [r"1.2\overline{7}", "1,2(7)", r"1.2\dot7", "1.2777..."],
    "42": ["42.", "42。", "42।", "42．", "四十二", "42,00", "৪২", "๔๒", "౪౨", "４２", "42.0"],
}
keys = list(D)
for k in keys:
    for v in D[k]:
        p("en", v, k)
        p("en", v, "!" + keys[(keys.index(k) + 1) % len(keys)])
        p("en", v, "!" + keys[keys.index(k) - 1])
KIND = "stop"
for st in [
    "答案是 %s。2 步。",
    "答案：%s。3 个。",
    "答えは %s。4 通り。",
    "উত্তর: %s। ৩টি।",
    "答えは%sです。5回。",
    "答案是%s。",
    "Ответ: %s. 3 шага.",
    "The answer is %s. 5 steps.",
    "La respuesta es %s. 3 pasos.",
    "Die Antwort ist %s. 4 Schritte.",
    "Jibu ni %s. Hatua 3.",
    "คำตอบคือ %s",
    "సమాధానం: %s. 3 దశలు.",
]:
    for n in ["42", "7", "3.5", "120"]:
        p("xx", st % n, n, *(["!" + n + ".2"] if "." not in n else []), "!3", "!4", "!5", raw=True)

# As models write: kind, output, references ("!" marks a wrong one).
for kind, output, *verdicts in [
    ("magnitude", "The population is therefore \\boxed{4.5\\text{ million}} people.", "4500000", "!4.5"),
    ("magnitude", "\\boxed{\\$2.3 \\text{ billion}}", "2300000000", "!2.3"),
    ("magnitude", "So the final answer is \\boxed{7\\,\\text{thousand}}.", "7000", "!7"),
    ("magnitude", "\\boxed{1.5 trillion}", "1500000000000", "!1.5"),
    ("magnitude", "\\boxed{\\text{3 hundred thousand}}", "300000", "!300"),
    ("magnitude", "\\boxed{5 \\text{ dozen eggs}}", "60", "!5"),
    ("magnitude", "Por lo tanto, la empresa vendió \\boxed{12 \\text{ mil}} unidades.", "12000", "!12"),
    ("magnitude", "\\boxed{3,5 \\text{ millones de habitantes}}", "3500000", "!3.5"),
    ("magnitude", "\\boxed{dos mil}", "2000", "!2"),
    ("magnitude", "\\boxed{2 mil millones}", "2000000000", "!2000"),
    ("magnitude", "La réponse est \\boxed{2,5\\text{ millions d'euros}}.", "2500000", "!2.5"),
    ("magnitude", "\\boxed{15\\text{ mille}}", "15000", "!15"),
    ("magnitude", "\\boxed{3\\text{ milliards}}", "3000000000", "!3"),
    ("magnitude", "Ответ: \\boxed{7{,}2\\text{ млн}}", "7200000", "!7.2"),
    ("magnitude", "\\boxed{15\\text{ тыс. рублей}}", "15000", "!15"),
    ("magnitude", "\\boxed{3 млрд}", "3000000000", "!3"),
    ("magnitude", "\\boxed{5 \\text{ миллионов}}", "5000000", "!5"),
    ("magnitude", "Somit beträgt der Umsatz \\boxed{1{,}2\\text{ Mrd. Euro}}", "1200000000", "!1.2"),
    ("magnitude", "\\boxed{4\\text{ Mio.}}", "4000000", "!4"),
    ("magnitude", "\\boxed{3 Milliarden}", "3000000000", "!3"),
    ("magnitude", "\\boxed{৫ লাখ}", "500000", "!5"),
    ("magnitude", "সুতরাং উত্তর হলো \\boxed{২.৫ কোটি}", "25000000", "!2.5"),
    ("magnitude", "\\boxed{৩ হাজার টাকা}", "3000", "!3"),
    ("magnitude", "ดังนั้นคำตอบคือ \\boxed{3 \\text{ แสน}}", "300000", "!3"),
    ("magnitude", "\\boxed{2.5 ล้านบาท}", "2500000", "!2.5"),
    ("magnitude", "\\boxed{4 หมื่น}", "40000", "!4"),
    ("magnitude", "Kwa hiyo jibu ni \\boxed{\\text{elfu } 12}", "12000", "!12"),
    ("magnitude", "\\boxed{milioni 4}", "4000000", "!4"),
    ("magnitude", "\\boxed{laki 3}", "300000", "!3"),
    ("magnitude", "所以答案是\\boxed{3.6\\text{万}}。", "36000", "!3.6"),
    ("magnitude", "\\boxed{２亿}", "200000000", "!2"),
    ("magnitude", "\\boxed{5百万元}", "5000000", "!5"),
    ("magnitude", "\\boxed{12\\text{ 万人}}", "120000", "!12"),
    ("magnitude", "よって、答えは\\boxed{25万円}です。", "250000", "!25"),
    ("magnitude", "\\boxed{3千}", "3000", "!3"),
    ("magnitude", "\\boxed{1億2千万}", "120000000", "!1"),
    ("magnitude", "కాబట్టి సమాధానం \\boxed{6 \\text{ లక్షలు}}", "600000", "!6"),
    ("magnitude", "\\boxed{3 కోట్లు}", "30000000", "!3"),
    ("magnitude", "\\boxed{12 వేల రూపాయలు}", "12000", "!12"),
    ("magnitude", "\\boxed{25K}", "25000", "!25"),
    ("magnitude", "\\boxed{3.2\\text{M}}", "3200000", "!3.2"),
    ("magnitude", "\\boxed{half a million}", "500000", "!0.5"),
    ("magnitude", "\\boxed{\\text{1 lakh}}", "100000", "!1"),
    ("magnitude", "\\boxed{medio millón}", "500000", "!0.5"),
    ("and-or", "\\boxed{x = 3 \\text{ and } x = -7}", "3,-7", "!3"),
    ("and-or", "Thus the solutions are \\boxed{3 \\text{ und } -7}.", "-7,3"),
    ("and-or", "\\boxed{3 \\text{ und } -7}", "!-7"),
    ("and-or", "\\boxed{x_1 = 3 \\quad \\text{und} \\quad x_2 = -7}", "3,-7", "!3,7"),
    ("and-or", "\\boxed{x = 4 \\text{ oder } x = 9}", "4,9", "!4"),
    ("and-or", "Thus the solutions are \\boxed{4 \\text{ et } 9}.", "4,9"),
    ("and-or", "\\boxed{4 \\text{ et } 9}", "!9"),
    ("and-or", "\\boxed{x=4 \\quad\\text{ou}\\quad x=9}", "4,9", "!4,8"),
    ("and-or", "\\boxed{x = 4 \\text{ y } x = 9}", "4,9", "!9"),
    ("and-or", "Thus the solutions are \\boxed{4\\ \\text{ó}\\ 9}.", "4,9"),
    ("and-or", "\\boxed{4\\ \\text{ó}\\ 9}", "!4"),
    ("and-or", "\\boxed{4 \\text{ u } 8}", "4,8", "!4"),
    ("and-or", "\\boxed{\\frac{1}{2} \\text{ o } -3}", "-3,\\frac{1}{2}", "!\\frac{1}{2}"),
    ("and-or", "Thus the solutions are \\boxed{x=4 \\text{ или } x=9}.", "4,9"),
    ("and-or", "\\boxed{x=4 \\text{ или } x=9}", "!4"),
    ("and-or", "\\boxed{4 \\text{ и } -9}", "4,-9", "!4,9"),
    ("and-or", "\\boxed{4 \\text{ либо } 9}", "4,9", "!9"),
    ("and-or", "Thus the solutions are \\boxed{4 \\text{ এবং } 9}.", "4,9"),
    ("and-or", "\\boxed{4 \\text{ এবং } 9}", "!4"),
    ("and-or", "\\boxed{৪ অথবা ৯}", "4,9", "!4"),
    ("and-or", "\\boxed{৪ ও ৯}", "4,9", "!49"),
    ("and-or", "Thus the solutions are \\boxed{4 \\text{ และ } 9}.", "4,9"),
    ("and-or", "\\boxed{4 \\text{ และ } 9}", "!4"),
    ("and-or", "\\boxed{x = 4 \\text{ หรือ } x = 9}", "4,9", "!49"),
    ("and-or", "\\boxed{4 \\text{ na } 9}", "4,9", "!9"),
    ("and-or", "Thus the solutions are \\boxed{x = 4 \\text{ au } x = 9}.", "4,9"),
    ("and-or", "\\boxed{x = 4 \\text{ au } x = 9}", "!4"),
    ("and-or", "\\boxed{4 \\text{ ama } 9}", "4,9", "!4"),
    ("and-or", "\\boxed{x=4 \\text{ 或 } x=9}", "4,9", "!4"),
    ("and-or", "Thus the solutions are \\boxed{4\\text{和}9}.", "4,9"),
    ("and-or", "\\boxed{4\\text{和}9}", "!49"),
    ("and-or", "\\boxed{4 \\text{ 或者 } 9}", "4,9", "!9"),
    ("and-or", "\\boxed{x=4 \\text{ 与 } x=9}", "4,9", "!9"),
    ("and-or", "Thus the solutions are \\boxed{x = 4 \\text{ または } x = 9}.", "4,9"),
    ("and-or", "\\boxed{x = 4 \\text{ または } x = 9}", "!4"),
    ("and-or", "\\boxed{4 \\text{ と } 9}", "4,9", "!9"),
    ("and-or", "\\boxed{4, 9}", "4,9", "!4.9"),
    ("and-or", "Thus the solutions are \\boxed{4 \\text{ 及び } 9}.", "4,9"),
    ("and-or", "\\boxed{4 \\text{ 及び } 9}", "!4"),
    ("and-or", "\\boxed{4 \\text{ మరియు } 9}", "4,9", "!4"),
    ("and-or", "\\boxed{x = 4 \\text{ లేదా } x = 9}", "4,9", "!9"),
    ("and-or", "Thus the solutions are \\boxed{1, 2, \\text{ and } 3}.", "1,2,3"),
    ("and-or", "\\boxed{1, 2, \\text{ and } 3}", "!1,2"),
    ("and-or", "\\boxed{1, 2 \\text{ y } 3}", "1,2,3", "!1,3"),
    ("and-or", "\\boxed{2、3、5}", "2,3,5", "!2,3"),
    ("and-or", "Thus the solutions are \\boxed{x=4 \\lor x=9}.", "4,9"),
    ("and-or", "\\boxed{x=4 \\lor x=9}", "!4"),
    ("and-or", "\\boxed{3 \\text{ 或いは } 7}", "3,7", "!3"),
    ("and-or", "\\boxed{\\text{4 and 9}}", "4,9", "!9"),
    ("and-or", "Thus the solutions are \\boxed{\\{4, 9\\}}.", "4,9"),
    ("and-or", "\\boxed{\\{4, 9\\}}", "!4"),
    ("and-or", "\\boxed{x=\\pm 3}", "3,-3", "!3"),
    ("and-or", "\\boxed{\\pm\\sqrt{2}}", "\\sqrt{2},-\\sqrt{2}", "!\\sqrt{2}"),
    ("and-or", "Thus the solutions are \\boxed{±5}.", "5,-5"),
    ("and-or", "\\boxed{±5}", "!5"),
    ("and-or", "\\boxed{2\\pm\\sqrt{3}}", "2+\\sqrt{3},2-\\sqrt{3}", "!2+\\sqrt{3}"),
    ("and-or", "\\boxed{x \\in \\{4, 9\\}}", "4,9", "!9"),
    ("and-or", "Thus the solutions are \\boxed{x ∈ \\{4; 9\\}}.", "4,9"),
    ("and-or", "\\boxed{x ∈ \\{4; 9\\}}", "!9"),
    ("decimal", "\\boxed{2,75}", "2.75", "!275"),
    ("decimal", "\\boxed{2{,}75}", "2.75", "!275"),
    ("decimal", "\\boxed{12.345,67}", "12345.67", "!12.34567"),
    ("decimal", "\\boxed{1.000.000}", "1000000", "!1"),
    ("decimal", "\\boxed{1 000 000}", "1000000", "!1"),
    ("decimal", "\\boxed{1\\,250\\,000}", "1250000", "!1250"),
    ("decimal", "\\boxed{3’500}", "3500", "!3.5"),
    ("decimal", "\\boxed{0,125}", "0.125", "!125"),
    ("decimal", "\\boxed{-3,5}", "-3.5", "!3.5"),
    ("decimal", "\\boxed{12,345}", "12345"),
    ("decimal", "\\boxed{1,234.56}", "1234.56", "!1.23456"),
    ("decimal", "\\boxed{x = 0{,}04}", "0.04", "!4"),
    ("decimal", "\\boxed{1\\ 234{,}5}", "1234.5", "!12345"),
    ("decimal", "\\boxed{３．５}", "3.5", "!35"),
    ("decimal", "\\boxed{１２３}", "123", "!12"),
    ("decimal", "\\boxed{৩.৭৫}", "3.75", "!375"),
    ("decimal", "\\boxed{๓.๕}", "3.5", "!35"),
    ("decimal", "\\boxed{(1,5; 2)}", "(1.5,2)", "!(1,5,2)"),
    ("decimal", "\\boxed{\\left(0{,}5;\\,-1{,}5\\right)}", "(0.5,-1.5)", "!(0.5,1.5)"),
    ("decimal", "\\boxed{−7}", "-7", "!7"),
    ("decimal", "\\boxed{1 500}", "1500", "!1"),
    ("decimal", "\\boxed{1 500}", "1500", "!1.5"),
    ("decimal", "\\boxed{12 345,6}", "12345.6", "!12.3456"),
    ("decimal", "\\boxed{3,0}", "3", "!30"),
    ("decimal", "\\boxed{0,50}", "0.5", "!50"),
    ("decimal", "\\boxed{8,00}", "8", "!800"),
    ("decimal", "\\boxed{3。5}", "!3.5"),
    ("decimal", "\\boxed{1.234,5}", "!1.2345"),
    ("decimal", "\\boxed{1,234,5}", "!1234.5"),
    ("interval", "\\boxed{]-2,5]}", "(-2,5]", "![-2,5]"),
    ("interval", "\\boxed{[-2;5[}", "[-2,5)", "![-2,5]"),
    ("interval", "\\boxed{\\left]-\\infty;3\\right]}", "(-\\infty,3]", "!(-\\infty,3)"),
    ("interval", "\\boxed{\\left(-\\infty, 2\\right) \\cup \\left(2, +\\infty\\right)}", "(-\\infty,2)\\cup(2,\\infty)", "!(-\\infty,\\infty)"),
    ("interval", "\\boxed{x ≤ 4}", "(-\\infty,4]", "!(-\\infty,4)"),
    ("interval", "\\boxed{x > -1}", "(-1,\\infty)", "![-1,\\infty)"),
    ("interval", "\\boxed{-1 < x ≤ 4}", "(-1,4]", "!(-1,4)"),
    ("interval", "\\boxed{x\\in(−∞; 1)∪(3; +∞)}", "(-\\infty,1)\\cup(3,\\infty)", "!(1,3)"),
    ("interval", "\\boxed{x \\leqslant 2 \\text{ или } x \\geqslant 5}", "(-\\infty,2]\\cup[5,\\infty)", "![2,5]"),
    ("interval", "\\boxed{x<2 \\text{ oder } x>5}", "(-\\infty,2)\\cup(5,\\infty)", "!(2,5)"),
    ("interval", "\\boxed{[0,2]\\cup[2,3]}", "[0,3]", "![0,2]"),
    ("interval", "\\boxed{[0,2)\\cup[2,3]}", "[0,3]", "![0,3)"),
    ("interval", "\\boxed{\\mathbb{R}\\setminus\\{0\\}}", "(-\\infty,0)\\cup(0,\\infty)", "!(-\\infty,\\infty)"),
    ("interval", "\\boxed{\\mathbb{R}\\backslash\\{-1,1\\}}", "(-\\infty,-1)\\cup(-1,1)\\cup(1,\\infty)", "!(-1,1)"),
    ("interval", "\\boxed{\\{x \\mid x > 3\\}}", "(3,\\infty)", "![3,\\infty)"),
    ("interval", "\\boxed{\\{x \\in \\mathbb{R} : 1 \\le x < 2\\}}", "[1,2)", "![1,2]"),
    ("interval", "\\boxed{3 \\le x}", "[3,\\infty)", "!(3,\\infty)"),
    ("interval", "\\boxed{x \\ge 3 \\text{ and } x < 8}", "[3,8)", "!(3,8)"),
    ("interval", "\\boxed{x<-1\\text{ or }x>1}", "(-\\infty,-1)\\cup(1,\\infty)", "!(-1,1)"),
    ("interval", "\\boxed{x≥3 またはx≤-3}", "(-\\infty,-3]\\cup[3,\\infty)", "![-3,3]"),
    ("interval", "\\boxed{x \\neq 2}", "(-\\infty,2)\\cup(2,\\infty)", "!(-\\infty,\\infty)"),
    ("interval", "\\boxed{(0,\\frac{\\pi}{2})}", "\\left(0,\\tfrac{\\pi}{2}\\right)", "![0,\\frac{\\pi}{2}]"),
    ("interval", "\\boxed{[1,2]\\cap[2,3]}", "[2,2]", "![1,3]"),
    ("interval", "\\boxed{a \\in (0, 1) \\cup (1, \\infty)}", "(0,1)\\cup(1,\\infty)", "!(0,\\infty)"),
    ("interval", "\\boxed{\\left[\\dfrac12, 3\\right)}", "[\\frac{1}{2},3)", "!(\\frac{1}{2},3)"),
    ("interval", "\\boxed{x \\in ]2, 7[}", "(2,7)", "![2,7]"),
    ("interval", "\\boxed{（1，4］}", "(1,4]", "!(1,4)"),
    ("interval", "\\boxed{x<-2或x>3}", "(-\\infty,-2)\\cup(3,\\infty)", "!(-2,3)"),
    ("interval", "\\boxed{x < 1 \\lor x > 4}", "(-\\infty,1)\\cup(4,\\infty)", "!(1,4)"),
    ("interval", "\\boxed{]1,4]}", "!1,4"),
    ("interval", "\\boxed{(1,4)}", "![1,4]"),
    ("interval", "\\boxed{[1,4)}", "!1,4"),
    ("interval", "\\boxed{]1;4[}", "!1,4"),
    ("unit", "\\boxed{15\\text{ km/h}}", "15", "!15/2"),
    ("unit", "\\boxed{9.8\\ \\mathrm{m\\,s^{-2}}}", "9.8", "!98"),
    ("unit", "\\boxed{3\\,\\mathrm{kg\\,m^2/s^2}}", "3", "!9"),
    ("unit", "\\boxed{12\\text{ N·m}}", "12", "!1"),
    ("unit", "\\boxed{5\\frac{m}{s}}", "5", "!5/2"),
    ("unit", "\\boxed{45^\\circ}", "45", "!4.5"),
    ("unit", "\\boxed{45°}", "45", "!0.45"),
    ("unit", "\\boxed{30^{\\circ}\\text{C}}", "30", "!3"),
    ("unit", "\\boxed{20 ℃}", "20", "!2"),
    ("unit", "\\boxed{6\\sqrt{5}\\text{ см}}", "6\\sqrt{5}", "!6"),
    ("unit", "\\boxed{24\\text{ см}^2}", "24", "!2"),
    ("unit", "\\boxed{24 см²}", "24", "!242"),
    ("unit", "\\boxed{7 \\text{ Stunden}}", "7", "!8"),
    ("unit", "\\boxed{3\\frac{1}{2}\\text{ heures}}", "3.5", "!3"),
    ("unit", "\\boxed{\\dfrac{5}{4}\\text{ litros}}", "1.25", "!5"),
    ("unit", "\\boxed{16\\pi\\,\\mathrm{cm}^3}", "16\\pi", "!16"),
    ("unit", "\\boxed{16π cm²}", "16\\pi", "!16"),
    ("unit", "\\boxed{18 \\text{ টাকা}}", "18", "!8"),
    ("unit", "\\boxed{২৪ বর্গ সেমি}", "24", "!2"),
    ("unit", "\\boxed{120 บาท}", "120", "!12"),
    ("unit", "\\boxed{12 \\text{ ตารางเซนติเมตร}}", "12", "!122"),
    ("unit", "\\boxed{siku 14}", "14", "!4"),
    ("unit", "\\boxed{14 \\text{ mita}}", "14", "!4"),
    ("unit", "\\boxed{14平方厘米}", "14", "!142"),
    ("unit", "\\boxed{14\\text{米}}", "14", "!1.4"),
    ("unit", "\\boxed{14個}", "14", "!1"),
    ("unit", "\\boxed{14人}", "14", "!4"),
    ("unit", "\\boxed{14時間}", "14", "!41"),
    ("unit", "\\boxed{14 \\text{ మీటర్లు}}", "14", "!4"),
    ("unit", "\\boxed{14 రోజులు}", "14", "!4"),
    ("unit", "\\boxed{\\binom{6}{2}\\text{ Wege}}", "15", "!6"),
    ("unit", "\\boxed{2^{10}\\text{ bytes}}", "1024", "!10"),
    ("unit", "\\boxed{5 \\text{ apples}}", "5", "!6"),
    ("unit", "\\boxed{\\$18}", "18", "!1.8"),
    ("unit", "\\boxed{18\\text{ dollars}}", "18", "!81"),
    ("unit", "\\boxed{18 €}", "18", "!1.8"),
    ("unit", "\\boxed{€18}", "18", "!81"),
    ("unit", "\\boxed{£18.50}", "18.5", "!1850"),
    ("unit", "\\boxed{18 \\text{ рублей}}", "18", "!8"),
    ("unit", "\\boxed{18 руб.}", "18", "!8"),
    ("unit", "\\boxed{25\\%}", "25", "!26"),
    ("unit", "\\boxed{25 Prozent}", "25", "!52"),
    ("unit", "\\boxed{\\frac{3}{4}\\text{ de la tarta}}", "0.75", "!3"),
    ("unit", "\\boxed{20 \\text{ m}^2 \\text{ (square metres)}}", "20", "!202"),
    ("unit", "\\boxed{60\\text{ mi/hr}}", "60", "!6"),
    ("unit", "\\boxed{1.5 × 10^3 \\text{ J}}", "1500", "!1.5"),
    ("unit", "\\boxed{6.02\\times10^{23}\\text{ mol}^{-1}}", "6.02\\times10^{23}", "!6.02"),
    ("unit", "\\boxed{2\\sqrt{3} \\text{ units}^2}", "2\\sqrt{3}", "!2"),
    ("unit", "\\boxed{½ hour}", "0.5", "!2"),
    ("unit", "\\boxed{2½ hours}", "2.5", "!2"),
    ("unit", "\\boxed{3\\text{ h}}", "3", "!30"),
    ("unit", "\\boxed{10\\,\\Omega}", "10", "!100"),
    ("unit", "\\boxed{50\\,\\mu\\text{m}}", "50", "!5"),
    ("unit", "\\boxed{12 \\text{ kg/m}^3}", "12", "!4"),
    ("unit", "\\boxed{7\\mathrm{~cm}}", "7", "!71"),
    ("unit", "\\boxed{\\text{5 cm}}", "5", "!6"),
    ("unit", "\\boxed{4,5 \\text{ Liter}}", "4.5", "!45"),
    ("unit", "\\boxed{4{,}5\\ \\text{л}}", "4.5", "!45"),
    ("unit", "\\boxed{12 元}", "12", "!2"),
    ("unit", "\\boxed{¥1200}", "1200", "!12"),
    ("unit", "\\boxed{₹500}", "500", "!50"),
    ("unit", "\\boxed{₽500}", "500", "!5"),
    ("unit", "\\boxed{฿500}", "500", "!5"),
    ("unit", "\\boxed{৳500}", "500", "!5"),
    ("prefix", "\\boxed{USD 45}", "45", "!4"),
    ("prefix", "\\boxed{dólares 45}", "45", "!54"),
    ("prefix", "\\boxed{\\text{Rs. }45}", "45", "!54"),
    ("prefix", "\\boxed{Rs 45}", "45", "!5"),
    ("prefix", "\\boxed{Q 25}", "25", "!5"),
    ("prefix", "\\boxed{KSh 250}", "250", "!25"),
    ("prefix", "\\boxed{Ksh. 250}", "250", "!25"),
    ("prefix", "\\boxed{Tsh 3000}", "3000", "!3"),
    ("prefix", "\\boxed{Shs 40}", "40", "!4"),
    ("prefix", "\\boxed{kilo 12}", "12", "!2"),
    ("prefix", "\\boxed{saa 5}", "5", "!6"),
    ("prefix", "\\boxed{dakika 30}", "30", "!3"),
    ("prefix", "\\boxed{\\text{wanafunzi } 35}", "35", "!5"),
    ("prefix", "\\boxed{sentimita 8}", "8", "!88"),
    ("prefix", "\\boxed{asilimia 20}", "20", "!0.02"),
    ("prefix", "\\boxed{R$ 15}", "15", "!51"),
    ("prefix", "\\boxed{US$ 15}", "15", "!5"),
    ("prefix", "\\boxed{S$15}", "15", "!5"),
    ("prefix", "\\boxed{C$ 15}", "15", "!5"),
    ("prefix", "\\boxed{A$15}", "15", "!51"),
    ("prefix", "\\boxed{HK$15}", "15", "!5"),
    ("prefix", "\\boxed{NT$ 15}", "15", "!5"),
    ("prefix", "\\boxed{EUR 15}", "15", "!5"),
    ("prefix", "\\boxed{CHF 15}", "15", "!5"),
    ("prefix", "\\boxed{共15个}", "15", "!5"),
    ("prefix", "\\boxed{约 30}", "30", "!3"),
    ("prefix", "\\boxed{大约30}", "30", "!31"),
    ("prefix", "\\boxed{about 30}", "30", "!3"),
    ("prefix", "\\boxed{approximately 30}", "30", "!29"),
    ("prefix", "\\boxed{ungefähr 30}", "30", "!31"),
    ("prefix", "\\boxed{около 30}", "30", "!3"),
    ("prefix", "\\boxed{environ 30}", "30", "!3"),
    ("prefix", "\\boxed{aproximadamente 30}", "30", "!3"),
    ("prefix", "\\boxed{unos 30}", "30", "!3"),
    ("prefix", "\\boxed{প্রায় ৩০}", "30", "!3"),
    ("prefix", "\\boxed{ประมาณ 30}", "30", "!3"),
    ("prefix", "\\boxed{takriban 30}", "30", "!3"),
    ("prefix", "\\boxed{kama 30}", "30", "!3"),
    ("prefix", "\\boxed{約30}", "30", "!3"),
    ("prefix", "\\boxed{సుమారు 30}", "30", "!3"),
    ("prefix", "\\boxed{\\approx 30}", "30", "!31"),
    ("prefix", "\\boxed{≈ 30}", "30", "!3"),
    ("prefix", "\\boxed{Total: 30}", "30", "!3"),
    ("prefix", "\\boxed{x = 30}", "30", "!3"),
    ("prefix", "\\boxed{total = 30 cm}", "30", "!3"),
    ("prefix", "\\boxed{L. 40}", "40", "!4"),
    ("prefix", "\\boxed{B/. 40}", "40", "!4"),
    ("prefix", "\\boxed{Bs. 40}", "40", "!4"),
    ("repeating", "\\boxed{0,(6)}", "\\frac{2}{3}", "!0.6"),
    ("repeating", "\\boxed{0.(27)}", "\\frac{3}{11}", "!0.27"),
    ("repeating", "\\boxed{0.\\overline{142857}}", "\\frac{1}{7}", "!0.142857"),
    ("repeating", "\\boxed{0.1\\dot{6}}", "\\frac{1}{6}", "!0.16"),
    ("repeating", "\\boxed{0.\\dot{1}\\dot{8}}", "\\frac{2}{11}", "!0.18"),
    ("repeating", "\\boxed{2,\\overline{3}}", "\\frac{7}{3}", "!2.3"),
    ("repeating", "\\boxed{0{,}\\overline{45}}", "\\frac{5}{11}", "!0.45"),
    ("repeating", "\\boxed{-0.\\bar{3}}", "-\\frac{1}{3}", "!-0.3"),
    ("repeating", "\\boxed{1.(3)}", "\\frac{4}{3}", "!1.3"),
    ("repeating", "\\boxed{0.8\\bar3}", "\\frac{5}{6}", "!0.83"),
    ("repeating", "\\boxed{0.\\dot3}", "\\frac13", "!0.3"),
    ("repeating", "\\boxed{0.\\dot{1}2\\dot{3}}", "\\frac{41}{333}", "!0.123"),
    ("repeating", "\\boxed{0,1(6)}", "\\frac{1}{6}", "!0.16"),
    ("repeating", "\\boxed{0.333...}", "\\frac{1}{3}", "!0.333"),
    ("repeating", "\\boxed{0.\\overline{9}}", "1", "!0.9"),
    ("repeating", "\\boxed{0.\\overline{3}\\%}", "\\frac{1}{300}", "!0.3"),
    ("matrix", "\\boxed{\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}}", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "!\\begin{pmatrix}1&3\\\\2&4\\end{pmatrix}"),
    ("matrix", "\\boxed{[[1,2],[3,4]]}", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "!\\begin{pmatrix}1&2\\\\4&3\\end{pmatrix}"),
    ("matrix", "\\boxed{\\begin{pmatrix} 3 \\\\ -1 \\\\ 2 \\end{pmatrix}}", "(3,-1,2)", "!(3,1,2)"),
    ("matrix", "\\boxed{(3,-1,2)^{T}}", "\\begin{pmatrix}3\\\\-1\\\\2\\end{pmatrix}", "!\\begin{pmatrix}3\\\\-1\\\\-2\\end{pmatrix}"),
    ("matrix", "\\boxed{\\begin{pmatrix}1&2\\end{pmatrix}^T}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "!\\begin{pmatrix}2\\\\1\\end{pmatrix}"),
    ("matrix", "\\boxed{\\left(\\begin{array}{cc}1&0\\\\0&1\\end{array}\\right)}", "\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}", "!\\begin{pmatrix}0&1\\\\1&0\\end{pmatrix}"),
    ("matrix", "\\boxed{\\begin{pmatrix}1/2&0\\cr0&2\\end{pmatrix}}", "\\begin{pmatrix}\\frac12&0\\\\0&2\\end{pmatrix}", "!\\begin{pmatrix}2&0\\\\0&\\frac12\\end{pmatrix}"),
    ("matrix", "\\boxed{\\begin{pmatrix}0,5\\\\1\\end{pmatrix}}", "\\begin{pmatrix}\\frac12\\\\1\\end{pmatrix}", "!\\begin{pmatrix}5\\\\1\\end{pmatrix}"),
    ("matrix", "\\boxed{\\mathbf{v}=\\begin{pmatrix}1\\\\2\\end{pmatrix}}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "!\\begin{pmatrix}1\\\\3\\end{pmatrix}"),
    ("matrix", "\\boxed{\\langle 1, 2\\rangle}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "!\\begin{pmatrix}2\\\\1\\end{pmatrix}"),
    ("matrix", "\\boxed{\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}}", "-2", "!2"),
    ("matrix", "\\boxed{\\begin{smallmatrix}1&2\\\\3&4\\end{smallmatrix}}", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "!\\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}"),
    ("percent", "\\boxed{12\\frac{1}{2}\\%}", "12.5", "!1.25"),
    ("percent", "\\boxed{33\\tfrac{1}{3}\\%}", "\\frac{100}{3}", "!33"),
    ("percent", "\\boxed{66\\frac23\\%}", "66\\frac{2}{3}", "!66"),
    ("percent", "\\boxed{12½ %}", "12.5", "!12"),
    ("percent", "\\boxed{37,5 %}", "37.5", "!3.75"),
    ("percent", "\\boxed{百分之二十}", "20", "!2"),
    ("percent", "\\boxed{20パーセント}", "20", "!2"),
    ("percent", "\\boxed{20 শতাংশ}", "20", "!2"),
    ("percent", "\\boxed{20 శాతం}", "20", "!2"),
    ("percent", "\\boxed{20 เปอร์เซ็นต์}", "20", "!2"),
    ("percent", "\\boxed{ร้อยละ 20}", "20", "!120"),
    ("percent", "\\boxed{20 процентов}", "20", "!2"),
    ("percent", "\\boxed{20 por ciento}", "20", "!2"),
    ("percent", "\\boxed{20 pour cent}", "20", "!2000"),
    ("percent", "\\boxed{asilimia 37.5}", "37.5", "!3.75"),
    ("word", "\\boxed{twenty-five}", "25", "!26"),
    ("word", "\\boxed{vingt-cinq}", "25", "!20"),
    ("word", "\\boxed{двадцать пять}", "25", "!20"),
    ("word", "\\boxed{elfu thelathini}", "30000", "!30"),
    ("word", "\\boxed{fünfundzwanzig}", "25", "!52"),
    ("word", "\\boxed{veinticinco}", "25", "!26"),
    ("word", "\\boxed{二十五}", "25", "!20"),
    ("word", "\\boxed{পঁচিশ}", "25", "!5"),
    ("word", "\\boxed{বিশ}", "20", "!2"),
    ("word", "\\boxed{ยี่สิบห้า}", "25", "!20"),
    ("word", "\\boxed{ఇరవై}", "20", "!2"),
    ("word", "\\boxed{ఇరవై ఐదు}", "25", "!20"),
    ("word", "\\boxed{ishirini na tano}", "25", "!20"),
    ("word", "\\boxed{vingt-cinq mille}", "25000", "!25"),
    ("word", "\\boxed{one hundred and five}", "105", "!100"),
    ("word", "\\boxed{quatre-vingt-dix-neuf}", "99", "!89"),
    ("word", "\\boxed{soixante-douze}", "72", "!60"),
    ("word", "\\boxed{ciento veinte}", "120", "!100"),
    ("word", "\\boxed{zweihundertdreizehn}", "213", "!200"),
    ("word", "\\boxed{сто сорок два}", "142", "!140"),
    ("word", "\\boxed{三百二十一}", "321", "!300"),
    ("word", "\\boxed{二百零五}", "205", "!25"),
    ("word", "\\boxed{mia mbili}", "200", "!2"),
    ("word", "\\boxed{หนึ่งร้อยยี่สิบเอ็ด}", "121", "!100"),
    ("word", "\\boxed{একশ}", "100", "!1"),
    ("word", "\\boxed{వంద}", "100", "!1"),
    ("word", "\\boxed{twelve}", "12", "!2"),
    ("word", "\\boxed{zwölf}", "12", "!2"),
    ("word", "\\boxed{doce}", "12", "!2"),
    ("word", "\\boxed{douze}", "12", "!2"),
    ("word", "\\boxed{двенадцать}", "12", "!2"),
    ("word", "\\boxed{বারো}", "12", "!2"),
    ("word", "\\boxed{สิบสอง}", "12", "!10"),
    ("word", "\\boxed{kumi na mbili}", "12", "!10"),
    ("word", "\\boxed{十二}", "12", "!10"),
    ("word", "\\boxed{పన్నెండు}", "12", "!2"),
    ("word", "\\boxed{\\text{fifteen minutes}}", "15", "!5"),
    ("word", "\\boxed{treinta y dos}", "32", "!30"),
    ("word", "\\boxed{trente et un}", "31", "!30"),
    ("word", "\\boxed{einundzwanzig}", "21", "!12"),
    ("word", "\\boxed{zweiundvierzig Euro}", "42", "!24"),
    ("word", "\\boxed{2 h 30 min}", "2.5", "!2"),
    ("word", "\\boxed{half}", "0.5", "!2"),
    ("word", "\\boxed{three quarters}", "0.75", "!3"),
    ("stop", "答案是 18。", "18", "!1"),
    ("stop", "因此，他一共有 42 个苹果。所以答案是 42。", "42", "!4"),
    ("stop", "したがって、答えは 72 です。", "72", "!2"),
    ("stop", "答えは 5。3 つの方法で確認した。", "5", "!5.3"),
    ("stop", "Ответ: 12.", "12", "!1"),
    ("stop", "Die Antwort ist 3,5.", "3.5", "!5"),
    ("stop", "La respuesta es 1.250.", "1250", "!250"),
    ("stop", "সুতরাং উত্তর ২৪।", "24", "!2"),
    ("stop", "ดังนั้นคำตอบคือ 15", "15", "!5"),
    ("stop", "Jibu ni 36.", "36", "!6"),
    ("stop", "సమాధానం 48.", "48", "!8"),
    ("stop", "La réponse est 1 200.", "1200", "!200"),
    ("stop", "答案：**15**", "15", "!5"),
    ("stop", "The answer is 42. Let me verify with 3 more steps.", "42", "!3"),
    ("stop", "**Final Answer:** 3/4", "3/4", "!4"),
    ("stop", "答案是 3。5 个人。", "3", "!3.5"),
    ("invented", "So the result is \\boxed{12}.\n\nQuestion: What is 2+3?\nAnswer: \\boxed{5}", "12", "!5"),
    ("invented", "因此答案是 \\boxed{12}。\n\n问题：小明有3个苹果……\n答案：\\boxed{3}", "12", "!3"),
    ("invented", "\\boxed{12}\n\nQ: If 3x=9?\nA: \\boxed{3}", "12", "!3"),
    ("invented", "Ответ: \\boxed{12}\n\nЗадача: Найдите 2+2.\nРешение: \\boxed{4}", "12", "!4"),
    ("invented", "Also \\boxed{12}.\n\nFrage: Was ist 1+1?\n\\boxed{2}", "12", "!2"),
    ("invented", "\\boxed{12}\n\n### Problem 2\nFind 1+1. \\boxed{2}", "12", "!2"),
    ("invented", "Donc \\boxed{12}.\n\nQuestion : Combien font 1+1 ?\nRéponse : \\boxed{2}", "12", "!2"),
    ("invented", "答えは \\boxed{12} です。\n\n問題: 1+1は？\n答え: \\boxed{2}", "12", "!2"),
    ("invented", "উত্তর \\boxed{12}\n\nপ্রশ্ন: ১+১ কত?\nউত্তর: \\boxed{2}", "12", "!2"),
    ("invented", "คำตอบคือ \\boxed{12}\n\nคำถาม: 1+1 เท่ากับเท่าไร\n\\boxed{2}", "12", "!2"),
    ("invented", "Jibu ni \\boxed{12}\n\nSwali: 1+1 ni ngapi?\nJibu: \\boxed{2}", "12", "!2"),
    ("invented", "సమాధానం \\boxed{12}\n\nప్రశ్న: 1+1 ఎంత?\n\\boxed{2}", "12", "!2"),
    ("invented", "First try \\boxed{10}. Wait, that question needs a recheck: 3*4=12.\nSo \\boxed{12}", "12", "!10"),
    ("invented", "\\boxed{12}<|im_end|>\n<|im_start|>user\nWhat is 1+1?<|im_end|>\n<|im_start|>assistant\n\\boxed{2}", "12", "!2"),
    ("invented", "Step 1: sub-answer \\boxed{3}.\nStep 2: the problem asks for four times: \\boxed{12}", "12", "!3"),
    ("expr", "\\boxed{\\dfrac{7}{8}}", "0.875", "!7"),
    ("expr", "\\boxed{\\frac78}", "7/8", "!78"),
    ("expr", "\\boxed{7/8}", "\\frac{7}{8}", "!8/7"),
    ("expr", "\\boxed{3\\sqrt 2}", "3\\sqrt{2}", "!2\\sqrt{3}"),
    ("expr", "\\boxed{x²+1}", "x^2+1", "!x^2-1"),
    ("expr", "\\boxed{y = 2x+3}", "2x+3", "!2x-3"),
    ("expr", "\\boxed{\\text{(C)}}", "C", "!D"),
    ("expr", "\\boxed{C. 15}", "C", "!B"),
    ("expr", "\\boxed{\\textbf{(A)}}", "A", "!B"),
    ("expr", "\\boxed{2:3}", "2:3", "!3:2"),
    ("expr", "\\boxed{3!}", "6", "!3"),
    ("expr", "\\boxed{\\log_2 8}", "3", "!8"),
    ("expr", "\\boxed{\\sin 30^\\circ}", "0.5", "!30"),
    ("expr", "\\boxed{5050}", "5050", "!505"),
    ("expr", "\\boxed{e^{2}}", "e^2", "!2e"),
    ("expr", "\\boxed{(x+1)(x-1)}", "x^2-1", "!x^2+1"),
    ("expr", "\\boxed{-\\frac{1}{2}}", "-0.5", "!0.5"),
    ("expr", "\\boxed{\\frac{\\sqrt{3}}{3}}", "\\frac{1}{\\sqrt{3}}", "!\\sqrt{3}"),
    ("expr", "\\boxed{3 + 4i}", "3+4i", "!3-4i"),
    ("expr", "\\boxed{∞}", "\\infty", "!-\\infty"),
    ("magnitude", "\\boxed{3.75\\text{ million dollars}}", "3750000", "!3.75"),
    ("magnitude", "\\boxed{\\$12\\text{k}}", "12000", "!12"),
    ("magnitude", "\\boxed{\\text{two and a half million}}", "2500000", "!2.5"),
    ("magnitude", "\\boxed{a quarter of a million}", "250000", "!0.25"),
    ("magnitude", "\\boxed{1,2 millones}", "1200000", "!12"),
    ("magnitude", "\\boxed{quinientos mil}", "500000", "!500"),
    ("magnitude", "\\boxed{un millón doscientos mil}", "1200000", "!1000000"),
    ("magnitude", "\\boxed{300\\,000 \\text{ (trescientos mil)}}", "300000", "!300"),
    ("magnitude", "\\boxed{полтора миллиона}", "1500000", "!1000000"),
    ("magnitude", "\\boxed{двести тысяч}", "200000", "!200"),
    ("magnitude", "\\boxed{2,5\\text{ тысячи}}", "2500", "!2.5"),
    ("magnitude", "\\boxed{eineinhalb Millionen}", "1500000", "!1000000"),
    ("magnitude", "\\boxed{dreihunderttausend}", "300000", "!300"),
    ("magnitude", "\\boxed{1{,}5\\cdot 10^6}", "1500000", "!1.5"),
    ("magnitude", "\\boxed{un million et demi}", "1500000", "!1000000"),
    ("magnitude", "\\boxed{deux cent mille}", "200000", "!200"),
    ("magnitude", "\\boxed{দেড় লক্ষ}", "150000", "!100000"),
    ("magnitude", "\\boxed{আড়াই হাজার}", "2500", "!2000"),
    ("magnitude", "\\boxed{২০ লক্ষ}", "2000000", "!20"),
    ("magnitude", "\\boxed{หนึ่งแสนห้าหมื่น}", "150000", "!100000"),
    ("magnitude", "\\boxed{2 แสน 5 หมื่น}", "250000", "!2"),
    ("magnitude", "\\boxed{milioni moja na nusu}", "1500000", "!1000000"),
    ("magnitude", "\\boxed{elfu mbili mia tano}", "2500", "!2000"),
    ("magnitude", "\\boxed{shilingi elfu tano}", "5000", "!5"),
    ("magnitude", "\\boxed{三十五万}", "350000", "!35"),
    ("magnitude", "\\boxed{1万5000}", "15000", "!1"),
    ("magnitude", "\\boxed{一亿两千万}", "120000000", "!100000000"),
    ("magnitude", "\\boxed{2万5千円}", "25000", "!2"),
    ("magnitude", "\\boxed{五百}", "500", "!5"),
    ("magnitude", "\\boxed{రెండున్నర లక్షలు}", "250000", "!200000"),
    ("magnitude", "\\boxed{పది వేలు}", "10000", "!10"),
    ("magnitude", "\\boxed{5.5 కోట్లు}", "55000000", "!5.5"),
    ("magnitude", "\\boxed{12 hundred}", "1200", "!12"),
    ("and-or", "\\boxed{\\text{either } 2 \\text{ or } 8}", "2,8", "!2"),
    ("and-or", "\\boxed{x = -2 \\text{ und } x = 6}", "6,-2", "!6"),
    ("and-or", "\\boxed{2 \\text{ sowie } 6}", "2,6", "!2"),
    ("and-or", "\\boxed{x_{1}=2,\\ x_{2}=6}", "2,6", "!2,5"),
    ("and-or", "\\boxed{x_1 = 2; x_2 = 6}", "2,6", "!26"),
    ("and-or", "\\boxed{x=2\\;;\\;x=6}", "2,6", "!2"),
    ("and-or", "\\boxed{2 \\;\\text{oder}\\; 6}", "2,6", "!6"),
    ("and-or", "\\boxed{\\{2,\\,6\\}}", "2,6", "!2"),
    ("and-or", "\\boxed{x=2 и x=6}", "2,6", "!2"),
    ("and-or", "\\boxed{x=2, x=6}", "2,6", "!2,7"),
    ("and-or", "\\boxed{2 или -6}", "2,-6", "!2,6"),
    ("and-or", "\\boxed{\\frac{1}{2}\\text{ et }\\frac{3}{4}}", "\\frac{1}{2},\\frac{3}{4}", "!\\frac{1}{2}"),
    ("and-or", "\\boxed{২ এবং ৬}", "2,6", "!2"),
    ("and-or", "\\boxed{x = ২ বা x = ৬}", "2,6", "!26"),
    ("and-or", "\\boxed{2 และ 6}", "2,6", "!2"),
    ("and-or", "\\boxed{2 กับ 6}", "2,6", "!26"),
    ("and-or", "\\boxed{2 na 6}", "2,6", "!2"),
    ("and-or", "\\boxed{x=2 ama x=6}", "2,6", "!2"),
    ("and-or", "\\boxed{2和6}", "2,6", "!26"),
    ("and-or", "\\boxed{x=2或6}", "2,6", "!2"),
    ("and-or", "\\boxed{2か6}", "2,6", "!2"),
    ("and-or", "\\boxed{x=2,6}", "2,6"),
    ("and-or", "\\boxed{2 మరియు 6}", "2,6", "!2"),
    ("and-or", "\\boxed{2 లేదా 6}", "2,6", "!6"),
    ("and-or", "\\boxed{2 \\text{ and } 6 \\text{ and } 9}", "2,6,9", "!2,6"),
    ("and-or", "\\boxed{(1,2) \\text{ and } (3,4)}", "(1,2),(3,4)", "!(1,2)"),
    ("and-or", "\\boxed{(1,2) \\text{ или } (3,4)}", "(1,2),(3,4)", "!(3,4)"),
    ("and-or", "\\boxed{x=\\frac{-1\\pm\\sqrt5}{2}}", "\\frac{-1+\\sqrt{5}}{2},\\frac{-1-\\sqrt{5}}{2}", "!\\frac{-1+\\sqrt{5}}{2}"),
    ("and-or", "\\boxed{1 ± √2}", "1+\\sqrt{2},1-\\sqrt{2}", "!1+\\sqrt{2}"),
    ("and-or", "\\boxed{\\text{2, 3 und 5}}", "2,3,5", "!2,3"),
    ("and-or", "\\boxed{2, 3 et 5}", "2,3,5", "!5"),
    ("and-or", "\\boxed{2, 3 и 5}", "2,3,5", "!3,5"),
    ("and-or", "\\boxed{2, 3 na 5}", "2,3,5", "!2,3"),
    ("and-or", "\\boxed{2、3和5}", "2,3,5", "!2,3"),
    ("decimal", "\\boxed{3.141,59}", "3141.59", "!3.14159"),
    ("decimal", "\\boxed{0,333}", "0.333", "!333"),
    ("decimal", "\\boxed{7.500,00 €}", "7500", "!7.5"),
    ("decimal", "\\boxed{1 234 567,89}", "1234567.89", "!1234567"),
    ("decimal", "\\boxed{2,718}", "2.718", "!2.719"),
    ("decimal", "\\boxed{−0,75}", "-0.75", "!0.75"),
    ("decimal", "\\boxed{(2,5; 3)}", "(2.5,3)", "!(2,5)"),
    ("decimal", "\\boxed{1.5,2.5}", "1.5,2.5", "!1.5"),
    ("decimal", "\\boxed{x=1{,}5;\\ y=2}", "(1.5,2)", "!(15,2)"),
    ("decimal", "\\boxed{12,5 %}", "12.5", "!125"),
    ("decimal", "\\boxed{１，２３４}", "1234"),
    ("decimal", "\\boxed{４２．５}", "42.5", "!425"),
    ("decimal", "\\boxed{10.000}", "10000", "!100"),
    ("decimal", "\\boxed{25,00}", "25", "!2500"),
    ("decimal", "\\boxed{2{,}5\\cdot10^{3}}", "2500", "!25"),
    ("interval", "\\boxed{]0;+\\infty[}", "(0,\\infty)", "![0,\\infty)"),
    ("interval", "\\boxed{[2;+∞[}", "[2,\\infty)", "!(2,\\infty)"),
    ("interval", "\\boxed{(−∞; −3] ∪ [3; ∞)}", "(-\\infty,-3]\\cup[3,\\infty)", "![-3,3]"),
    ("interval", "\\boxed{x ∈ [1; 5)}", "[1,5)", "![1,5]"),
    ("interval", "\\boxed{x\\in\\left[1{,}5;\\,3\\right]}", "[1.5,3]", "![1,3]"),
    ("interval", "\\boxed{1\\leq x\\leq 4}", "[1,4]", "!(1,4)"),
    ("interval", "\\boxed{1 ≤ x < 4}", "[1,4)", "![1,4]"),
    ("interval", "\\boxed{x\\ge1\\land x<4}", "[1,4)", "![1,4]"),
    ("interval", "\\boxed{x>0 \\text{ und } x<2}", "(0,2)", "![0,2]"),
    ("interval", "\\boxed{x < 0 \\text{ ou } x > 2}", "(-\\infty,0)\\cup(2,\\infty)", "!(0,2)"),
    ("interval", "\\boxed{x<0 \\text{ หรือ } x>2}", "(-\\infty,0)\\cup(2,\\infty)", "!(0,2)"),
    ("interval", "\\boxed{x<0 \\text{ au } x>2}", "(-\\infty,0)\\cup(2,\\infty)", "!(0,2)"),
    ("interval", "\\boxed{x<0 \\text{ বা } x>2}", "(-\\infty,0)\\cup(2,\\infty)", "!(0,2)"),
    ("interval", "\\boxed{x<0 \\text{ లేదా } x>2}", "(-\\infty,0)\\cup(2,\\infty)", "!(0,2)"),
    ("interval", "\\boxed{\\mathbb{R} - \\{3\\}}", "(-\\infty,3)\\cup(3,\\infty)", "!(-\\infty,\\infty)"),
    ("interval", "\\boxed{\\mathbb{R}\\setminus[0,1]}", "(-\\infty,0)\\cup(1,\\infty)", "![0,1]"),
    ("interval", "\\boxed{[0,1]\\cup[1,2]}", "[0,2]", "![0,1]"),
    ("interval", "\\boxed{(-1,0)\\cup(0,1)}", "(-1,1)\\setminus\\{0\\}", "!(-1,1)"),
    ("interval", "\\boxed{\\{x : x \\geq 2\\}}", "[2,\\infty)", "!(2,\\infty)"),
    ("interval", "\\boxed{\\left\\{x\\in\\mathbb{R}\\mid x\\neq -1\\right\\}}", "(-\\infty,-1)\\cup(-1,\\infty)", "!(-\\infty,\\infty)"),
    ("interval", "\\boxed{4 > x \\geqslant 1}", "[1,4)", "!(1,4]"),
    ("interval", "\\boxed{[2;6[}", "!2,6"),
    ("interval", "\\boxed{(2,6]}", "!2,6"),
    ("interval", "\\boxed{[2,6]}", "!(2,6)"),
    ("interval", "\\boxed{\\left]2;6\\right[}", "!2,6"),
    ("unit", "\\boxed{9.81\\ \\mathrm{m/s^{2}}}", "9.81", "!9"),
    ("unit", "\\boxed{4{,}2\\,\\mathrm{kJ\\,kg^{-1}\\,K^{-1}}}", "4.2", "!42"),
    ("unit", "\\boxed{100\\ \\mathrm{N\\cdot m}}", "100", "!10"),
    ("unit", "\\boxed{8\\,\\frac{\\text{km}}{\\text{h}}}", "8", "!1"),
    ("unit", "\\boxed{8\\frac{km}{h}}", "8", "!4"),
    ("unit", "\\boxed{2\\sqrt{5}\\ \\mathrm{cm}}", "2\\sqrt{5}", "!2"),
    ("unit", "\\boxed{3,5 кг}", "3.5", "!35"),
    ("unit", "\\boxed{60 км/ч}", "60", "!6"),
    ("unit", "\\boxed{5 м²}", "5", "!52"),
    ("unit", "\\boxed{12 Quadratmeter}", "12", "!2"),
    ("unit", "\\boxed{3 ½ Stunden}", "3.5", "!3"),
    ("unit", "\\boxed{1 h 15 min}", "1.25", "!1"),
    ("unit", "\\boxed{1 Stunde 30 Minuten}", "1.5", "!130"),
    ("unit", "\\boxed{2 heures et 30 minutes}", "2.5", "!2"),
    ("unit", "\\boxed{5 horas y 30 minutos}", "5.5", "!5"),
    ("unit", "\\boxed{3 часа 15 минут}", "3.25", "!3"),
    ("unit", "\\boxed{২ ঘণ্টা ৩০ মিনিট}", "2.5", "!2"),
    ("unit", "\\boxed{2 ชั่วโมง 30 นาที}", "2.5", "!230"),
    ("unit", "\\boxed{saa 2 na dakika 30}", "2.5", "!2"),
    ("unit", "\\boxed{2小时30分钟}", "2.5", "!230"),
    ("unit", "\\boxed{2時間30分}", "2.5", "!2"),
    ("unit", "\\boxed{2 గంటల 30 నిమిషాలు}", "2.5", "!2"),
    ("unit", "\\boxed{5 ft 6 in}", "5.5", "!5"),
    ("unit", "\\boxed{36\\pi\\text{ square units}}", "36\\pi", "!36"),
    ("unit", "\\boxed{12 unités d'aire}", "12", "!1"),
    ("unit", "\\boxed{25 personnes}", "25", "!52"),
    ("unit", "\\boxed{7 manzanas}", "7", "!6"),
    ("unit", "\\boxed{72 km/hour}", "72", "!7"),
    ("unit", "\\boxed{18 মিটার/সেকেন্ড}", "18", "!8"),
    ("unit", "\\boxed{45 กิโลเมตรต่อชั่วโมง}", "45", "!4"),
    ("unit", "\\boxed{1200元}", "1200", "!12"),
    ("unit", "\\boxed{每小时60公里}", "60", "!6"),
    ("unit", "\\boxed{60 కి.మీ/గం}", "60", "!6"),
    ("unit", "\\boxed{15個の箱}", "15", "!5"),
    ("unit", "\\boxed{8 teaspoons}", "8", "!88"),
    ("unit", "\\boxed{3 \\text{ gallons of milk}}", "3", "!4"),
    ("unit", "\\boxed{250 mL}", "250", "!25"),
    ("unit", "\\boxed{120^\\circ}", "120", "!12"),
    ("unit", "\\boxed{\\frac{2\\pi}{3}\\text{ rad}}", "\\frac{2\\pi}{3}", "!\\frac{\\pi}{3}"),
    ("prefix", "\\boxed{Q. 120}", "120", "!12"),
    ("prefix", "\\boxed{R 350}", "350", "!35"),
    ("prefix", "\\boxed{GH₵ 20}", "20", "!2"),
    ("prefix", "\\boxed{KES 1,500}", "1500", "!1.5"),
    ("prefix", "\\boxed{Sh. 200}", "200", "!20"),
    ("prefix", "\\boxed{shilingi 1,200}", "1200", "!1.2"),
    ("prefix", "\\boxed{masaa 6}", "6", "!66"),
    ("prefix", "\\boxed{vitabu 24}", "24", "!4"),
    ("prefix", "\\boxed{watu 18}", "18", "!8"),
    ("prefix", "\\boxed{jumla ya shilingi 90}", "90", "!9"),
    ("prefix", "\\boxed{approx. 15}", "15", "!5"),
    ("prefix", "\\boxed{roughly 15}", "15", "!16"),
    ("prefix", "\\boxed{circa 15}", "15", "!5"),
    ("prefix", "\\boxed{etwa 15}", "15", "!5"),
    ("prefix", "\\boxed{rund 15}", "15", "!14"),
    ("prefix", "\\boxed{примерно 15}", "15", "!5"),
    ("prefix", "\\boxed{alrededor de 15}", "15", "!5"),
    ("prefix", "\\boxed{à peu près 15}", "15", "!5"),
    ("prefix", "\\boxed{আনুমানিক ১৫}", "15", "!5"),
    ("prefix", "\\boxed{ราว 15}", "15", "!5"),
    ("prefix", "\\boxed{およそ15}", "15", "!5"),
    ("prefix", "\\boxed{దాదాపు 15}", "15", "!5"),
    ("prefix", "\\boxed{大概15}", "15", "!5"),
    ("prefix", "\\boxed{\\text{about }15\\text{ minutes}}", "15", "!5"),
    ("prefix", "\\boxed{\\approx 15{,}5}", "15.5", "!155"),
    ("prefix", "\\boxed{~15}", "15", "!5"),
    ("prefix", "\\boxed{\\sim 15}", "15", "!5"),
    ("prefix", "\\boxed{m = 15}", "15", "!5"),
    ("prefix", "\\boxed{15 (approx.)}", "15", "!5"),
    ("word", "\\boxed{thirty-six}", "36", "!30"),
    ("word", "\\boxed{ninety nine}", "99", "!90"),
    ("word", "\\boxed{Forty-two}", "42", "!24"),
    ("word", "\\boxed{\\text{forty-two apples}}", "42", "!2"),
    ("word", "\\boxed{cuarenta y dos}", "42", "!40"),
    ("word", "\\boxed{ciento cinco}", "105", "!100"),
    ("word", "\\boxed{mil doscientos}", "1200", "!1000"),
    ("word", "\\boxed{quarante-deux}", "42", "!40"),
    ("word", "\\boxed{soixante-quinze}", "75", "!60"),
    ("word", "\\boxed{quatre-vingts}", "80", "!20"),
    ("word", "\\boxed{mille deux cents}", "1200", "!1000"),
    ("word", "\\boxed{zweiundvierzig}", "42", "!24"),
    ("word", "\\boxed{hundertfünf}", "105", "!100"),
    ("word", "\\boxed{tausendzweihundert}", "1200", "!1000"),
    ("word", "\\boxed{сорок два}", "42", "!40"),
    ("word", "\\boxed{сто пять}", "105", "!100"),
    ("word", "\\boxed{тысяча двести}", "1200", "!1000"),
    ("word", "\\boxed{বিয়াল্লিশ}", "42", "!40"),
    ("word", "\\boxed{একশ পাঁচ}", "105", "!100"),
    ("word", "\\boxed{สี่สิบสอง}", "42", "!40"),
    ("word", "\\boxed{หนึ่งร้อยห้า}", "105", "!100"),
    ("word", "\\boxed{arobaini na mbili}", "42", "!40"),
    ("word", "\\boxed{mia moja na tano}", "105", "!100"),
    ("word", "\\boxed{四十二}", "42", "!40"),
    ("word", "\\boxed{百二十}", "120", "!100"),
    ("word", "\\boxed{నలభై రెండు}", "42", "!40"),
    ("word", "\\boxed{నూట ఐదు}", "105", "!100"),
    ("word", "\\boxed{two thirds}", "\\frac{2}{3}", "!2"),
    ("word", "\\boxed{trois quarts}", "0.75", "!3"),
    ("word", "\\boxed{drei Viertel}", "0.75", "!3"),
    ("word", "\\boxed{dos tercios}", "\\frac{2}{3}", "!2"),
    ("word", "\\boxed{две трети}", "\\frac23", "!2"),
    ("word", "\\boxed{三分之二}", "\\frac23", "!2"),
    ("word", "\\boxed{three and a half}", "3.5", "!3"),
    ("word", "\\boxed{zero}", "0", "!1"),
    ("word", "\\boxed{ноль}", "0", "!1"),
    ("word", "\\boxed{cero}", "0", "!1"),
    ("word", "\\boxed{শূন্য}", "0", "!1"),
    ("word", "\\boxed{sifuri}", "0", "!1"),
    ("word", "\\boxed{零}", "0", "!1"),
    ("repeating", "\\boxed{0,1\\overline{6}}", "\\frac16", "!0.16"),
    ("repeating", "\\boxed{0.5(3)}", "\\frac{8}{15}", "!0.53"),
    ("repeating", "\\boxed{3.\\overline{18}}", "\\frac{35}{11}", "!3.18"),
    ("repeating", "\\boxed{0.\\dot{7}}", "\\frac79", "!0.7"),
    ("repeating", "\\boxed{0,(81)}", "\\frac{9}{11}", "!0.81"),
    ("repeating", "\\boxed{0.\\overline{6}}", "2/3", "!0.6"),
    ("matrix", "\\boxed{\\begin{pmatrix}2&-1\\\\0&3\\end{pmatrix}}", "\\begin{bmatrix}2&-1\\\\0&3\\end{bmatrix}", "!\\begin{bmatrix}2&1\\\\0&3\\end{bmatrix}"),
    ("matrix", "\\boxed{\\begin{bmatrix}2\\\\-1\\end{bmatrix}}", "(2,-1)", "!(-1,2)"),
    ("matrix", "\\boxed{[2,-1]^T}", "\\begin{pmatrix}2\\\\-1\\end{pmatrix}", "!\\begin{pmatrix}-1\\\\2\\end{pmatrix}"),
    ("matrix", "\\boxed{\\begin{pmatrix}1{,}5&2\\\\0&1\\end{pmatrix}}", "\\begin{pmatrix}1.5&2\\\\0&1\\end{pmatrix}", "!\\begin{pmatrix}15&2\\\\0&1\\end{pmatrix}"),
    ("matrix", "\\boxed{A=\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}}", "\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}", "!\\begin{pmatrix}1&0\\\\1&1\\end{pmatrix}"),
    ("matrix", "\\boxed{(2, -1)^\\top}", "\\begin{pmatrix}2\\\\-1\\end{pmatrix}", "!\\begin{pmatrix}2\\\\1\\end{pmatrix}"),
    ("stop", "答案是 7。共 3 种。", "7", "!7.3"),
    ("stop", "したがって答えは 12。4人で分けた。", "12", "!12.4"),
    ("stop", "Die Antwort ist 18. Das sind 2 mehr.", "18", "!2"),
    ("stop", "La respuesta es 18. Lo comprobé con 3 métodos.", "18", "!3"),
    ("stop", "Ответ: 18. Проверка: 9 раз по 2.", "18", "!2"),
    ("stop", "Final answer: **18**", "18", "!8"),
    ("stop", "The final answer is: $\\frac{3}{4}$", "0.75", "!3"),
    ("stop", "### Answer\n18", "18", "!8"),
    ("stop", "#### 18", "18", "!8"),
    ("stop", "উত্তর: ১৮ টাকা।", "18", "!8"),
    ("stop", "คำตอบ: 18 บาท", "18", "!8"),
    ("stop", "Jibu: 18", "18", "!8"),
    ("stop", "సమాధానం: 18 రూపాయలు", "18", "!8"),
    ("stop", "Réponse : 18 €", "18", "!8"),
    ("invented", "\\boxed{9}\n\nHuman: What is 5+5?\n\nAssistant: \\boxed{10}", "9", "!10"),
    ("invented", "Therefore \\boxed{9}.\n\nNext question: find x.\n\\boxed{10}", "9", "!10"),
    ("invented", "La respuesta es \\boxed{9}.\n\nProblema: Juan tiene 10.\nRespuesta: \\boxed{10}", "9", "!10"),
    ("invented", "答え \\boxed{9}\n\n問2: 次を求めよ。\\boxed{10}", "9", "!10"),
    ("invented", "\\boxed{9}\n\n题目：计算5+5。\n\\boxed{10}", "9", "!10"),
    ("invented", "\\boxed{9}\n\nЗадание 2. Вычислите.\n\\boxed{10}", "9", "!10"),
    ("invented", "\\boxed{9}\n\nAufgabe 2: Berechne 5+5.\n\\boxed{10}", "9", "!10"),
    ("invented", "\\boxed{9}\n\nExercice 2 : calculer.\n\\boxed{10}", "9", "!10"),
    ("invented", "\\boxed{9}\n\nโจทย์: จงหา\n\\boxed{10}", "9", "!10"),
    ("invented", "\\boxed{9}\n\nSwali la 2: Tafuta.\n\\boxed{10}", "9", "!10"),
    ("invented", "\\boxed{8}? No, check the problem again: it asks for 9.\n\\boxed{9}", "9", "!8"),
    ("numeral", "\\boxed{half a dozen}", "6", "!12"),
    ("numeral", "\\boxed{deux heures et demie}", "2.5", "!2"),
    ("numeral", "\\boxed{dos horas y media}", "2.5", "!2"),
    ("numeral", "\\boxed{два с половиной часа}", "2.5", "!2"),
    ("numeral", "\\boxed{2 ชั่วโมงครึ่ง}", "2.5", "!2"),
    ("numeral", "\\boxed{两个半小时}", "2.5", "!2"),
    ("numeral", "\\boxed{2小时半}", "2.5", "!2"),
    ("numeral", "\\boxed{zweieinhalb Stunden}", "2.5", "!2"),
    ("numeral", "\\boxed{two and a half hours}", "2.5", "!2"),
    ("numeral", "\\boxed{saa mbili na nusu}", "2.5", "!2"),
    ("numeral", "\\boxed{আড়াই ঘণ্টা}", "2.5", "!2"),
    ("numeral", "\\boxed{రెండున్నర గంటలు}", "2.5", "!2"),
    ("numeral", "\\boxed{3 m and 5 cm}", "3.05", "!3.5"),
    ("numeral", "\\boxed{6 feet 2 inches}", "74", "!62"),
    ("numeral", "\\boxed{1 kg 250 g}", "1.25", "!1"),
    ("numeral", "\\boxed{5 min 30 s}", "330", "!530"),
    ("numeral", "\\boxed{five hundred}", "500", "!5"),
    ("numeral", "\\boxed{cinq cents}", "500", "!5"),
    ("numeral", "\\boxed{mil}", "1000", "!1"),
    ("numeral", "\\boxed{mille}", "1000", "!1"),
    ("numeral", "\\boxed{сто}", "100", "!1"),
    ("numeral", "\\boxed{hundert}", "100", "!1"),
    ("numeral", "\\boxed{mia}", "100", "!1"),
    ("numeral", "\\boxed{elfu}", "1000", "!1"),
    ("numeral", "\\boxed{one-third}", "\\frac13", "!1"),
    ("numeral", "\\boxed{ein Drittel}", "\\frac13", "!1"),
    ("numeral", "\\boxed{un tiers}", "\\frac13", "!1"),
    ("numeral", "\\boxed{un tercio}", "\\frac13", "!1"),
    ("numeral", "\\boxed{одна треть}", "\\frac13", "!1"),
    ("numeral", "\\boxed{minus five}", "-5", "!5"),
    ("numeral", "\\boxed{minus twenty-five}", "-25", "!25"),
    ("numeral", "\\boxed{menos veinticinco}", "-25", "!25"),
    ("numeral", "\\boxed{минус двадцать пять}", "-25", "!25"),
    ("numeral", "\\boxed{minus fünfundzwanzig}", "-25", "!25"),
    ("numeral", "\\boxed{moins vingt-cinq}", "-25", "!25"),
    ("numeral", "\\boxed{hasi ishirini na tano}", "-25", "!25"),
    ("numeral", "\\boxed{负二十五}", "-25", "!25"),
    ("numeral", "\\boxed{twenty-five percent}", "25", "!20"),
    ("numeral", "\\boxed{vingt-cinq euros}", "25", "!20"),
    ("numeral", "\\boxed{veinticinco dólares}", "25", "!20"),
    ("numeral", "\\boxed{двадцать пять рублей}", "25", "!20"),
    ("numeral", "\\boxed{fünfundzwanzig Äpfel}", "25", "!20"),
    ("numeral", "\\boxed{ishirini na tano}", "25", "!20"),
    ("numeral", "\\boxed{shilingi ishirini na tano}", "25", "!20"),
    ("numeral", "\\boxed{ยี่สิบห้าบาท}", "25", "!20"),
    ("numeral", "\\boxed{পঁচিশ টাকা}", "25", "!20"),
    ("numeral", "\\boxed{ఇరవై ఐదు రూపాయలు}", "25", "!20"),
    ("numeral", "\\boxed{二十五元}", "25", "!20"),
    ("numeral", "\\boxed{二十五個}", "25", "!20"),
    ("numeral", "\\boxed{one point five}", "1.5", "!1"),
    ("numeral", "\\boxed{twenty and five}", "20,5", "!20"),
    ("numeral", "\\boxed{two and three}", "2,3", "!2"),
    ("numeral", "\\boxed{eins und drei}", "1,3", "!1"),
    ("numeral", "\\boxed{deux et trois}", "2,3", "!2"),
    ("numeral", "\\boxed{два и три}", "2,3", "!2"),
    ("numeral", "\\boxed{mbili na tatu}", "2,3", "!2"),
    ("numeral", "\\boxed{R 12.50}", "12.5", "!1250"),
    ("numeral", "\\boxed{about 2.5 million}", "2500000", "!2.5"),
    ("numeral", "\\boxed{约 2.5 万}", "25000", "!2.5"),
    ("numeral", "\\boxed{at least 30}", "!30"),
    ("numeral", "\\boxed{more than 30}", "!30"),
    ("numeral", "\\boxed{almost 30}", "!30"),
    ("numeral", "\\boxed{not 30}", "!30"),
    ("numeral", "\\boxed{K_5}", "!5"),
    ("numeral", "\\boxed{K5}", "!5"),
    ("numeral", "\\boxed{S3}", "!3"),
    ("numeral", "\\boxed{S_3}", "!3"),
    ("numeral", "\\boxed{C 5 2}", "!5"),
    ("numeral", "\\boxed{5\\frac{m}{n}}", "!5"),
    ("numeral", "\\boxed{5\\frac{a}{b}}", "!5"),
    ("numeral", "\\boxed{about 30}", "!300"),
    ("numeral", "\\boxed{30 less}", "!30"),
    ("numeral", "\\boxed{twenty-fifth}", "!25"),
    ("numeral", "\\boxed{25th}", "!24"),
    ("numeral", "\\boxed{double 5}", "!5"),
    ("numeral", "\\boxed{half of 50}", "!50"),
    ("numeral", "\\boxed{a third of 60}", "!60"),
    ("numeral", "\\boxed{3 half}", "!3"),
    ("numeral", "\\boxed{log 100}", "!100"),
    ("numeral", "\\boxed{未知}", "!5"),
    ("numeral", "\\boxed{(1,4]}", "!1,4"),
    ("numeral", "\\boxed{(1,4)}", "![1,4)"),
    ("numeral", "\\boxed{5 (mod 7)}", "!5 (mod 8)"),
    ("numeral", "\\boxed{2(3)}", "!2"),
    ("numeral", "\\boxed{3 (or 5)}", "!3"),
    ("numeral", "\\boxed{3 (x=2)}", "!2"),
    ("numeral", "\\boxed{12 (not 13)}", "!13"),
    ("numeral", "\\boxed{f(2)}", "!2"),
    ("numeral", "\\boxed{P(3)}", "!3"),
    ("numeral", "\\boxed{5 to 7}", "!5"),
    ("numeral", "\\boxed{5-7}", "!5"),
    ("numeral", "\\boxed{x^{2}}", "!2"),
    ("numeral", "\\boxed{2 m 3 s}", "!2"),
    ("numeral", "\\boxed{null}", "!0"),
    ("numeral", "\\boxed{none}", "!0"),
    ("numeral", "\\boxed{N/A}", "!0"),
    ("numeral", "\\boxed{one hundred thousand and one}", "!100000"),
    ("numeral", "\\boxed{百}", "!1"),
]:
    add(kind, "xx", output, *verdicts, boxed=False)

# Numbers in words; each is not the others.
for lang, numerals in {
    "en": {"seventeen": 17, "seventy-two": 72, "ninety-seven": 97, "eight": 8, "thirty-two": 32, "fifteen": 15, "sixty-three": 63, "fifty-seven": 57, "sixty": 60, "eighty-three": 83, "forty-eight": 48, "twenty-six": 26, "twelve": 12, "sixty-two": 62, "one hundred and twenty-nine": 129, "nine hundred and fifty-five": 955, "four hundred and ninety-nine": 499, "five hundred and forty-three": 543, "seven hundred and twenty-two": 722, "eight hundred and eighty": 880, "eight hundred and eighty-five": 885, "one hundred and two": 102, "eight hundred and twelve": 812, "five hundred and fifty-six": 556, "three hundred and seventy-two": 372, "eight hundred and thirty-eight": 838, "five thousand": 5000, "fifty-two thousand, one hundred and nine": 52109, "thirty-seven thousand, six hundred and fifty-eight": 37658, "thirty-four thousand, nine hundred and ninety-four": 34994, "sixty-two thousand, nine hundred and sixty-four": 62964, "eighteen thousand and ninety-four": 18094, "seventy-two thousand, three hundred and thirty-three": 72333, "seventy-five thousand, nine hundred and sixty-seven": 75967},
    "es": {"sesenta y nueve": 69, "uno": 1, "cuarenta y ocho": 48, "ochenta y siete": 87, "veintisiete": 27, "cincuenta y cuatro": 54, "noventa y dos": 92, "tres": 3, "sesenta y siete": 67, "veintiocho": 28, "noventa y siete": 97, "cincuenta y seis": 56, "sesenta y tres": 63, "setenta": 70, "trescientos treinta y ocho": 338, "cuatrocientos cincuenta y tres": 453, "trescientos treinta y seis": 336, "setecientos noventa y tres": 793, "trescientos veinticuatro": 324, "ochocientos setenta y nueve": 879, "quinientos setenta": 570, "trescientos noventa y seis": 396, "ciento veintidós": 122, "quinientos veintiséis": 526, "novecientos cincuenta y siete": 957, "seiscientos sesenta y nueve": 669, "setenta y seis mil cuatrocientos veintiocho": 76428, "treinta y siete mil novecientos cuarenta y nueve": 37949, "cuarenta y cuatro mil seiscientos sesenta y uno": 44661, "diecisiete mil doscientos setenta y seis": 17276, "siete mil doscientos treinta": 7230, "veinte mil cuarenta y cinco": 20045, "veintiocho mil ciento tres": 28103, "ochenta mil seiscientos doce": 80612},
    "ru": {"сорок два": 42, "девяносто два": 92, "девяносто один": 91, "шестьдесят четыре": 64, "пятьдесят четыре": 54, "восемьдесят пять": 85, "двадцать четыре": 24, "тридцать восемь": 38, "тридцать шесть": 36, "семьдесят пять": 75, "шестьдесят три": 63, "пятьдесят": 50, "четыре": 4, "шестьдесят один": 61, "триста сорок восемь": 348, "восемьсот шестьдесят один": 861, "девятьсот шестнадцать": 916, "пятьсот тринадцать": 513, "пятьсот двадцать четыре": 524, "семьсот восемьдесят": 780, "двести семьдесят семь": 277, "четыреста семьдесят пять": 475, "шестьсот шестьдесят один": 661, "восемьсот девятнадцать": 819, "восемьсот девяносто четыре": 894, "семьсот девяносто": 790, "пятьдесят девять тысяч семьсот тридцать четыре": 59734, "девяносто три тысячи шестьсот девяносто девять": 93699, "сорок одна тысяча четыреста шестьдесят два": 41462, "двадцать четыре тысячи четыреста два": 24402, "пятьдесят девять тысяч триста двадцать три": 59323, "одиннадцать тысяч триста пятьдесят девять": 11359, "пятьдесят шесть тысяч восемь": 56008, "тридцать семь тысяч четыреста семьдесят девять": 37479},
    "de": {"einundzwanzig": 21, "siebenundsechzig": 67, "einundfünfzig": 51, "achtundvierzig": 48, "dreiundsechzig": 63, "vierundneunzig": 94, "vier": 4, "einundsechzig": 61, "sechs": 6, "vierzig": 40, "einundneunzig": 91, "neunundsiebzig": 79, "sechsundsiebzig": 76, "fünfundsiebzig": 75, "fünfhundertdrei": 503, "siebenhundertzweiundsechzig": 762, "zweihundertvierundsiebzig": 274, "zweihundertzweiundsiebzig": 272, "sechshundertvierzehn": 614, "dreihundertzweiunddreißig": 332, "einhundertzwölf": 112, "achthundertneunundachtzig": 889, "dreihundertvier": 304, "sechshundertzweiundfünfzig": 652, "neunhundertachtzig": 980, "sechshunderteinundsechzig": 661, "achtundzwanzigtausendeinhundertdreiundfünfzig": 28153, "dreiundsechzigtausendachthundertsiebenundneunzig": 63897, "sechsundvierzigtausendsiebenhundertzweiunddreißig": 46732, "sechsunddreißigtausendfünfhundertsiebenundfünfzig": 36557, "drei Millionen": 3000000, "zweiundsiebzigtausendneunhundert": 72900, "siebenundsechzigtausendneunhundertzehn": 67910, "neuntausendachthundertvierundsechzig": 9864},
    "fr": {"trente-quatre": 34, "quatre-vingt-quatre": 84, "soixante-dix": 70, "soixante-dix-sept": 77, "quatre-vingt-treize": 93, "zéro": 0, "quarante-neuf": 49, "quatre-vingt-quatorze": 94, "soixante-cinq": 65, "seize": 16, "soixante-six": 66, "quatre-vingt-dix-neuf": 99, "soixante et onze": 71, "vingt-six": 26, "cinq cent trente-six": 536, "cent cinquante-sept": 157, "cinq cent quatre-vingt-douze": 592, "neuf cent quatre-vingt-dix": 990, "quatre cent soixante-treize": 473, "six cent quatre-vingt-trois": 683, "six cent soixante-sept": 667, "trois cent quatre": 304, "six cent seize": 616, "cinq cent vingt-trois": 523, "cinq cent quatre-vingt-seize": 596, "neuf cent trente-deux": 932, "sept mille cinq cent quatre-vingt-six": 7586, "soixante et un mille cinq cent vingt-sept": 61527, "quarante et un mille neuf cent quarante et un": 41941, "quarante mille six cent quatre-vingt-sept": 40687, "dix-sept mille cent quatre-vingt-huit": 17188, "onze mille quarante-sept": 11047, "cinquante-huit mille huit cent vingt-cinq": 58825, "mille": 1000},
    "bn": {"আটাত্তর": 78, "বিয়াল্লিশ": 42, "আটান্ন": 58, "ছিয়াত্তর": 76, "তিন": 3, "উনত্রিশ": 29, "একাশি": 81, "বাইশ": 22, "সত্তর": 70, "চুয়াত্তর": 74, "তেইশ": 23, "এগারো": 11, "বত্রিশ": 32, "চার": 4, "নয়শত একষট্টি": 961, "সাতশত উননব্বই": 789, "একশত বাহাত্তর": 172, "একশত পঁচাশি": 185, "নয়শত আটাশি": 988, "একশত সতের": 117, "পাঁচশত তেষট্টি": 563, "একশত চৌদ্দ": 114, "আটশত বাহাত্তর": 872, "আটশত তিয়াত্তর": 873, "তিনশত সাতাশি": 387, "তিনশত পঞ্চান্ন": 355, "একত্রিশ হাজার পাঁচশত চৌত্রিশ": 31534, "নব্বই হাজার তিনশত পঞ্চান্ন": 90355, "পাঁচ হাজার": 5000, "চার হাজার ছেচল্লিশ": 4046, "সাতাশি হাজার দুইশত তেতাল্লিশ": 87243, "তেষট্টি হাজার আটশত একত্রিশ": 63831, "তিয়াত্তর হাজার পাঁচশত উনিশ": 73519, "তেইশ হাজার তিনশত সাতাত্তর": 23377},
    "th": {"ยี่สิบเอ็ด": 21, "ยี่สิบ": 20, "สามสิบสอง": 32, "หกสิบเจ็ด": 67, "แปดสิบสี่": 84, "สามสิบสี่": 34, "แปดสิบสอง": 82, "เก้าสิบเอ็ด": 91, "สามสิบเจ็ด": 37, "ห้าสิบแปด": 58, "แปดสิบเก้า": 89, "สี่สิบเอ็ด": 41, "หกสิบสาม": 63, "หกสิบ": 60, "สองร้อยสิบหก": 216, "หนึ่งร้อยยี่สิบสี่": 124, "สี่ร้อยสิบเก้า": 419, "สี่ร้อยเก้าสิบห้า": 495, "สี่ร้อยห้าสิบเอ็ด": 451, "ห้าร้อยสามสิบเอ็ด": 531, "เก้าร้อยสิบห้า": 915, "สองร้อยเก้าสิบสอง": 292, "สามร้อยหกสิบสี่": 364, "สองร้อยสิบเอ็ด": 211, "สามร้อยห้าสิบเก้า": 359, "แปดร้อยสี่สิบเจ็ด": 847, "หนึ่งพันสามร้อยหกสิบแปด": 1368, "สี่หมื่นแปดพันสามร้อยสามสิบเอ็ด": 48331, "ห้าหมื่นสองร้อยยี่สิบเจ็ด": 50227, "ห้าหมื่นเจ็ดพันหกร้อยหก": 57606, "สองหมื่นห้าพัน": 25000, "สามหมื่นสี่พันหกร้อยห้าสิบสาม": 34653, "เจ็ดหมื่นแปดพันห้าร้อยสามสิบสาม": 78533, "เก้าหมื่นเก้าพันสองร้อยยี่สิบสี่": 99224},
    "te": {"పధ్ధెనిమిది": 18, "నాలుగు": 4, "తొంభై రెండు": 92, "ఇరవై": 20, "యాభై ఏడు": 57, "తొంభై": 90, "అరవై నాలుగు": 64, "ఎనభై ఆరు": 86, "యాభై నాలుగు": 54, "అరవై తొమ్మిది": 69, "ఇరవై ఎనిమిది": 28, "ఎనభై": 80, "ఎనభై ఎనిమిది": 88, "అరవై ఆరు": 66, "అయిదు వందల అరవై ఒకటి": 561, "మూడు వందల ఇరవై ఎనిమిది": 328, "ఆరు వందల ముప్పై ఆరు": 636, "ఏడు వందల అరవై నాలుగు": 764, "ఒకటి వందల ముప్పై ఒకటి": 131, "అయిదు వందల నాలుగు": 504, "ఏడు వందల తొంభై ఒకటి": 791, "ఆరు వందల ఎనభై తొమ్మిది": 689, "తొమ్మిది వందల ఇరవై రెండు": 922, "నాలుగు వందల ఇరవై ఎనిమిది": 428, "ఏడు వందల డెబ్బై అయిదు": 775, "ఏడు వందల నలభై ఆరు": 746, "తొంభై తొమ్మిది వేయి తొమ్మిది వందల డెబ్బై రెండు": 99972, "ఎనభై వేయిల యాభై": 80050, "డెబ్బై ఏడు వేయి ఒకటి వందల ఇరవై నాలుగు": 77124, "తొంభై అయిదు వేయి మూడు వందల నలభై నాలుగు": 95344, "డెబ్బై ఏడు వేయి ఏడు వందల ఇరవై ఎనిమిది": 77728, "యాభై నాలుగు వేయిల యాభై రెండు": 54052, "ఇరవై ఏడు వేయి తొమ్మిది వందల ఇరవై అయిదు": 27925, "ఎనిమిది వేయి ఆరు వందల ఎనభై ఒకటి": 8681},
    "sw": {"tisa": 9, "thelathini na tisa": 39, "thelathini na nane": 38, "tisini na tano": 95, "ishirini": 20, "hamsini na tatu": 53, "sabini na mbili": 72, "thelathini na mbili": 32, "kumi na sita": 16, "moja": 1, "sabini na moja": 71, "nne": 4, "sabini na tano": 75, "ishirini na saba": 27, "mia sita na themanini na tatu": 683, "mia tano na sabini na moja": 571, "mia mbili na sabini na tano": 275, "mia tisa na arobaini na saba": 947, "mia tisa na themanini na nane": 988, "mia tisa na tisini": 990, "mia nane na tisini na nane": 898, "mia nane na ishirini": 820, "mia saba na thelathini na saba": 737, "mia sita na ishirini na moja": 621, "mia moja na thelathini na nane": 138, "mia nne na themanini na saba": 487, "elfu sitini na tisa na mia saba na themanini na tisa": 69789, "elfu thelathini na moja na ishirini na nne": 31024, "elfu ishirini na sita na mia tano na arobaini na tano": 26545, "elfu moja na mia tatu na arobaini na sita": 1346, "elfu arobaini na mia mbili na saba": 40207, "elfu arobaini na nane na mia saba na sitini": 48760, "elfu tisa na mia tano na arobaini na moja": 9541, "elfu ishirini na mia mbili na sabini na nane": 20278},
    "ja": {"二十七": 27, "六十三": 63, "九": 9, "五十四": 54, "三十六": 36, "九十": 90, "九十九": 99, "零": 0, "十八": 18, "四十五": 45, "八十一": 81, "七十二": 72, "百二十六": 126, "二百八十八": 288, "三百三十三": 333, "四百七十七": 477, "七百五十六": 756, "二百六十一": 261, "四百九十五": 495, "五百九十四": 594, "三百五十一": 351, "四百十四": 414, "八百八十二": 882, "二百十六": 216, "七万九千四百六十八": 79468, "六万七千百五十五": 67155, "四万三千百七十八": 43178, "一万三千百二十三": 13123, "四万二千三百九十七": 42397, "百万": 1000000, "千六百九十二": 1692, "四万千七百六十三": 41763},
}.items():
    values = list(numerals.values())
    for n, (word, value) in enumerate(numerals.items()):
        others = {values[n - 1], value + 1, value * 10, value // 10, value % 100, value - value % 10} - {value}
        add("numeral", lang, word, str(value), *("!%d" % other for other in sorted(others)))

# Answers in a box, announced, between dollars and at the end of a text, where without dollars only numbers and
# fractions are found. third_party/qwen-goldens.py has the Qwen2.5-Math code judge them, too.
BOX, ANNOUNCED = r"So the result is \boxed{%s}.", ["The answer is %s.", "The answer is $%s$."]
DOLLARS, PLAIN = "That makes $%s$", "So there are %s in all."
for lang, answer, *verdicts in [
    ("en", r"12\,345", "12345", "!345"),
    ("en", r"1\,234\,567", "1234567", "!567"),
    ("en", "12{,}345", "12345", "!345"),
    ("en", "1{,}234{,}567.5", "1234567.5"),
    ("en", r"12\ 345", "12345"),
    ("en", r"12\;345", "12345"),
    ("en", "12~345", "12345"),
    ("en", r"12\!345", "12345"),
    ("en", r"12,\!345", "12345"),
    ("en", r"12\thinspace 345", "12345"),
    ("en", "12,345", "12345"),
    ("en", "12 345", "12345"),
    ("en", "12\u00a0345", "12345"),
    ("en", "12\u202f345", "12345"),
    ("en", "12\u2009345", "12345"),
    ("en", "12'345", "12345"),
    ("en", "12\u2019345", "12345"),
    ("en", "1_000_000", "1000000"),
    ("en", "2 1/2", "2.5", "!10.5", r"\frac{5}{2}"),
    ("en", r"2\frac{1}{2}", "2.5"),
    ("en", r"2\frac12", "5/2"),
    ("en", r"2 \frac{1}{2}", "2.5"),
    ("en", r"2\ \frac{1}{2}", "2.5"),
    ("en", r"-1\frac{3}{4}", "-1.75"),
    ("en", "2½", "2.5"),
    ("en", "½", "0.5"),
    ("en", "2 ½", "2.5"),
    ("en", "1/2", "0.5", "!2", "!1"),
    ("en", "50%", "50"),
    ("en", "50 percent", "50"),
    ("en", r"12.5\,\%", "12.5"),
    ("en", "0.5", r"50\%"),
    ("en", r"5\text{ cm}", "5"),
    ("en", r"5\,\text{cm}", "5"),
    ("en", "5 cm", "5"),
    ("en", r"\$5", "5"),
    ("en", r"\$12{,}345", "12345"),
    ("en", r"5\text{ apples}", "5"),
    ("en", "5 apples", "5"),
    ("en", r"10\text{ m/s}", "10"),
    ("en", r"3\text{ hours}", "3"),
    ("en", r"90^\circ", "90"),
    ("en", r"90^{\circ}", "90"),
    ("en", "90°", "90"),
    ("en", "90 degrees", "90"),
    ("en", r"90^\circ\text{C}", "90"),
    ("en", "x=5", "5"),
    ("en", "x = 5", "5"),
    ("en", r"x=\frac{1}{2}", "0.5", "!2"),
    ("en", r"n=12\,345", "12345"),
    ("en", r"\text{12}", "12"),
    ("en", r"\text{12,345}", "12345"),
    ("en", "2.50", "2.5"),
    ("en", "12.", "12"),
    ("en", "+7", "7"),
    ("en", "\u22127", "-7"),
    ("en", "\u20137", "-7"),
    ("en", ".5", "0.5"),
    ("en", "007", "7"),
    ("en", r"\frac{1}{2}", "0.5", "!2"),
    ("en", r"\dfrac{1}{2}", "1/2"),
    ("en", r"\frac12", "0.5"),
    ("es", "3,5", "3.5"),
    ("es", "12.345", "12345"),
    ("es", "1.234,5", "1234.5"),
    ("es", r"12\,345", "12345"),
    ("es", "12 345", "12345"),
    ("es", "3{,}5", "3.5"),
    ("es", "12.345 euros", "12345"),
    ("es", r"2\text{ horas}", "2"),
    ("es", "50 por ciento", "50"),
    ("fr", "3,5", "3.5"),
    ("fr", "12\u202f345,5", "12345.5"),
    ("fr", r"12\,345{,}5", "12345.5"),
    ("fr", "3{,}14", "3.14"),
    ("fr", "12 345 euros", "12345"),
    ("fr", r"12\,345\ \text{€}", "12345"),
    ("fr", "2 h", "2"),
    ("de", "3,5", "3.5"),
    ("de", "12.345", "12345"),
    ("de", "1.234.567", "1234567"),
    ("de", "1.234,50 €", "1234.5"),
    ("de", "3{,}5", "3.5", "!5", "!35"),
    ("de", r"12\,345", "12345"),
    ("de", r"5\text{ Stück}", "5"),
    ("de", "2 ½", "2.5"),
    ("ru", "3,5", "3.5"),
    ("ru", "12 345", "12345"),
    ("ru", r"12\,345", "12345"),
    ("ru", "12\u00a0345 рублей", "12345"),
    ("ru", r"5\text{ км}", "5"),
    ("ru", "3{,}5", "3.5"),
    ("ru", "x = 5", "5"),
    ("bn", "৪২", "42"),
    ("bn", "১২,৩৪৫", "12345"),
    ("bn", "১,২৩,৪৫৬", "123456", "!456"),
    ("bn", "৩.৫", "3.5"),
    ("bn", r"৫\text{ টাকা}", "5"),
    ("bn", "৪২টি", "42"),
    ("bn", r"১২\,৩৪৫", "12345"),
    ("ar", "٤٢", "42"),
    ("ar", "١٢٬٣٤٥", "12345"),
    ("ar", "٣٫٥", "3.5"),
    ("fa", "۴۲", "42"),
    ("th", "๔๒", "42"),
    ("th", "12,345 บาท", "12345"),
    ("th", r"5\text{ บาท}", "5"),
    ("te", "౪౨", "42"),
    ("te", "౧౨,౩౪౫", "12345"),
    ("te", "5 రూపాయలు", "5"),
    ("sw", "5 shilingi", "5"),
    ("sw", "shilingi 12,345", "12345"),
    ("zh", "四十二", "42"),
    ("zh", "一万二千三百四十五", "12345"),
    ("zh", "1万2345", "12345"),
    ("zh", "１２３４５", "12345"),
    ("zh", "１２，３４５", "12345"),
    ("zh", "12345元", "12345"),
    ("zh", "5个", "5"),
    ("zh", "二分之一", "0.5"),
    ("zh", "百分之五十", "50"),
    ("zh", "负七", "-7", "!7"),
    ("zh", "3.5万", "35000"),
    ("ja", "四十二", "42"),
    ("ja", "１２万３４５６", "123456"),
    ("ja", "5個", "5"),
    ("ja", "12,345円", "12345"),
    ("ja", "５０％", "50"),
    ("ja", r"12{,}345\text{円}", "12345"),
]:
    for text in [BOX, *ANNOUNCED, DOLLARS, PLAIN]:
        add("place", lang, text % answer, *verdicts, boxed=False)
for lang, answer, *verdicts in [
    ("en", "3 + 1/2", "3.5"),
    ("en", r"50\%", "50", "0.5"),
    ("en", r"5\,\mathrm{cm}^2", "5"),
    ("en", "x_1=2, x_2=3", "2,3"),
    ("en", "(1,2]", "(1,2]"),
    ("en", r"\left(1,2\right]", "(1,2]"),
    ("en", "[1,2]", "!(1,2]"),
    ("en", r"(-\infty,3)", r"(-\infty, 3)"),
    ("en", "(-oo,3)", r"(-\infty,3)"),
    ("en", r"\{1,2,3\}", r"\{3,2,1\}"),
    ("en", "1,2,3", "3,2,1"),
    ("en", r"1,\ 2,\ 3", "1,2,3"),
    ("en", r"1\text{ and }2", "1,2"),
    ("en", r"\{1,2\}", r"!\{1,3\}"),
    ("en", r"\text{(B)}", "B"),
    ("en", "1e3", "1000"),
    ("en", r"1\times10^3", "1000"),
    ("en", r"1.5\cdot 10^{3}", "1500"),
    ("en", "- 7", "-7"),
    ("en", r"\sqrt{2}", r"\sqrt2"),
    ("en", r"2\pi", r"2\pi"),
    ("en", "2π", r"2\pi"),
    ("en", r"\pm 3", "3,-3"),
    ("en", "3:4", "3:4", "3/4"),
    ("fr", "]1;2[", "(1,2)"),
]:
    for text in [BOX, *ANNOUNCED, DOLLARS]:
        add("place", lang, text % answer, *verdicts, boxed=False)
for lang, answer, *verdicts in [
    ("en", "1 and 2", "1,2"),
    ("en", r"\text{yes}", "yes"),
    ("en", r"\text{Monday}", r"\text{Monday}"),
    ("sw", "elfu kumi na mbili", "12000"),
    ("sw", "mia mbili", "200"),
]:
    for text in [BOX, *ANNOUNCED]:
        add("place", lang, text % answer, *verdicts, boxed=False)

# Dollars that are money, numbers after the formula, and slashes that divide nothing.
for lang, answer, *verdicts in [
    ("en", "He paid $5 and she paid $10.", "10", "!5"),
    ("en", "That is $3 for 2 apples, so $12 in total.", "12", "!2"),
    ("en", "He has $20 - $5 = $15 left.", "15", "!5"),
    ("en", "$20-$5=$15", "15", "!20"),
    ("en", "They eat $7$ of the $12$ apples, so 5 remain.", "5", "!12"),
    ("en", r"So \(x = 3 + 4 = 7\).", "7", "!3"),
    ("en", r"Hence \[ x = \frac{3}{4} \]", "0.75", "!4"),
    ("en", r"Hence $$12\,345$$", "12345", "!345"),
    ("en", r"Between $2$ and $\sqrt{8}$", r"2\sqrt{2}", "!8"),
    ("en", "On 3/4/2024 he had 2", "2"),
    ("en", "It happened on 3/4/2024", "2024"),
    ("fr", r"Il y en a $12\,345$ en tout", "12345", "!345"),
    ("de", r"Das sind $3{,}5$ Meter.", "3.5", "!5"),
    ("ru", r"Всего $1\,234\,567$ рублей.", "1234567", "!567"),
    ("zh", r"所以一共有 $12{,}345$ 个。", "12345", "!345"),
    ("ja", r"よって全部で $2\frac{1}{2}$ です。", "2.5", "!2"),
]:
    add("place", lang, answer, *verdicts, boxed=False)

# Three digits before a fourth are no group, and a dollar after a number is money.
for lang, answer, *verdicts in [
    ("en", "So we get 3.1415", "3.1415", "!5"),
    ("en", "So we get 3.14159 metres", "3.14159", "!59"),
    ("en", "It weighs 0.1234 kg", "0.1234", "!4"),
    ("en", "That makes 1,234.5678", "1234.5678", "!8"),
    ("de", "Das sind 12,3456 Meter", "12.3456", "!6"),
    ("de", "Das sind 1.234,5678 Meter", "1234.5678", "!8"),
    ("en", "He bought 3 1000-piece puzzles", "1000", "!0"),
    ("en", "There are 12 3456", "3456", "!6"),
    ("en", "It lasted 1990~2000", "2000", "!0"),
    ("en", "It is number 3_1415", "1415", "!31415"),
    ("fr", "Elle a 5$ ou 6$", "6", "!5"),
    ("fr", "Elle a 5$, puis 10$.", "10"),
    ("fr", "Elle a 5 $ et 10 $.", "10"),
    ("en", "It is 5$ or 6$.", "6"),
    ("en", "For 5$ we get $x = 6$ of them.", "6"),
]:
    add("ending", lang, answer, *verdicts, boxed=False)

seen = set()
for row in rows:
    key = (row["output"], row["reference"])
    if key in seen:
        continue
    seen.add(key)
    print(json.dumps(row, ensure_ascii=False))
