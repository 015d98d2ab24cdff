"""Goldens for chat templates, rendered by Jinja2 as transformers sets it up.

Writes probes.jsonl (one construct each, rendered with context.json) and
families.jsonl (the templates of families/*.jinja, each with the conversations
below) into the folder given. A line has the template or its file's name, and
`want`, or `raises` with the exception's class; `parse` says that the template
itself is refused.
Needs transformers 5.24.0 and Jinja2 3.1.6; neither the build nor the tests do.
    usage: make goldens, or python3 third_party/template-goldens.py engine/text/jinja/testdata
"""

import json
import pathlib
import sys
from datetime import datetime

import jinja2
import transformers
from transformers.utils.chat_template_utils import _cached_compile_jinja_template as compiled

assert (transformers.__version__, jinja2.__version__) == ("5.24.0", "3.1.6")

STD = json.loads(r"""{
"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"  What is 2+2?\n"},
  {"role":"assistant","content":"<think>\neasy\n</think>\n\n4","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"b":1.0,"a":"x"}}}]}],
"tools":[{"type":"function","function":{"name":"weather","description":"It's <b>\"weather\"</b> & é 中","parameters":{"type":"object","properties":{"place":{"type":"string","enum":["a","b"]},"days":{"type":"integer","default":1.0}},"required":["place"]}}}],
"n":7,"neg":-7,"f":2.5,"one":1.0,"s":"Hello, World","no":null,"t":true,"lst":[3,1,2],"words":["b","a","C"],
"d":{"z":1,"a":[1,2.0,null,true,"x'y"],"m":{"k":"<v>&é"}},
"rows":[{"k":"x","v":1},{"k":"y","v":2},{"k":"x","v":3}],"big":12345678901234567890123,"tiny":1e-7,"huge":1e22,"empty":"","el":[],"ed":{},
"pad":"  two words \n","uni":"éÀ ßtraße ǆ 中文 👍","html":"<a href=\"x\">'&'</a>","tree":[{"n":"a","c":[{"n":"b","c":[]},{"n":"c","c":[{"n":"d","c":[]}]}]}]
}""")

