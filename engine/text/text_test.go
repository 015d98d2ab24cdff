package text

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stele-lm/stele/internal/jsonl"
)

const tiny = "../../testdata/models/tiny-qwen2"

// shared is the folder of reference data beside the project; users have none.
const shared = "../../../shared"

func load(t testing.TB, dir string) *Tokenizer {
	t.Helper()
	tokenizer, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tokenizer.Close)
	return tokenizer
}

// TestVocabularies compares ids with Python's library for both real vocabularies.
func TestVocabularies(t *testing.T) {
	golden := filepath.Join(shared, "goldens", "tokenizer.jsonl.gz")
	if _, err := os.Stat(golden); err != nil {
		t.Skipf("the reference ids are not here: %v", err)
	}
	for _, name := range []string{"qwen2_5", "llama3_1"} {
		dir := t.TempDir()
		unpack(t, filepath.Join(shared, "goldens", "tokenizers", name, "tokenizer.json.gz"),
			filepath.Join(dir, "tokenizer.json"))
		tokenizer := load(t, dir)
		in, err := jsonl.Open(golden)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			record, err := in.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var text string
			var want []int32
			_, err1 := record.Decode("text", &text)
			_, err2 := record.Decode(name, &want)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, "\x00") {
				if _, err := tokenizer.Encode(text, false); err == nil {
					t.Errorf("%s: a text with a NUL was taken", in.Where())
				}
				continue
			}
			got, err := tokenizer.Encode(text, false)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: ids %v, want %v", name, in.Where(), got, want)
			}
			back, err := tokenizer.Decode(got, false)
			if err != nil {
				t.Fatal(err)
			}
			if lib := tokenizer.library.Decode(unsigned(got), false); back != lib {
				t.Errorf("%s %s: decoded %q, the library says %q", name, in.Where(), back, lib)
			}
			n++
		}
		if n < 900 {
			t.Errorf("%s: only %d texts", name, n)
		}
	}
}

