package jinja

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// TestErrors: an error is one line that names the line and the construct.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ source, line, construct, message string }{
		{"{% for x in y %}\n{% trans %}\n{% endfor %}", "line 2", "{% trans %}",
			`unknown tag "trans" within {% for %} of line 1`},
		{"a\n\n{% if x %}b", "line 3", "{% if x %}", "{% if %} of line 3"},
		{"a\n{{ 1 + }}", "line 2", "{{ 1 + }}", "expected an expression"},
		{"a\n{{ x | nosuch }}", "line 2", "{{ x | nosuch }}", `no filter named "nosuch"`},
		{"a\n{{ x is nosuch }}", "line 2", "{{ x is nosuch }}", `no test named "nosuch"`},
		{"{{ 'a\n", "line 1", "{{ 'a", "not closed"},
		{"{# a", "line 1", "{# a", "not closed"},
		{"\n{% raw %}", "line 2", "{% raw %}", "endraw"},
		{"a\n{{ (1, 2] }}", "line 2", "{{ (1, 2] }}", `expected ")"`},
		{"a\n{{ nope.x\n}}", "line 2", "{{ nope.x }}", "'nope' is undefined"},
		{"a\n{% set x = messages.y.z %}", "line 2", "{% set x = messages.y.z %}",
			"'list object' has no attribute 'y'"},
		{"a\n{{ raise_exception('no\nway') }}", "line 2", "{{ raise_exception('no way') }}",
			"refuses the conversation: no way"},
		{"{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n{{ m() }}", "line 2", "{{ 1 / 0 }}",
			"division by zero"},
		{"{% set x %}{{ 1 }}{% endset %}\n{% if 1 < 'a' %}{% endif %}", "line 2", "{% if 1 < 'a' %}",
			"'<' not supported"},
		{"\n{% include 'x' %}", "line 2", "{% include 'x' %}", "stands alone"},
	} {
		template, err := Parse(c.source)
		if err == nil {
			context := NewDict()
			context.Set("messages", &List{})
			_, err = template.Render(context, then)
		}
		if err == nil {
			t.Errorf("%q gives no error", c.source)
			continue
		}
		for _, want := range []string{c.line, c.construct, c.message} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v\ndoes not name %s", c.source, err, want)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: an error of several lines: %q", c.source, err)
		}
	}
}

// TestLimits: no template hangs, overflows the stack or fills the memory.
func TestLimits(t *testing.T) {
	const (
		nested = "{% set ns = namespace(x=(1,)) %}" +
			"{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}"
		lists = "{% set ns = namespace(s=[1]) %}" +
			"{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}"
	)
	for _, source := range []string{
		"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
		"{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
		"{% for a in range(100000) %}{{ 'x' * 10000 }}{% endfor %}",
		// What holds another twice doubles with every level: as a key, and where it is looked for.
		nested + "{{ {ns.x: 1} }}", nested + "{{ {}[ns.x] }}", nested + "{{ ns.x in {} }}",
		"{{ 'x' * 10000000000 }}", "{{ [1] * 10000000000 }}", "{{ 10 ** 10000000000 }}", "{{ 2 ** 60000 }}",
		"{{ (10 ** 4000) * (10 ** 4000) * (10 ** 4000) * (10 ** 4000) * (10 ** 4000) * (10 ** 4000) }}",
		"{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
		"{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
		lists + "{{ ns.s }}", lists + "{{ ns.s|tojson }}",
		"{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(60) %}" +
			"{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}",
		"{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
		"{{ '%1000000000d' % 1 }}", "{{ '%.1000000000f' % 1 }}", "{{ '{:1000000000}'.format(1) }}",
		"{{ 'a'.ljust(10000000000) }}",
		"{{ 'a'|center(10000000000) }}", "{{ 'a'.zfill(10000000000) }}",
		"{{ 'aaaa'.replace('', 'x' * 30000000) }}", "{{ '\\t'.expandtabs(10000000000) }}",
		"{{ 'a\\nb'|indent(10000000000) }}", "{{ [1]|batch(10000000000, 0)|list }}",
		"{{ [1]|slice(10000000000)|list }}",
		"{{ ('x' * 60000000).join(range(100)|map('string')) }}", "{{ range(100)|join('x' * 60000000) }}",
		"{{ range(1000000) }}",
		"{{ {'a': [1]}|tojson(indent='x' * 60000000) }}", "{{ [[1]]|tojson(indent=10000000000) }}",
		strings.Repeat("{% if x %}", 10000), strings.Repeat("(", 100000), "{{ " + strings.Repeat("(", 100000),
		"{{ " + strings.Repeat("-", 100000) + "1 }}",
		"{{ " + strings.Repeat("not ", 100000) + "1 }}", "{{ " + strings.Repeat("[", 100000),
		"{{ x" + strings.Repeat("(x", 100000), "{% set " + strings.Repeat("(", 100000),
		"{{ " + strings.Repeat("1 if ", 100000), "{{ " + strings.Repeat("{1:", 100000),
	} {
		begun := time.Now()
		template, err := Parse(source)
		if err == nil {
			_, err = template.Render(NewDict(), then)
		}
		short := source[:min(len(source), 120)]
		if err == nil && !strings.HasPrefix(source, "(") {
			t.Errorf("%q gives no error", short)
		}
		if err != nil && strings.Contains(err.Error(), "runtime error") {
			t.Errorf("%q: %v", short, err)
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("%q takes %s", short, took)
		}
	}
}