# A line is a probe: a template, or an expression to be written between {{ and }}.
PROBES = r"""
d|tojson
tools|tojson
tools[0]|tojson(indent=2)
d|tojson(indent=4)
d|tojson(sort_keys=true)
d|tojson(separators=(',', ':'))
d|tojson(indent=1, separators=(',', ': '))
uni|tojson(ensure_ascii=true)
"</script> & ' \" \\ \n \t \u2028 \x7f \x01"|tojson
[1.0, 1e22, 1e-7, 0.1, -0.0, 100, 12345678901234567890123, true, none, "é"]|tojson
1e16|tojson ~ 123456789012345680.0|tojson
{1: 2, none: 3, true: 4, 1.5: 5}|tojson
(1, (2, 3))|tojson
[]|tojson(indent=2) ~ {}|tojson(indent=2)
el|tojson ~ ed|tojson
missing|tojson
d.keys()|tojson
lst|map('string')|list|tojson
"a b  c".split()
"  a b  c ".split()
"a,b,,c".split(",")
"a,b,c,d".split(",", 1)
"a,b,c,d".split(",", 2)[-1]
"a b c d".split(none, 2)
"  a b c d ".split(maxsplit=1)
"a,b,c,d".rsplit(",", 1)
"  a b c d ".rsplit(none, 1)
"a b".rsplit()
"abc".split("")
"a--b--c".split("--")[1]
"".split() ~ "".split(",")
messages[2].content.split("</think>")[-1].lstrip("\n")
messages[2].content.split("</think>")[0].rstrip("\n").split("<think>")[-1].lstrip("\n")
"a\nb\r\nc\rd\n".splitlines()
"a\nb\n".splitlines(true)
pad.strip() ~ "|" ~ pad.lstrip() ~ "|" ~ pad.rstrip() ~ "|"
"xxabcxx".strip("x") ~ "xyabyx".lstrip("yx") ~ "abxy".rstrip("xy")
"  a ".strip(none)
"\t\n\x0b\x0c\r\x1c\x85\xa0 a\u3000".strip()
"hello".startswith("he") ~ "hello".endswith("lo")
"hello".startswith(("x", "he")) ~ "hello".endswith(("x", "y"))
"hello".startswith("l", 2) ~ "hello".startswith("l", 2, 2)
"hello".startswith(["he"])
uni.upper() ~ uni.lower() ~ uni.title() ~ uni.capitalize()
"they're bill's 2nd o'neill".title() ~ "hELLO wORLD".capitalize()
"hELLO wORLD-foo bar_baz (x)"|title
"ß"|upper ~ "ŉ".upper() ~ "İ".lower()|length ~ "ΑΣ".lower()
"aBc".swapcase() ~ "ß".casefold()
"banana".find("an") ~ "banana".rfind("an") ~ "banana".find("x") ~ "banana".find("a", 2)
"banana".index("n") ~ "banana".count("a") ~ "banana".count("")
"banana".index("x")
"banana".replace("a", "o") ~ "banana".replace("a", "o", 1) ~ "banana".replace("", "-")
"aaa".replace("a", "b", count=1)
"banana"|replace("a", "o") ~ "banana"|replace("a", "o", 2)
", ".join(words) ~ "-".join("abc")
", ".join(lst)
"abc".isdigit() ~ "12".isdigit() ~ "a1".isalnum() ~ "ab".isalpha() ~ "AB".isupper() ~ "ab".islower() ~ " ".isspace() ~ "Ab".istitle() ~ "1".isnumeric() ~ "1".isdecimal() ~ "a".isidentifier() ~ "a".isascii()
"5".zfill(3) ~ "-5".zfill(4) ~ "a".ljust(3, ".") ~ "a".rjust(3) ~ "a".center(4, "*") ~ "|"
"a=b=c".partition("=") ~ "a=b=c".rpartition("=") ~ "abc".partition("=")
"prefix-x".removeprefix("prefix-") ~ "x.txt".removesuffix(".txt") ~ "x".removeprefix("y")
"a\tb".expandtabs(4)
"x".nosuch()
"x".nosuch
"abc"[0] ~ "abc"[-1] ~ "abc"[1:] ~ "abc"[:-1] ~ "abc"[::-1] ~ "abcdef"[1:5:2] ~ "abcdef"[-2:] ~ "abc"[5:]
"é中👍"[1] ~ "é中👍"|length ~ "é中👍"[::-1]
lst[::-1] ~ lst[1:] ~ lst[:-1] ~ lst[-2:] ~ lst[5:] ~ lst[::2] ~ (1,2,3)[1:]
lst[::0]
lst["a"] is defined
lst[10] is defined ~ "abc"[10]
lst[1.0] is defined
lst[true] ~ lst[false]
"%s and %s" % ("a", 1)
"%.2f" % f ~ "%05.1f" % f ~ "%+d" % n ~ "%5d|" % n ~ "%-5d|" % n ~ "%x %X %o %#x" % (255, 255, 8, 255)
"%s" % n ~ "%r" % "a'b" ~ "%s%%" % 5 ~ "%e %g %G" % (12345.678, 0.00001, 1e20)
"%(a)s-%(b)03d" % {"a": "x", "b": 5}
"%5s|%-5s|%.2s" % ("ab", "cd", "xyz")
"%*d" % (5, 42) ~ "%c%c" % ("a", 98)
"%d" % 3.9 ~ "%i" % true ~ "%s" % none ~ "%s" % [1, "a"]
"%d" % "x"
"%s" % (1, 2)
"%s %s" % "a"
"%s" % d
"%.3g|%g|%g|%g" % (3.14159, 100000.0, 1000000.0, 1e-5)
"%s %r" % (1.0, 1e16)
"{} {} {}".format(1, "a", none)
"{0}{1}{0} {x!r:>5} {y:.2f} {z:,}".format("a", "b", x="q", y=3.14159, z=1234567)
"{:>5}|{:<5}|{:^5}|{:*^7}|{:05d}|{:+}|{:x}|{:#b}|{:e}|{:%}|{:g}".format("a", "b", "c", "d", 42, 7, 255, 5, 1234.5, 0.25, 0.1)
"{{}} {a[k]} {a.k}".format(a={"k": 1})
"{}".format()
"{:d}".format("x")
"%s, %s!"|format("Hello", "World")
"abc" % missing ~ "abc" % lst
"abc" % d.keys()
true|truncate(5)
lst|truncate(5, false, "..", 0)
words|truncate(2, true, "", 0)
none|truncate
dict(missing)
dict(d if false)
("ab-cd efghijklmno " * 2)|wordwrap(4)
("ééé-ßßßß 中文中文中文" * 2)|wordwrap(5)
("a" * 13)|wordwrap(4, false) ~ ("a" * 13)|wordwrap(4, wrapstring="/")
("aa-bb-" * 4)|wordwrap(7, break_on_hyphens=false)
"translate me"[0:0] ~ s|truncate(5, true, "", 0) ~ s|truncate(7, false, "…", 0)
"%(x)s"|format(x=1)
[n // 2, neg // 2, n // -2, neg % 3, n % -3, 7.5 // 2, -7.5 % 2]
[n / 2, 6 / 2, 1 / 3, -1 / 3]
[2 ** 10, 2 ** -1, (-2) ** 2, -2 ** 2, 2 ** 3 ** 2, 2.0 ** 0.5, 2 ** 100]
[n + 1.0, n * 1.5, 3 * 1.0, 1 - 2, 0.1 + 0.2, true + true, true * 3, -true]
1 / 0
1 // 0
1 % 0
1.0 / 0
0 ** -1
"a" + 1
1 + "a"
"a" * 3 ~ 3 * "b" ~ "a" * 0 ~ "a" * -1 ~ [1] * 2 ~ [1, 2] + [3] ~ (1,) + (2,) ~ "a" * true
"a" * 1.5
[1] + (2,)
none + 1
"a" - "b"
{} + {}
{"a": 1} | length
[big, big + 1, big * big, -big // 7, -big % 7, big / 3, big % 10, big == big + 0]
[9223372036854775807 + 1, -9223372036854775808 - 1, 9223372036854775807 * 2, -(-9223372036854775808)]
1_000 ~ 0x1F ~ 0b101 ~ 0o17 ~ 1e3 ~ 1.5e-3 ~ 1_0.5
[1.0, 100000000000000000.0, 1e15, 1e16, 0.0001, 0.00001, 123456.789, huge, tiny, -0.0, huge ** 15, -huge ** 15]
one ~ f ~ n ~ t ~ no ~ lst ~ d ~ ed ~ el ~ empty
[true, false, none, 1.0, "a", 'b"c', "it's", "both ' and \"", "\n\t\\\x00\x7f\u200b", "é中👍"]
{"a": {"b": [1, (2,), ()]}, 1: none}
(1,) ~ (1, 2) ~ ()
none
None ~ True ~ False ~ true ~ false ~ none
(not none) ~ (not 0) ~ (not []) ~ (not "") ~ (not "a") ~ (not missing)
1 and 2 ~ (0 or "x") ~ (none and 1) ~ ("" or []) ~ (1 or 2)
[1 < 2 < 3, 1 < 3 < 2, 3 > 2 > 1, 1 == 1.0 == true, 1 != 2 != 1]
[1 == true, 0 == false, "1" == 1, none == false, [1] == [1.0], (1,) == [1], {"a": 1} == {"a": 1.0}, missing == other_missing, missing == none]
["a" < "b", "a" < "B", [1, 2] < [1, 3], (1,) < (1, 0), "é" > "z", 1 < 1.5]
1 < "a"
none < 1
[1] < (1,)
{} < {}
"a" in "abc" ~ "x" not in "abc" ~ 1 in lst ~ "a" in d ~ 1.0 in lst ~ "" in "a" ~ none in [none] ~ "q" in missing ~ (1 in {1: 2})
1 in "abc"
1 in 5
not "a" in "abc"
"a" if true else "b"
"a" if false
("a" if false) is defined
"x" ~ ("a" if n > 5 else "b" if n > 3 else "c") ~ ["t" if t else "f"]
1 if 0 else 2 if 0 else 3
[1, 2 if t else 3, 4][1]
{"a": 1 if t else 2}.a
missing
missing.foo
missing["foo"]
missing()
missing + 1
missing ~ "x"
missing|length ~ missing|list ~ missing|upper
-missing
missing < 1
d.foo
d.foo.bar
d["foo"] is defined
no.foo is defined
no.foo.bar
messages[0].role ~ messages[-1].role ~ messages[-1]["role"] ~ messages.0.role
messages[0].content|length
messages|length ~ messages|count
messages[1:]|length ~ messages[-1:][0].role
d.items()|list ~ d.keys()|list ~ d.values()|list
d.items() ~ d.keys() ~ ed.values()
d.get("z") ~ d.get("nope") ~ d.get("nope", 5) ~ d.get("m").get("k")
d.update({"q": 1})
d.pop("z")
lst.append(1)
d.copy().z ~ lst.copy() ~ lst.index(1) ~ lst.count(3) ~ (1, 1).count(1) ~ (1, 2).index(2)
lst.index(9)
lst.append is defined
"".__class__ is defined ~ "".__class__ ~ d.__class__
"".__class__.__mro__
d["__class__"]
d.items.x
{"items": 1, "k": 2}.items is callable ~ {"items": 1}["items"] ~ {"k": 2}.k
{"keys": 5}["keys"] ~ {"keys": 5}.keys()|list
d|items|list ~ missing|items|list
d|dictsort ~ {"b": 1, "A": 2}|dictsort ~ {"b": 1, "A": 2}|dictsort(true) ~ {"b": 1, "A": 2}|dictsort(by="value") ~ {"b": 1, "A": 2}|dictsort(reverse=true)
missing|default("x") ~ empty|default("x") ~ empty|default("x", true) ~ no|default("x") ~ no|d("x", boolean=true) ~ missing|default
lst|first ~ lst|last ~ el|first ~ "abc"|first ~ "abc"|last
el|first is defined
lst|join ~ lst|join("-") ~ rows|join(",", attribute="k") ~ words|join(d="+") ~ "abc"|join(".")
lst|sort ~ lst|sort(reverse=true) ~ words|sort ~ words|sort(case_sensitive=true) ~ rows|sort(attribute="v", reverse=true)|map(attribute="v")|list ~ rows|sort(attribute="k,v")|map(attribute="v")|join
[1, "a"]|sort
lst|sum ~ rows|sum(attribute="v") ~ lst|sum(start=10) ~ [0.1, 0.2]|sum ~ el|sum
words|sum
lst|min ~ lst|max ~ words|min ~ words|max ~ words|min(case_sensitive=true) ~ rows|max(attribute="v") ~ el|min
lst|reverse|list ~ "abc"|reverse
[1, 2, 1, "a", "A", "b"]|unique|list ~ ["a", "A"]|unique(case_sensitive=true)|list ~ rows|unique(attribute="k")|map(attribute="v")|list
rows|map(attribute="k")|list ~ rows|map(attribute="nope", default="?")|list ~ words|map("upper")|list ~ lst|map("string")|join("") ~ rows|map(attribute="k.upper")|list|length ~ words|map("replace", "a", "z")|list
rows|map(attribute="k")|map("upper")|join(",")
lst|map("nosuch")|list
lst|select|list ~ [0, 1, "", "a", none]|select|list ~ lst|select("odd")|list ~ lst|reject("odd")|list ~ lst|select("gt", 1)|list ~ lst|select(">", 1)|list ~ [0, 1]|reject|list
rows|selectattr("k", "equalto", "x")|list|length ~ rows|selectattr("k", "eq", "x")|map(attribute="v")|list ~ rows|rejectattr("k", "==", "x")|map(attribute="v")|list ~ rows|selectattr("nope")|list ~ rows|selectattr("nope", "undefined")|list|length ~ rows|selectattr("v", "in", [1, 2])|map(attribute="v")|list
messages|selectattr("role", "equalto", "user")|list|last|tojson
messages|selectattr("role", "equalto", "user")|length
lst|batch(2)|list ~ lst|batch(2, "-")|list ~ [1,2,3,4,5,6,7]|slice(3)|list ~ [1,2,3,4,5]|slice(3, "x")|list
rows|groupby("k") ~ rows|groupby("k")|map(attribute="grouper")|list
{% for g, items in rows|groupby("k") %}{{ g }}:{{ items|map(attribute="v")|join(",") }};{% endfor %}
lst|list ~ "abc"|list ~ d|list ~ (1,2)|list
5|list
pad|trim ~ "|" ~ "xxaxx"|trim("x") ~ "|" ~ n|trim
"a\nb\n\nc"|indent ~ "|" ~ "a\nb"|indent(2, true) ~ "|" ~ "a\n\nb"|indent(2, blank=true) ~ "|" ~ "a\nb"|indent("> ") ~ "|" ~ "a\nb"|indent(width=1, first=true)
[3.14159|round, 3.14159|round(2), 2.5|round, 3.5|round, 1.1|round(0, "ceil"), 1.9|round(method="floor"), 5|round, 1234|round(-2), 2.675|round(2), -0.5|round]
["3"|int, "3.9"|int, "x"|int, "x"|int(5), "0x1f"|int(base=16), 3.9|int, -3.9|int, none|int(7), true|int, " 12 "|int, "1_000"|int, "12345678901234567890123"|int, huge|int, "ff"|int(0, 16)]
["3.5"|float, "x"|float, "x"|float(1.5), 3|float, "1e3"|float, "inf"|float, " 2 "|float, none|float]
n|string ~ lst|string ~ none|string ~ 1.0|string ~ true|string ~ d|string
[-5|abs, neg|abs, -2.5|abs, (n - 10)|abs]
"a"|abs
html|escape ~ html|e ~ html|safe ~ (html|e) + "<" ~ ("<" + ("x"|safe)) ~ html|escape|escape ~ html|forceescape ~ "<a>"|escape ~ "<b>"
"%s" % "<" ~ ("%s"|safe) % "<" ~ ("%s"|escape)|format("<") ~ (html|e)|upper ~ ((html|e) ~ "<")|length
html|striptags ~ "a  <b>\n c</b> d"|striptags
"hello world"|capitalize ~ "ABC"|lower ~ n|upper ~ "the quick"|title ~ none|title ~ none|upper
"a b c"|wordcount ~ "one two three four five"|wordwrap(9) ~ "|" ~ "abcdefghij"|wordwrap(4) ~ "|" ~ "a-b c"|wordwrap(3, wrapstring="/")
"hello world foo"|truncate(9) ~ "|" ~ "hello world foo"|truncate(9, true) ~ "|" ~ "hello world"|truncate(9, false, "..", 0) ~ "|" ~ "short"|truncate(9)
"abc"|center(9) ~ "|" ~ 1000000|filesizeformat ~ 1500|filesizeformat ~ 1|filesizeformat ~ 2048|filesizeformat(true)
"a b&c/é?"|urlencode ~ {"a": 1, "b": "x y"}|urlencode ~ [("a", 1)]|urlencode
lst|attr("nope") is defined ~ d|attr("z") is defined ~ "x"|attr("upper") is callable
{"class": "a", "id": none, "x": "<"}|xmlattr
missing is defined ~ n is defined ~ missing is undefined ~ no is none ~ n is none ~ missing is none
s is string ~ n is string ~ d is mapping ~ lst is mapping ~ lst is sequence ~ s is sequence ~ d is sequence ~ n is sequence ~ lst is iterable ~ n is iterable ~ d.keys() is sequence ~ missing is iterable ~ missing is sequence
n is number ~ f is number ~ t is number ~ s is number ~ n is integer ~ t is integer ~ f is float ~ n is float ~ t is boolean ~ n is boolean ~ 1 is boolean
t is true ~ 1 is true ~ false is false ~ 0 is false ~ none is false
n is odd ~ n is even ~ 9 is divisibleby(3) ~ 9 is divisibleby 3 ~ -7 is odd ~ 2.0 is even
n is eq 7 ~ n is equalto(7) ~ n is ne(7) ~ n is gt 5 ~ n is ge(7) ~ n is lt 5 ~ n is le 7 ~ n is greaterthan 3 ~ n is lessthan 3 ~ 2 is in lst ~ "z" is in d
n is sameas n ~ none is sameas none ~ true is sameas true ~ [] is sameas []
"abc" is lower ~ "ABC" is upper ~ "aBc" is lower ~ n is lower
n is callable ~ range is callable ~ "upper" is filter ~ "nosuch" is filter ~ "odd" is test ~ "<" is escaped ~ ("<"|e) is escaped
n is not defined ~ (not n is defined) ~ missing is not defined and n is defined
n is nosuch
n|nosuch
{% if false %}{{ n|nosuch }}{% endif %}ok
{% if true %}{{ n|nosuch }}{% endif %}
{% if false %}{{ n is nosuch }}{% else %}ok{% endif %}
n is defined is defined
n is divisibleby 7 and t
s|upper|lower|title|length
(s|upper).lower()
s.upper()|lower
-n|abs
n|string * 2
"a" "b" 'c'
'a\'b' ~ "a\"b" ~ 'a\nb' ~ '\x41\u00e9\U0001F44D\101' ~ '\q'
"é\n"
'\x4'
lst is sequence and lst|length > 2 and lst[0] == 3
"a" ~ 1 + 2 ~ "b"
1 + 2 ~ 3 * 2
1 ~ 2 == "12"
2 * 3 % 4 - 1
[10 - 2 - 3, 2 ** 2 ** 3, 100 / 10 / 2]
range(3)|list ~ range(1, 4)|list ~ range(5, 0, -2)|list ~ range(3) ~ range(0, 10, 2) ~ range(5)|length ~ range(5)[1] ~ range(5)[-1] ~ (3 in range(5)) ~ range(5)[1:3] ~ range(3)|last
range(100001)
range()
range(1, 5, 0)
range("a")
range(1.0)
dict(a=1, b="x") ~ dict([("a", 1)]) ~ dict({"q": 1}, z=2) ~ dict.fromkeys(["a", "b"], 0)
dict(a=1).a
dict(1)
namespace(a=1).a ~ namespace().b
namespace(_a=1)
lipsum is defined ~ cycler is defined ~ joiner is defined
raise_exception("no " ~ n)
strftime_now("%Y-%m-%d") ~ strftime_now("%d %b %Y, %B %A %j %H:%M:%S %p %y %%")
n.real ~ f.is_integer() ~ one.is_integer() ~ n.bit_length() ~ n.numerator ~ f.imag
n()
s()
lst.a
loop
self
caller()
{{ s
{{ s }
{{ }}
{% if %}x{% endif %}
{% if t %}x
{% for %}{% endfor %}
{% for x in %}{% endfor %}
{% endfor %}
{% nosuch %}
{% if t %}{% endfor %}
{% set x %}
{% set 1 = 2 %}
{% set true = 2 %}
{% set x = 1, 2 %}{{ x }}
{% macro %}{% endmacro %}
{% include "x" %}
{% extends "x" %}
{% import "x" as y %}
{% if false %}{% include "x" %}{% endif %}ok
{% do lst %}
{{ 1 2 }}
{{ "abc }}
{{ a.b. }}
{{ (1, 2 }}
{{ [1, 2 }}
{{ {"a" 1} }}
{{ f(a=1, 2) }}
{{ 'a' if }}
{{ n | }}
{{ n is }}
{{ $ }}
{{ a ! b }}
{{ a && b }}
{# unclosed
{% raw %}x
{% else %}
{{ n if t else }}
{{ not }}
{{ 5..5 }}
{{ a.1b }}
{% break %}
{% for x in lst %}{{ x }}{% endfor %}
{% for x in lst if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}
{% for x in el %}a{% else %}none{% endfor %}
{% for x in lst if x > 9 %}a{% else %}none{% endfor %}
{% for x in lst %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}
{% for x in lst %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{{ loop.cycle("a", "b") }}{% endfor %}
{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }} {% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }}{% endfor %}{% for c in "abc" %}{{ c }}.{% endfor %}
{% for a, b in [[1, 2], (3, 4)] %}{{ a }}{{ b }}{% endfor %}
{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [[1]] %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for x in missing %}a{% else %}b{% endfor %}
{% for x in lst %}{% for y in words %}{{ loop.index }}{{ loop.depth }}{% endfor %}{{ loop.index }};{% endfor %}
{% for node in tree recursive %}{{ loop.depth }}{{ node.n }}{% if node.c %}[{{ loop(node.c) }}]{% endif %}{% endfor %}
{% for x in lst %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}
{% for x in lst %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}never{% endfor %}
{% for x in lst %}{{ x }}{% break %}{% else %}after the first{% endfor %}
{% for x in lst %}{% continue %}{% else %}after all{% endfor %}
{% for x in lst %}{% if loop.first %}{% continue %}{% endif %}{{ x }}{% else %}never{% endfor %}
{{ lst[1:] }}{{ missing[1:] }}
{{ n[1:] is defined }}
{% set r = 0 / -7 %}{{ r }}{{ ("<"|e).join(["<", 1]) }}{{ ("a<"|e).replace("a", "<") }}{{ [missing, missing]|sort|length }}{{ 2.5 ** 100 }}
{% for x in lst %}{% if loop.index == 2 %}{% break %}{% endif %}{% for y in [1,2,3] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }};{% endfor %}{% endfor %}
{% for x in rows|map(attribute="v") %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}
{% for x in lst|select("odd") %}{{ loop.index }}{{ loop.nextitem }}{% endfor %}
{% set x = 1 %}{% for i in lst %}{% set x = i %}{{ x }}{% endfor %}{{ x }}
{% set x = 1 %}{% for i in lst %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}
{% set x = 1 %}{% if t %}{% set x = 2 %}{% endif %}{{ x }}
{% for i in lst %}{% if i == 1 %}{% set seen = true %}{% endif %}{{ seen is defined }}{% endfor %}{{ seen is defined }}
{% for i in lst %}{% set i = 9 %}{{ i }}{% endfor %}{{ i is defined }}
{% set ns = namespace(x=0, l=[]) %}{% for i in lst %}{% set ns.x = ns.x + i %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.x }}{{ ns.l }}
{% set ns = namespace({"a": 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}{{ ns["a"] }}
{% set d.x = 1 %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, e) = [3, 4] %}{{ c }}{{ e }}
{% set a, b = 1 %}
{% set x %}a{{ n }}b{% endset %}{{ x }}{{ x|length }}
{% set x | upper %}abc{% endset %}{{ x }}{% set y | trim | replace("a", "b") %}  aa {% endset %}{{ y }}|
{% set x = lst %}{% set y = x + [4] %}{{ x }}{{ y }}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}
{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}
{% with a = 1 %}{% with b = a + 1 %}{{ a }}{{ b }}{% endwith %}{% endwith %}
{% filter upper %}abc{{ s }}{% endfilter %}{% filter replace("a", "b") | title %}aaa{% endfilter %}
{% macro m(a, b=2, c="x") %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=4) }}{{ m() }}{{ m(b=5, a=6) }}
{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(3) }}
{% macro m(x) %}<{{ caller() }}{{ x }}>{% endmacro %}{% call m(1) %}in{{ n }}{% endcall %}
{% macro m() %}{{ caller("q", 2) }}{% endmacro %}{% call(a, b=3) m() %}{{ a }}{{ b }}{% endcall %}
{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}
{% macro m() %}{% if caller is defined %}c{{ caller() }}{% else %}none{% endif %}{% endmacro %}{{ m() }}{% call m() %}y{% endcall %}
{% macro fact(n) %}{{ n if n < 2 else n * fact(n - 1)|int }}{% endmacro %}{{ fact(5) }}
{% macro loopy(n) %}{{ loopy(n + 1) }}{% endmacro %}{{ loopy(1) }}
{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}
{% macro m() %}{% set inner = 1 %}{{ inner }}{% endmacro %}{{ m() }}{{ inner is defined }}
{% macro m(x) %}{{ x }}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m is callable }}{{ m.catch_kwargs }}
{% macro m(x) %} {{ x }} {% endmacro %}{{ m(1)|trim }}{{ m("<")|length }}{{ m(2) is string }}
{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}
{% for i in lst %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% for i in lst %}{% set z = i %}{% macro m() %}{{ z }}{% endmacro %}{% set z = 0 %}{{ m() }}{% endfor %}
{% generation %}gen {{ n }}{% endgeneration %}
{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{{ loop.index }}{% endfor %}
{% generation %}{% set inside = 1 %}{% endgeneration %}{{ inside is defined }}
{%- generation -%} x {%- endgeneration -%}
{% for m in messages %}{% generation %}{{ loop.index }}{% endgeneration %}{% endfor %}
{% raw %}{{ x }} {% if %} {# #}{% endraw %}
 {%- raw -%}  {{ x }}  {%- endraw -%}  y
{# comment #}a{# multi #}b
{#- c -#} a
{% print n, s %}
{% block b %}x{{ n }}{% endblock %}
{% block b %}{{ x is defined }}{% endblock b %}
{% set x = 1 %}{% block b %}{{ x }}{% endblock %}
{% autoescape false %}{{ html }}{% endautoescape %}
{% if n > 5 %}a{% elif n > 3 %}b{% else %}c{% endif %}{% if not t %}x{% elif n == 7 %}y{% endif %}
{% if missing %}a{% else %}b{% endif %}{% if d %}c{% endif %}{% if ed %}d{% endif %}{% if 0.0 %}e{% endif %}
{% if n == 7 and (s == "x" or t) and not no %}yes{% endif %}
{% set c = cycler("a", "b") %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set _ = c.reset() %}{{ c.next() }}
{% set j = joiner(", ") %}{% for x in lst %}{{ j() }}{{ x }}{% endfor %}
{% set f = "upper" %}{{ words|map(f)|list }}
{% set x = namespace(a=lst) %}{{ x.a[0] }}{{ x.a|length }}
{{ {'a': {'b': 1}}['a']['b'] }}{{ {} }}{{ {'a':1}}}
{{ "}}" }}{{ '%}' }}{% if "%}" == '%}' %}ok{% endif %}
{{ [1, 2,] }}{{ (1, 2,) }}{{ {"a": 1,} }}{{ range(3,)|list }}
{{ dict(**{"a": 1}) }}{{ range(*[1, 3])|list }}
{% set args = [1, 2] %}{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*args) }}{{ m(**{"a": 5, "b": 6}) }}
{{ d['a'][0] }}{{ d.a.0 }}{{ d.a[-1] }}{{ d["m"].k }}{{ (d).z }}
{{ d . z }}{{ lst [0] }}
{{ "a".upper().lower() }}{{ "a,b".split(",")[0].upper() }}{{ ("x")|upper }}
{{ lst == [3, 1, 2] }}{{ lst is eq [3, 1, 2] }}{{ d.m == {"k": "<v>&é"} }}
{{ messages | map(attribute='role') | join(' > ') }}
{{ messages|selectattr('role', 'in', ['user', 'system'])|map(attribute='content')|map('trim')|join('|') }}
{{ messages|rejectattr('tool_calls', 'defined')|list|length }}
{{ (messages|last).tool_calls[0].function.arguments|tojson }}
{{ messages[2].tool_calls[0].function.arguments.items()|list }}
{% for m in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{{ index }}{{ m.role }}{% endfor %}
{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set sys = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% endif %}{{ sys }}{{ loop_messages|length }}
{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}{% endfor %}
{% if tools is defined and tools is not none and tools is iterable and tools|length > 0 %}{{ tools|map(attribute='function.name')|join }}{% endif %}
{% if enable_thinking is defined and enable_thinking is false %}off{% else %}on{% endif %}
{% set date_string = date_string if date_string is defined else strftime_now("%d %b %Y") %}{{ date_string }}
{{ 'a' 'b' ~ "c" }}{{ "a" ~ none ~ true ~ 1.0 ~ [1] }}
{{ "日本語テキスト"[2:4] }}{{ "日本語"|length }}{{ "日本語".find("語") }}{{ "日本語"|reverse }}{{ "%5s|" % "語" }}{{ "語"|center(5) }}|
{{ messages[-1].role }}{{ messages[-2]['content']|trim }}{{ messages[:2]|map(attribute='role')|list }}
{{ messages[-5] }}{{ messages[-5] is defined }}
{{ messages[0].keys()|list }}{{ messages[0].items()|list }}{{ messages[0]|length }}
{{ "%s" % messages[0] }}
{{ "%-10s|%10s|" % ("ab", "cd") }}{{ "%05d" % -42 }}{{ "%+.3f" % 3.14159 }}{{ "%x" % 3735928559 }}{{ "%e" % 0 }}{{ "%g" % 0.0001 }}{{ "%g" % 123456789 }}
{{ "%.0f" % 2.5 }}{{ "%.0f" % 3.5 }}{{ "%d%%" % 50 }}{{ "%3d|%-3d|%03d" % (5, 5, 5) }}{{ "%s, %s" % ("a", none) }}{{ "%r" % "é\n" }}{{ "%a" % "é" }}
{{ 7 // 2 }}{{ -7 // 2 }}{{ 7 // -2 }}{{ 7 % -3 }}{{ -7 % 3 }}{{ 7.5 // 2 }}{{ -7.5 // 2 }}{{ 7.5 % -2 }}{{ 2 ** 0.5 }}{{ 2 ** -2 }}{{ 10 ** 20 }}{{ 0 ** 0 }}
{{ 5 / 2 }}{{ 4 / 2 }}{{ 1e3 }}{{ 1.10 }}{{ 3.0 * 2 }}{{ 1e100 }}{{ 1/3 }}{{ 2/3 }}{{ 100/3 }}{{ 1e15/7 }}
{{ none }}{{ [none] }}{{ {"a": none}|tojson }}{{ none is none }}{{ none == none }}{{ none|string }}{{ "x" ~ none }}
{{ [1 if true else 2] }}{{ (1 if false else 2) }}{{ {"a": 1 if true}['a'] }}{{ [1 if false] }}
{{ "a,b,c".split(",")|join("+") }}{{ " a  b ".split(" ") }}{{ "a b c".rsplit(" ", 1) }}{{ "abc".rsplit("b") }}{{ "a\tb\nc".split() }}{{ "a,b".split(sep=",", maxsplit=0) }}
{{ "  x ".lstrip() }}|{{ "xxabc".lstrip("x") }}|{{ "abcxx".rstrip("cx") }}|{{ "\n\nabc\n".lstrip("\n") }}|
{{ "a.b.c".replace(".", "") }}{{ "aaa".replace("a", "bb") }}{{ "aaa".replace("a", "b", 2) }}{{ "abc".replace("", "-") }}
{{ "Hello"|replace("l", "L") }}{{ "Hello"|replace("l", "L", 1) }}{{ 123|replace(2, "x") }}
{% for k, v in {"b": 1, "a": 2}.items() %}{{ k }}{{ v }}{% endfor %}{{ {"b": 1, "a": 2} }}{{ {"b": 1, "a": 2}|list }}{{ dict(b=1, a=2) }}
{% for k, v in tools[0].function.parameters.properties.items() %}{{ k }}:{{ v.type }}{% if not loop.last %}, {% endif %}{% endfor %}
{% for m in messages %}{% generation %}{% if m.role == "assistant" %}{{ m.content }}{% endif %}{% endgeneration %}{% endfor %}
{%- generation %}a{% endgeneration -%}
{{ '<|im_start|>' ~ 'user' ~ '\n' }}{{ "\t|\\n|\"|\'" }}{{ '\u4e2d\u6587' }}{{ "\x1b" }}
{{ "a\nb"|indent(2) }}{{ "a\nb"|indent(2, true) }}{{ "a\n\nb\n"|indent }}|
{{ [3,1,2]|sort|first }}{{ [3,1,2]|sort(reverse=True)|list }}{{ ["B","a"]|sort }}{{ [[2,1],[1,2]]|sort }}{{ [none, none]|sort }}
{{ [1,2,3]|sum }}{{ [1.5,2]|sum }}{{ []|sum }}{{ [[1],[2]]|sum(start=[]) }}
{{ "abc"|list }}{{ "abc"|first }}{{ "abc"|last }}{{ {"a":1}|first }}{{ []|last }}
{{ 3.7|int }}{{ "3.7"|int }}{{ "abc"|int(default=-1) }}{{ "0x1A"|int(base=16) }}{{ "3"|float }}{{ "1_000"|int }}{{ none|int }}{{ true|int }}
{{ 42.55|round(1) }}{{ 42.55|round(1, 'floor') }}{{ 42.55|round(1, 'ceil') }}{{ 42|round }}{{ 0.5|round }}{{ 1.5|round|int }}
{{ 'a' is string }}{{ 1 is string }}{{ [] is sequence }}{{ {} is mapping }}{{ 1.0 is float }}{{ 1 is integer }}{{ true is integer }}{{ true is number }}
{{ x is defined }}{{ x is undefined }}{{ messages is defined and messages }}{{ x.y is defined }}
{{ x is none }}{{ x == none }}{{ x is string }}{{ x|default('d') }}{{ x|default(none) }}{{ none|default('d') }}{{ none|default('d', true) }}{{ ''|default('d', boolean=true) }}
{{ namespace(a=1, b=[1,2]) }}{% set ns = namespace(a=1) %}{% set ns.a = ns.a + 1 %}{{ ns.a }}{{ ns.zz }}{{ ns.zz is defined }}
{% set ns = namespace(items=[]) %}{% for m in messages %}{% set ns.items = ns.items + [m.role] %}{% endfor %}{{ ns.items|join(',') }}
{% macro f(x, y='d') %}{{ x }}-{{ y }}{% endmacro %}{{ f(1) }}{{ f(1, y=2) }}{{ f(y=1, x=2) }}{{ f(1)|upper }}{{ f(1) + "z" }}{{ f(1).split("-") }}
{% macro f() %}{{ varargs|length }}{{ kwargs|length }}{{ kwargs }}{% endmacro %}{{ f(1, 2, a=3) }}{{ f(*[1,2,3], **{"q": 1}) }}
{% for i in range(3) %}{{ loop.cycle('a','b') }}{{ loop.index }}{% else %}none{% endfor %}{% for i in [] %}{% else %}empty{% endfor %}
{% for i in range(10) if i is odd %}{{ i }}{{ loop.length }}{% if i == 5 %}{% break %}{% endif %}{% endfor %}
{% for i in range(3) recursive %}{{ i }}{{ loop.depth }}{% if i == 2 and loop.depth < 3 %}({{ loop([0, 2]) }}){% endif %}{% endfor %}
{{ "abc" * 2 }}{{ [0] * 3 }}{{ "a" + "b" * 2 }}{{ 2 * "ab" }}{{ (1, 2) * 2 }}
{{ "a" < "b" < "c" }}{{ 1 < 2 > 1 }}{{ 1 == 1 == 1 }}{{ not 1 == 2 }}{{ 1 in [1] == true }}{{ "a" in "abc" and "z" not in "abc" }}
{{ 12345678901234567890 * 10 }}{{ 2 ** 64 }}{{ -2 ** 63 }}{{ 10 ** 18 + 1 }}{{ 18446744073709551616 // 3 }}
{{ "ÄÖÜ".lower() }}{{ "straße".upper() }}{{ "éa".title() }}{{ "ИВАН".capitalize() }}{{ "i̇".upper() }}{{ "ﬁ".upper() }}{{ "ΣΑΣ".lower() }}{{ "ŸÿǄ"|lower }}
{{ "日本"|length }}{{ "👨‍👩‍👧"|length }}{{ "👍🏽"[0] }}{{ "日本語"[::-1] }}{{ "é"|length }}
{{ [1,[2,(3,)],{"a":"b"}] }}{{ ("a",) }}{{ {1:2} }}{{ {(1,2): 3} }}{{ [true, 1.0, "x'y", 'x"y', "\\"] }}
{{ {"a": [1, 2]}|tojson(indent=2) }}{{ [[], {}]|tojson(indent=2) }}{{ "é<>&'"|tojson }}{{ "\u2028\x7f"|tojson }}{{ [1e20, 1.5e-10, 1e16, 123456789.0]|tojson }}
{{ tools|tojson(indent=4) }}{{ tools|tojson|length }}{{ (tools|tojson)[:20] }}{{ tools[0]|string }}
{{ messages|map('length')|list }}{{ messages|map('tojson')|join('\n') }}{{ messages|map(attribute='content')|map('length')|sum }}
{{ messages|groupby('role')|map('first')|list }}{{ messages|map(attribute='missing')|list }}{{ messages|map(attribute='missing', default='x')|list }}
{{ messages|selectattr('role','ne','user')|map(attribute='role')|join }}{{ messages|selectattr('tool_calls')|list|length }}{{ messages|selectattr('tool_calls','undefined')|list|length }}{{ messages|rejectattr('role','in',['user'])|list|length }}
{{ [1,2,3,4]|select('even')|list }}{{ [1,2,3]|reject('==', 2)|list }}{{ ['a','',none]|select|list }}{{ [1,'a']|select('string')|list }}{{ [1,2,3]|select('divisibleby', 2)|list }}
{{ messages|last|attr('role') }}{{ (messages|first).role }}{{ messages|length - 1 }}{{ -messages|length }}
{{ "a-b_c d"|title }}{{ "hello"|capitalize }}{{ "x"|center(5) }}|{{ "abc"|truncate(2, true, '') }}{{ "a b c"|wordcount }}{{ "a"|upper|lower }}
{{ raise_exception() }}
{{ raise_exception("a", "b") }}
{{ strftime_now("%d %B %Y") }}{{ strftime_now("%H:%M") }}{{ strftime_now("%Y") | int + 1 }}
{{ range(5)|list|tojson }}{{ range(2, 5) }}{{ range(0)|list }}{{ range(3)|sum }}{{ range(3)|reverse|list }}{{ range(-3)|list }}
{{ "{}-{}".format(1, 2) }}{{ "{a}".format(a=1) }}{{ "{:>5}|{:<5}|{:^5}".format(1, 2, 3) }}{{ "{:.3f}".format(2) }}{{ "{:,}".format(1234567.891) }}{{ "{0[0]}{0[1]}".format([1,2]) }}
{{ "a"|e }}{{ "<"|e }}{{ "<"|escape|length }}{{ "<" ~ ("<"|e) }}{{ ("<"|e) ~ "<" }}{{ ["<"|e] }}{{ "<a>"|safe|e }}
{{ 'abc'.find('c') }}{{ 'abc'.index('c') }}{{ 'abcabc'.rfind('c') }}{{ 'abc'.count('b') }}{{ 'a'.isalpha() }}{{ '1'.isdigit() }}{{ ''.isdigit() }}
{{ 'x'.join(['a','b']) }}{{ ''.join('abc') }}{{ ', '.join({"a":1,"b":2}) }}{{ '-'.join(messages|map(attribute='role')) }}
{{ {"a":1}.get("a") }}{{ {"a":1}.get("b") }}{{ {"a":1}.get("b", "d") }}{{ {"a":{"b":1}}.get("a", {}).get("b") }}{{ "a" in {"a":1} }}{{ {"a":1} == {"a":1.0} }}
{{ [1,2,3].index(2) }}{{ [1,1].count(1) }}{{ [1].append(2) }}
{% set l = [] %}{{ l.append(1) }}
{% set d = {} %}{% set _ = d.update({"a": 1}) %}
{% set d = {} %}{% set d.x = 1 %}
{{ cycler(1,2).next() }}{% set j = joiner("|") %}{{ j() }}{{ j() }}{{ j() }}
{% if messages[0].role == 'system' %}S{% elif messages[0].role == 'user' %}U{% else %}O{% endif %}{% if not messages %}x{% endif %}{% if messages|length > 2 and messages[2].tool_calls %}T{% endif %}
{% set a, b = messages[0].role, 2 %}{{ a }}{{ b }}{% set (c, d) = (1, 2) %}{{ c + d }}{% set x = y = 2 %}
{% set x = 1 %}{% if true %}{% set x = x + 1 %}{% endif %}{{ x }}{% for i in [1] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}
{% with %}{% endwith %}{% with a=1 %}{{ a }}{% endwith %}{{ a }}{% with a=1, b=a %}{{ b }}{% endwith %}
{% raw %}{{ a }}{% endraw %}{% raw -%} x {%- endraw %}{{ "{{" }}{{ "{%" }}{# {{ x }} #}
{% call(x) f() %}{% endcall %}
{% macro w(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call w("b") %}x{% call w("i") %}y{% endcall %}{% endcall %}
{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n-1) }}{% endif %}{% endmacro %}{{ r(5) }}
{% macro m(x) -%}   {{ x }}   {%- endmacro %}[{{ m(1) }}]
{{ self }}{{ loop is defined }}{{ caller is defined }}{{ varargs is defined }}{{ range is defined }}{{ dict is callable }}
{{ ("a", "b")|join }}{{ ("a", "b")[0] }}{{ ("a", "b")|length }}{% for x, y in [(1, 2), (3, 4)] %}{{ x + y }}{% endfor %}{{ (1, 2) + (3,) }}{{ (1) }}{{ (1,) }}{{ () }}
{{ 1.0|tojson }}{{ 1|tojson }}{{ none|tojson }}{{ true|tojson }}{{ "x"|tojson }}{{ (1,2)|tojson }}{{ {"1": 1, 2: 2}|tojson }}{{ range(3)|tojson }}
{{ messages[0]['nope'] }}{{ messages[0].nope|default('n') }}{{ messages[0]['content'][0] }}{{ messages[0].content[-1:] }}{{ messages[99] is defined }}{{ messages['x'] is defined }}
{{ messages[0].role.upper() }}{{ messages[0]['role'].title() }}{{ messages[0].content.split()[0] }}{{ messages[0].content.strip().split('\n')|length }}
{{ '%s: %s' | format('a', 1) }}{{ '%(a)s' | format(a='x') }}{{ "%d items" | format(3) }}
{{ "  a  b  "|trim }}|{{ "xxaxx"|trim("x") }}|{{ [1]|trim }}|{{ none|trim }}
{{ 1 is odd }}{{ 2 is even }}{{ 6 is divisibleby 3 }}{{ 1 is eq 1 }}{{ 1 is not eq 1 }}{{ 1 is in [1] }}{{ 'a' is in 'abc' }}{{ 1 is lt 2 }}{{ "A" is upper }}{{ "a" is lower }}{{ none is sameas none }}
{{ {'a': 1, 'b': 2}|items|list }}{{ {'b': 2, 'a': 1}|dictsort }}{{ {'a': 1}|length }}{{ {'b': 2, 'a': 1}|dictsort(by='value', reverse=true)|first }}
{{ [1,2,3,4,5]|batch(2)|list }}{{ [1,2,3,4,5]|batch(2, 'x')|list }}{{ [1,2,3,4,5]|slice(2)|list }}{{ [1,1,2]|unique|list }}{{ ['a','b']|map('upper')|join(',') }}{{ [1,2]|min }}{{ [1,2]|max }}{{ 'b'|max }}
{{ [{'a':{'b':1}}]|map(attribute='a.b')|list }}{{ [[1,2],[3,4]]|map(attribute=0)|list }}{{ [[1,2],[3,4]]|map(attribute='1')|list }}{{ [[1,2],[3,4]]|map('first')|list }}{{ [[1,2],[3,4]]|map('join', '-')|list }}
{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}{{ loop.nextitem.role if not loop.last }}{{ loop.revindex }};{% endfor %}
{%- for m in messages -%}{{ m.role }}{%- if not loop.last -%},{%- endif -%}{%- endfor -%}
{% include 'x' ignore missing %}z
{% extends "a" %}{% block x %}{% endblock %}
{% block a %}{{ n }}{% block b %}in{% endblock %}{% endblock %}{{ self.b() }}
{{ 'a' if n else 'b' if t else 'c' }}{{ n if n > 100 else t and s or no }}{{ (n if no) or "q" }}
{{ n.__class__ }}|{{ s.__len__ is defined }}|{{ d.__getitem__ is defined }}|{{ lst|attr("__class__") }}
{{ s.__class__.__name__ }}
{{ namespace.__init__ }}|{{ range.__name__ }}
{{ d._x }}|{{ {"_x": 1}._x }}|{{ {"__x__": 1}["__x__"] }}|{{ {"__x__": 1}.__x__ }}
{{ lst.sort }}|{{ d.pop is defined }}|{{ d.setdefault is callable }}|{{ [] .copy() }}
{{ n|string|length }}{{ n|abs }}{{ -n|abs }}{{ (-n)|abs }}{{ n.real }}{{ 1.5.real }}{{ 5 .bit_length() }}
{{ true and none }}{{ false or none }}{{ not true }}{{ true == 1 }}{{ true + 1 }}{{ [true]|sum }}{{ "a" and "b" }}{{ [] or {} }}
{{ s|reverse }}{{ s[::-1] }}{{ s[-3:] }}{{ s[1:-1:2] }}{{ s[none:2] }}{{ s[100:] }}|{{ s[2:1] }}|{{ s[-100:3] }}
{{ "line1\nline2".splitlines() }}{{ "line1\nline2".splitlines()|length }}{{ "a\r\nb".splitlines() }}{{ "".splitlines() }}{{ "\n".splitlines() }}
{{ "abc".startswith("a") }}{{ "abc".startswith(("x","a")) }}{{ "abc".endswith("c") }}{{ "abc".startswith("") }}{{ "abc".startswith("b", 1) }}{{ "abc".endswith(()) }}
{{ "x" is iterable }}{{ 1 is iterable }}{{ d is iterable }}{{ d.items() is iterable }}{{ d.items() is sequence }}{{ (1,) is sequence }}{{ range(3) is sequence }}{{ (lst|map('int')) is iterable }}{{ (lst|map('int')) is sequence }}
{% for i in d.keys() %}{{ i }}{% endfor %}{{ d.values()|list|length }}{{ "z" in d.keys() }}{{ d.keys()|length }}{{ d.items()|first }}{{ d.keys()|sort }}
""".strip("\n")