func unsigned(ids []int32) []uint32 {
	out := make([]uint32, len(ids))
	for i, id := range ids {
		out[i] = uint32(id)
	}
	return out
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// texts in the languages of the project, with what tokenizers stumble over.
var texts = []string{
	"What is 12 + 30?", "¿Cuánto es doce más treinta?", "Сколько будет 12 + 30?",
	"Wie viel ist zwölf plus dreißig?", "Combien font douze plus trente ?", "বারো যোগ ত্রিশ কত?",
	"สิบสองบวกสามสิบเท่ากับเท่าไร", "Kumi na mbili ongeza thelathini ni ngapi?",
	"十二加三十等于多少？", "十二足す三十は？", "పన్నెండు కూడిక ముప్పై ఎంత?",
	"  spaces\t\ttabs\n\n\nlines  ", "👩‍👩‍👧‍👦 🇩🇪", "\\boxed{\\frac{1}{2}}",
	"<|im_start|>user\nhi<|im_end|>", "",
}

func TestRoundTrip(t *testing.T) {
	tokenizer := load(t, tiny)
	for _, text := range texts {
		ids, err := tokenizer.Encode(text, false)
		if err != nil {
			t.Fatal(err)
		}
		back, err := tokenizer.Decode(ids, false)
		if err != nil {
			t.Fatal(err)
		}
		if back != text {
			t.Errorf("%q comes back as %q", text, back)
		}
		stream := tokenizer.NewStream(false)
		var b strings.Builder
		for _, id := range ids {
			piece, err := stream.Push(id)
			if err != nil {
				t.Fatal(err)
			}
			if !utf8.ValidString(piece) || strings.ContainsRune(piece, utf8.RuneError) {
				t.Errorf("%q: the stream cut a character: %q", text, piece)
			}
			b.WriteString(piece)
		}
		rest, _ := stream.Flush()
		if b.String()+rest != text {
			t.Errorf("%q streams as %q", text, b.String()+rest)
		}
	}
}

func TestSpecials(t *testing.T) {
	tokenizer := load(t, tiny)
	end, ok := tokenizer.ID("<|im_end|>")
	if !ok {
		t.Fatal("no <|im_end|>")
	}
	ids, err := tokenizer.Encode("x<|im_end|>", false)
	if err != nil || ids[len(ids)-1] != end {
		t.Fatalf("ids %v, %v; want the last to be %d", ids, err, end)
	}
	for _, c := range []struct {
		skip bool
		want string
	}{{true, "x"}, {false, "x<|im_end|>"}} {
		if got, err := tokenizer.Decode(ids, c.skip); got != c.want || err != nil {
			t.Errorf("skip %v: %q, %v; want %q", c.skip, got, err, c.want)
		}
	}
	if _, err := tokenizer.Decode([]int32{-1}, false); err == nil {
		t.Error("a negative id was decoded")
	}
}

func TestLossy(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ok", "ok"}, {"\xe4\xbd", "\ufffd"}, {"a\xe4\xbdb", "a\ufffdb"}, {"\xff\xfe", "\ufffd\ufffd"},
		{"\xf0\x9f\x91", "\ufffd"}, {"\xf0\x9f\x91\xe4\xbd\xa0", "\ufffd你"}, {"\xc0\x80", "\ufffd\ufffd"},
		{"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
	} {
		if got := lossy([]byte(c.in)); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestConcurrent(t *testing.T) {
	tokenizer := load(t, tiny)
	want := make([][]int32, len(texts))
	for i, text := range texts {
		want[i], _ = tokenizer.Encode(text, false)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i, text := range texts {
				if got, err := tokenizer.Encode(text, false); err != nil || !slices.Equal(got, want[i]) {
					t.Errorf("%q: %v, %v", text, got, err)
				}
			}
		})
	}
	wait.Wait()
}

// TestTemplates compares five real templates × seven conversations with Jinja2.
func TestTemplates(t *testing.T) {
	data, err := os.ReadFile("testdata/chat_templates.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Templates map[string]struct {
			Template string `json:"template"`
			BOS      string `json:"bos_token"`
			EOS      string `json:"eos_token"`
		} `json:"templates"`
		Conversations map[string][]Message `json:"conversations"`
		Cases         []struct {
			Template     string `json:"template"`
			Conversation string `json:"conversation"`
			Generate     bool   `json:"add_generation_prompt"`
			Rendered     string `json:"rendered"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for _, c := range golden.Cases {
		source := golden.Templates[c.Template]
		template, err := NewTemplate(source.Template, source.BOS, source.EOS)
		if err != nil {
			t.Fatal(err)
		}
		got, err := template.Render(golden.Conversations[c.Conversation], c.Generate)
		if err != nil {
			t.Errorf("%s, %s: %v", c.Template, c.Conversation, err)
		} else if got != c.Rendered {
			t.Errorf("%s, %s, %v:\n got %q\nwant %q", c.Template, c.Conversation, c.Generate, got, c.Rendered)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	refusing, err := NewTemplate("{{ raise_exception('roles must alternate') }}", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := refusing.Render(nil, true); err == nil ||
		!strings.Contains(err.Error(), "roles must alternate") {
		t.Errorf("error %v, want the template's own", err)
	}
	for _, source := range []string{
		"{% for %}", "{{ ", "{% include '/etc/passwd' %}", "{% for i in range(100000000000) %}x{% endfor %}",
	} {
		template, err := NewTemplate(source, "", "")
		if err == nil {
			_, err = template.Render(nil, true)
		}
		if err == nil {
			t.Errorf("%q gave no error", source)
		}
	}
	counting, err := NewTemplate("{% for i in range(2, 7, 2) %}{{ i }},{% endfor %}"+
		"{% for i in range(2) %}{{ i }};{% endfor %}", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := counting.Render(nil, true); got != "2,4,6,0;1;" || err != nil {
		t.Errorf("range counts %q, %v", got, err)
	}
	if _, err := LoadTemplate(t.TempDir()); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("an empty folder: %v, want %v", err, ErrNoTemplate)
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	tokenizer, err := Load(tiny)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := tokenizer.Encode(text, false)
		if err != nil {
			if !strings.Contains(text, "\x00") {
				t.Fatal(err)
			}
			return
		}
		back, err := tokenizer.Decode(ids, false)
		if err != nil {
			t.Fatal(err)
		}
		// The tokenizer normalises to NFC: after one turn a text stays as it is.
		again, err := tokenizer.Encode(back, false)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := tokenizer.Decode(again, false); err != nil || twice != back {
			t.Fatalf("%q comes back as %q and then as %q, %v", text, back, twice, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	tokenizer := load(b, tiny)
	text := strings.Join(texts, " ")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := tokenizer.Encode(text, false); err != nil {
			b.Fatal(err)
		}
	}
}