// TestConcurrent: one template renders many conversations at once.
func TestConcurrent(t *testing.T) {
	template, err := Parse("{% set ns = namespace(n=0) %}" +
		"{% for i in range(n) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for n := range int64(16) {
		wait.Go(func() {
			context := NewDict()
			context.Set("n", n)
			want := str(&run{}, n*(n-1)/2)
			if got, err := template.Render(context, then); got != want || err != nil {
				t.Errorf("%d: %q, %v; want %s", n, got, err, want)
			}
		})
	}
	wait.Wait()
}

// TestStrftime: the directives that templates use.
func TestStrftime(t *testing.T) {
	at := time.Date(2025, time.March, 4, 15, 6, 7, 0, time.UTC)
	got := strftime(at, "%Y-%m-%d %-d %e %b %B %a %A %H:%M:%S %I%p %y %j %% %F %T %D %Q %")
	const want = "2025-03-04 4  4 Mar March Tue Tuesday 15:06:07 03PM 25 063 % " +
		"2025-03-04 15:06:07 03/04/25 %Q %"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestStrftimeOfC compares every other directive, and flags, with Python's on glibc.
func TestStrftimeOfC(t *testing.T) {
	const format = "%U %W %w %u %G-%g-%V %C %s %k|%l|%P %I%p " +
		"%r %-d %_d %0e %^b %^p %-H %_m %-y %-j %E %Q %-I|%n%t%%"
	for at, want := range map[time.Time]string{
		time.Date(2024, 7, 26, 0, 5, 9, 0, time.UTC): "29 30 5 5 2024-24-30 20 1721952309  0|12|am 12AM " +
			"12:05:09 AM 26 26 26 JUL AM 0  7 24 208 %E %Q 12|\n\t%",
		time.Date(2023, 1, 1, 13, 5, 9, 0, time.UTC): "01 00 0 7 2022-22-52 20 1672578309 13| 1|pm 01PM " +
			"01:05:09 PM 1  1 01 JAN PM 13  1 23 1 %E %Q 1|\n\t%",
		time.Date(2024, 12, 30, 12, 5, 9, 0, time.UTC): "52 53 1 1 2025-25-01 20 1735560309 12|12|pm 12PM " +
			"12:05:09 PM 30 30 30 DEC PM 12 12 24 365 %E %Q 12|\n\t%",
		time.Date(2021, 1, 3, 9, 5, 9, 0, time.UTC): "01 00 0 7 2020-20-53 20 1609664709  9| 9|am 09AM " +
			"09:05:09 AM 3  3 03 JAN AM 9  1 21 3 %E %Q 9|\n\t%",
		time.Date(2000, 2, 29, 1, 5, 9, 0, time.UTC): "09 09 2 2 2000-00-09 20 951786309  1| 1|am 01AM " +
			"01:05:09 AM 29 29 29 FEB AM 1  2 0 60 %E %Q 1|\n\t%",
	} {
		if got := strftime(at, format); got != want {
			t.Errorf("%s:\n got %q\nwant %q", at, got, want)
		}
	}
}

func TestFromJSON(t *testing.T) {
	const object = `{"z": 1, "a": 1.0, "m": [1e2, 12345678901234567890123, null, true, "x"], "z": 2}`
	v, err := FromJSON([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	const want = "{'z': 2, 'a': 1.0, 'm': [100.0, 12345678901234567890123, None, True, 'x']}"
	if got := str(&run{}, v); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, bad := range []string{
		"", "{", "[1,]", "{}{}", strings.Repeat("[", 1_000_000), strings.Repeat("9", 5000),
	} {
		if _, err := FromJSON([]byte(bad)); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
}