# Probes of several lines, and those that need a context of their own.
MORE = [
    "{% set x %}a\nb{% endset %}{{ x|indent }}",
    "{% filter upper %}a{% if true %}b{% endif %}{% endfilter %}{% filter replace(\"a\", \"b\")|upper %}a{% endfilter %}{% filter indent(width=2) %}a\nb{% endfilter %}",
    "{%- for m in messages -%}\n  {%- if loop.first %}first{% endif -%}\n  {{ m.role }}\n{%- endfor -%}",
    "  {% if t %}\n    a\n  {% endif %}\n  {{ n }}  ",
    "  {%+ if t %}\n  x\n  {%+ endif %}",
    "  {% if t +%}\n  x\n{% endif %}\na\n  {#- c #}\nb\n  {# c #}\nc\n",
    "\t{% set x = 1 %}\t\nd {% if t %} e {% endif %} f\n  {{- n -}}  \n x {{- n }} y {{ n -}} z",
    "line{% if t %}\n\ntwo{% endif %}",
    "{% for x in lst %}\n- {{ x }}\n{% endfor %}\nend",
    "{% for x in lst -%}\n  {{ x }},\n{%- endfor %}\na\n{{ n }}\n{{ \"\\n\" }}\n  {{ \"\" }}\n{{ n }}{# c #}\n",
    "{# comment #}a{# multi\nline #}b\n  {#- c -#}  \n d",
    "{{ d . z }}{{ d\n .z }}{{ 'a\\\nb' }}",
    "a\r\nb\r{% if t %}\r\nc{% endif %}\r\n",
    "trailing\n\n",
    "{{ n }}\n",
    "{% if t %}\n  {% for x in lst %}\n    {{ x }}\n  {% endfor %}\n{% endif %}\nend\n",
    "  {%- if t -%}\n  a\n  {%- endif -%}\n  b\n",
    "\t {% if t %}\n\ta\n\t {% endif %}\n",
    "{% raw %}\n  {{ a }}\n{% endraw %}\n x",
    "a {# c #}\n b\n  {# d #}\n e",
    "a\n  {%+ if t +%}\n b\n {%+ endif +%}\n",
    "{%- macro show(spec, depth=0) -%}\n{%- if spec.type == 'object' -%}\n{{- '{' -}}\n{%- for k, v in spec.properties.items() -%}\n{{- k ~ ': ' ~ show(v, depth + 1) -}}\n{%- if not loop.last %}, {% endif -%}\n{%- endfor -%}\n{{- '}' -}}\n{%- elif spec.enum -%}\n{{- spec.enum | join('|') -}}\n{%- else -%}\n{{- spec.type -}}\n{%- endif -%}\n{%- endmacro -%}\n{{ show(tools[0].function.parameters) }}",
    "{{\n  d\n  |tojson\n}}",
    "{% set x = {\n 'a': 1,\n 'b': [1,\n 2]\n} %}{{ x }}",
    "{% if t\n and n %}\nx\n{% endif %}",
    "line one\n{{ nope.x.y }}\n",
    "one\ntwo\n{% if t %}\n{{ n|nosuch }}\n{% endif %}",
    "one\ntwo\n{{ 1 +* 2 }}",
    "",
    "\n",
    "\n\n",
    "no newline",
    "{{ '' }}\n\n",
    "{% for i in range(3) %}{% for j in range(i) %}{{ loop.index }}/{{ loop.length }} {% endfor %}\n{% endfor %}",
    "{%- set ns = namespace(found=false) -%}\n{%- for m in messages -%}\n  {%- if m.tool_calls is defined and m.tool_calls -%}\n    {%- set ns.found = true -%}\n  {%- endif -%}\n{%- endfor -%}\n{{ ns.found }}",
    "{%- for m in messages %}\n    {%- if m.content is string %}\n        {%- set content = m.content %}\n    {%- else %}\n        {%- set content = '' %}\n    {%- endif %}\n    {{- '<|im_start|>' + m.role + '\\n' + content + '<|im_end|>' + '\\n' }}\n{%- endfor %}",
]


def probes():
    for line in PROBES.split("\n"):
        yield line if "{%" in line or "{#" in line or line.startswith("{{ ") else "{{ " + line + " }}"
    yield from MORE


def strftime_now(form):
    return datetime(2024, 7, 26).strftime(form)


def rendered(source, context):
    try:
        template = compiled(source)
    except Exception as e:
        return {"raises": type(e).__name__, "parse": True}
    try:
        return {"want": template.render(**context, strftime_now=strftime_now)}
    except Exception as e:
        return {"raises": type(e).__name__}


CALLS = [{"type": "function", "id": "call00001", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 3, "exact": 1.0, "units": None, "deep": {"b": [1, 2], "a": True}}}}]
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "Get the weather.\nIt's \"now\" & <soon>.", "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "The city", "enum": ["Zürich", "東京"]}, "days": {"type": "integer", "default": 1}, "exact": {"type": ["number", "null"], "default": 0.5},
        "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["city"]}, "return": {"type": "object"}}},
    {"type": "function", "function": {"name": "noop", "description": "Does nothing.", "parameters": {"type": "object", "properties": {}}}},
]
CONVERSATIONS = {
    "one": {"messages": [{"role": "user", "content": "What is 2+2?"}]},
    "system": {"messages": [{"role": "system", "content": " Be brief.\n"}, {"role": "user", "content": "  Hi\n"}, {"role": "assistant", "content": "Hello! "}, {"role": "user", "content": "Bye <|im_end|>"}]},
    "thinking": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "<think>\nhm, 1 < 2\n</think>\n\nb"}, {"role": "user", "content": "c"}, {"role": "assistant", "reasoning_content": "\nwhy\n", "thinking": "\nwhy\n", "content": "d"}]},
    "tools": {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "", "tool_calls": CALLS},
                           {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "{\"temp\": 21.5}"}, {"role": "assistant", "content": "21.5 °C"}, {"role": "user", "content": "Danke"}], "tools": TOOLS},
    "two calls": {"messages": [{"role": "user", "content": "Both"}, {"role": "assistant", "content": "ok", "tool_calls": CALLS + [{"type": "function", "id": "call00002", "function": {"name": "noop", "arguments": {}}}]},
                               {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "1"}, {"role": "tool", "name": "noop", "tool_call_id": "call00002", "content": "2"}], "tools": TOOLS},
    "no think": {"messages": [{"role": "user", "content": "q"}], "enable_thinking": False, "reasoning_effort": "high", "thinking": False},
    "think": {"messages": [{"role": "user", "content": "q"}], "enable_thinking": True, "reasoning_effort": "low", "thinking": True},
    "documents": {"messages": [{"role": "user", "content": "q"}], "documents": [{"title": "T1", "text": "first"}, {"title": "T2", "text": "second\nline"}], "date_string": "01 Jan 2025", "custom_tools": None},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "see "}, {"type": "image"}, {"type": "text", "text": "this"}]}]},
    "roles": {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
    "odd role": {"messages": [{"role": "narrator", "content": "a"}]},
    "prefilled": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "prefix": True}]},
    "empty": {"messages": []},
}
SPECIALS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def write(path, records):
    with open(path, "w", encoding="utf-8") as f:
        for r in records:
            f.write(json.dumps(r, ensure_ascii=False) + "\n")


def main():
    out = pathlib.Path(sys.argv[1])
    (out / "context.json").write_text(json.dumps(STD, ensure_ascii=False) + "\n", encoding="utf-8")
    write(out / "probes.jsonl", [{"template": p, **rendered(p, STD)} for p in probes()])
    contexts = {name: {"tools": None, "documents": None, **SPECIALS, **c} for name, c in CONVERSATIONS.items()}
    (out / "conversations.json").write_text(json.dumps(contexts, ensure_ascii=False) + "\n", encoding="utf-8")
    records = []
    for path in sorted((out / "families").glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        for name, c in contexts.items():
            for generate in (False, True):
                result = rendered(source, {**c, "add_generation_prompt": generate})
                records.append({"family": path.stem, "conversation": name, "add_generation_prompt": generate, **result})
    write(out / "families.jsonl", records)


if __name__ == "__main__":
    main()
