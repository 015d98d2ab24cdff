package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read gives all records of a dataset as JSON.
func read(path string, o Options) ([]string, error) {
	r, err := Open(path, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []string
	for {
		record, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		text, err := json.Marshal(record)
		if err != nil {
			return out, fmt.Errorf("%s: %w", r.Where(), err)
		}
		out = append(out, string(text))
	}
}

// fixture returns row i of the files that testdata/make.py made.
func fixture(i int) string {
	level := fmt.Sprint(i%5 + 1)
	if i == 3 {
		level = "null"
	}
	return fmt.Sprintf(`{"id":%d,"problem":"%d + %d = ?","answer":"%d","level":%s,"choices":["%d","%d"],"word":"%s","easy":%t,"weight":%g}`,
		i, i, i, 2*i, level, i, 2*i, []string{"eins", "два", "三"}[i%3], i < 5, float64(i)/4)
}

func fixtures(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fixture(i))
	}
	return out
}

// TestPythonsFiles reads what pyarrow and the datasets library wrote.
func TestPythonsFiles(t *testing.T) {
	for _, c := range []struct {
		path string
		o    Options
		want []string
	}{
		{"stream.arrow", Options{}, fixtures(0, 10)},
		{"file-None.arrow", Options{}, fixtures(0, 10)},
		{"file-zstd.arrow", Options{}, fixtures(0, 10)},
		{"file-lz4.arrow", Options{}, fixtures(0, 10)},
		{"snappy.parquet", Options{}, fixtures(0, 10)},
		{"zstd.parquet", Options{}, fixtures(0, 10)},
		{"gzip.parquet", Options{}, fixtures(0, 10)},
		{"brotli.parquet", Options{}, fixtures(0, 10)},
		{"none.parquet", Options{}, fixtures(0, 10)},
		{"saved", Options{Split: "train"}, fixtures(0, 7)},
		{"saved", Options{}, fixtures(7, 10)},
		{"saved/train", Options{}, fixtures(0, 7)},
	} {
		got, err := read(filepath.Join("testdata", c.path), c.o)
		if err != nil {
			t.Error(err)
		} else if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s %+v: %s", c.path, c.o, d)
		}
	}
}

// lay writes files below a new folder; names that end in .gz are packed.
func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = w.Write(data)
			_ = w.Close()
			data = b.Bytes()
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestText(t *testing.T) {
	pair := []string{"problem", "answer"}
	for _, c := range []struct {
		name, text string
		o          Options
		want       []string
	}{
		{"a.jsonl", `{"a":1}` + "\n\n" + `{"a":"ж"}`, Options{}, []string{`{"a":1}`, `{"a":"ж"}`}},
		{"a.jsonl.gz", `{"a":1}`, Options{}, []string{`{"a":1}`}},
		{"a.json", "\xef\xbb\xbf [\n{\"a\":1}, {\"a\":2}]\n", Options{}, []string{`{"a":1}`, `{"a":2}`}},
		{"a.json", "[]", Options{}, nil},
		{"a.json", `{"a":1}` + "\n" + `{"a":2}`, Options{}, []string{`{"a":1}`, `{"a":2}`}},
		{"a.json.gz", `[{"a":1}]`, Options{}, []string{`{"a":1}`}},
		{"a.tsv", "x \"y\" z\t3\r\n\"\t4\n", Options{Columns: pair},
			[]string{`{"problem":"x \"y\" z","answer":"3"}`, `{"problem":"\"","answer":"4"}`}},
		{"a.tsv", "\xef\xbb\xbfquestion\tanswer\nx\t3\n", Options{Columns: pair},
			[]string{`{"question":"x","answer":"3"}`}},
		{"a.tsv", "q\tr\nx\t3\n", Options{}, []string{`{"q":"x","r":"3"}`}},
		{"a.tsv", "q\tr\n\"x\ty\"\t3\n", Options{Quoted: true}, []string{`{"q":"x\ty","r":"3"}`}},
		{"a.tsv", "\n", Options{}, nil},
		{"a.csv", ",problem,answer\n0,\"a,\nb\",1\n", Options{},
			[]string{`{"column 1":"0","problem":"a,\nb","answer":"1"}`}},
		{"a.csv.gz", "problem,answer\na,1\n", Options{}, []string{`{"problem":"a","answer":"1"}`}},
	} {
		got, err := read(filepath.Join(lay(t, map[string]string{c.name: c.text}), c.name), c.o)
		if err != nil {
			t.Error(err)
		} else if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s %q: %s", c.name, c.text, d)
		}
	}
}

func TestFolders(t *testing.T) {
	row := func(s string) string { return `{"a":"` + s + `"}` }
	for _, c := range []struct {
		what  string
		files map[string]string
		o     Options
		want  string // records, joined
	}{
		{"one file", map[string]string{"x.jsonl": row("1"), "README.md": "# x", ".hidden/y.jsonl": row("2")},
			Options{}, row("1")},
		{"split by name", map[string]string{"train.jsonl": row("1"), "test.jsonl": row("2")},
			Options{Split: "train"}, row("1")},
		{"test by itself", map[string]string{"train.jsonl": row("1"), "test.jsonl": row("2")}, Options{},
			row("2")},
		{"another word for it", map[string]string{"data/valid.jsonl": row("1"), "data/test.jsonl": row("2")},
			Options{Split: "validation"}, row("1")},
		{"languages as splits", map[string]string{"data/de-00000-of-00001.jsonl": row("1"),
			"data/en-00000-of-00001.jsonl": row("2")}, Options{Split: "en"}, row("2")},
		{"shards in order", map[string]string{"data/test-00001-of-00002.jsonl": row("2"),
			"data/test-00000-of-00002.jsonl": row("1")}, Options{}, row("1") + row("2")},
		{"a subset", map[string]string{"main/test.jsonl": row("1"), "socratic/test.jsonl": row("2")},
			Options{Config: "socratic"}, row("2")},
		{"declared", map[string]string{
			"README.md": "---\nlicense: mit\nconfigs:\n- config_name: main\n  default: true\n  " +
				"data_files:\n  - split: train\n    path: main/tr-*\n  - split: test\n    path: " +
				"[main/te-*]\n- config_name: other\n  data_files: o/*.jsonl\n---\n# x\n",
			"main/te-1.jsonl": row("1"), "main/tr-1.jsonl": row("2"), "o/x.jsonl": row("3"),
			"o/y.jsonl": row("4"),
		}, Options{Split: "test"}, row("1")},
		{"declared, another", map[string]string{
			"README.md": "---\nconfigs:\n- config_name: main\n  default: true\n  data_files: " +
				"main/*\n- config_name: other\n  data_files: \"**/y.jsonl\"\n---\n",
			"main/te-1.jsonl": row("1"), "o/x.jsonl": row("3"), "o/y.jsonl": row("4"),
		}, Options{Config: "other"}, row("4")},
	} {
		got, err := read(lay(t, c.files), c.o)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		} else if all := strings.Join(got, ""); all != c.want {
			t.Errorf("%s: got %s, want %s", c.what, all, c.want)
		}
	}
}

// TestErrorsSayWhere checks the one line that a user gets for a file that is bad.
func TestErrorsSayWhere(t *testing.T) {
	sound := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	parquet, stream := sound("snappy.parquet"), sound("stream.arrow")
	for _, c := range []struct {
		files map[string]string
		path  string
		o     Options
		want  []string
	}{
		{map[string]string{"a.jsonl": `{"a":1}` + "\nnonsense"}, "a.jsonl", Options{},
			[]string{"a.jsonl:2:"}},
		{map[string]string{"a.json": `[{"a":1},{"a":]`}, "a.json", Options{}, []string{"a.json: row 2"}},
		{map[string]string{"a.json": `[{"a":1},`}, "a.json", Options{},
			[]string{"a.json: row 2", "the JSON ends early"}},
		{map[string]string{"a.json": `[{"a":1}`}, "a.json", Options{},
			[]string{"a.json: after row 1", "the JSON ends early"}},
		{map[string]string{"a.json": `[{"a":1}] 2`}, "a.json", Options{}, []string{"text after the array"}},
		{map[string]string{"a.tsv": "x\t1\ny\n"}, "a.tsv", Options{Columns: []string{"p", "a"}},
			[]string{"a.tsv:2:", "1 columns, expected 2 (p, a)"}},
		{map[string]string{"a.tsv": "p\ta\nx\xff\t1\n"}, "a.tsv", Options{},
			[]string{"a.tsv:2:", `"p"`, "UTF-8"}},
		{map[string]string{"a.csv": "p,a\n\"x,1\n"}, "a.csv", Options{},
			[]string{"a.csv:2:", "does not end with"}},
		{map[string]string{"a.csv": "p,a\nx\"y,1\n"}, "a.csv", Options{},
			[]string{"a.csv:2:", "quotation marks"}},
		{map[string]string{"a.jsonl": "{\"p\": 1}\n{\"p\": \"ann\xe9e\"}\n"}, "a.jsonl", Options{},
			[]string{"a.jsonl:2: column 11 is not UTF-8"}},
		{map[string]string{"a.csv": "p,p\n"}, "a.csv", Options{}, []string{"a.csv:1:", "twice"}},
		{map[string]string{"a.parquet": parquet[:len(parquet)/2]}, "a.parquet", Options{},
			[]string{"a.parquet"}},
		{map[string]string{"a.parquet": ""}, "a.parquet", Options{}, []string{"a.parquet"}},
		{map[string]string{"a.arrow": stream[:len(stream)*2/3]}, "a.arrow", Options{}, []string{"a.arrow"}},
		{map[string]string{"a.arrow": ""}, "a.arrow", Options{}, []string{"a.arrow", "empty"}},
		{map[string]string{"a.arrow": "nothing of the kind"}, "a.arrow", Options{}, []string{"a.arrow"}},
		{map[string]string{"a.txt": "x"}, "a.txt", Options{}, []string{"format not known"}},
		{map[string]string{"a.txt": "x"}, "", Options{}, []string{"holds no data file"}},
		{map[string]string{"a-00000-of-00003.jsonl": "", "a-00002-of-00003.jsonl": ""}, "", Options{},
			[]string{"a-00001-of-00003.jsonl is missing"}},
		{map[string]string{"a.jsonl": "", "b/c.jsonl": ""}, "", Options{}, []string{"several datasets"}},
		{map[string]string{"train.jsonl": "", "valid.jsonl": ""}, "", Options{},
			[]string{"name one of train, validation"}},
		{map[string]string{"train.jsonl": "", "test.jsonl": ""}, "", Options{Split: "dev"},
			[]string{`no split "validation"`}},
		{map[string]string{"dataset_dict.json": `{"splits":["a"]}`}, "", Options{},
			[]string{"names split a", "no state.json"}},
		{map[string]string{"dataset_dict.json": `{"splits":["../a"]}`}, "", Options{},
			[]string{"not the name of a folder"}},
		{map[string]string{"dataset_dict.json": `{"splits":["a","b"]}`}, "", Options{Split: "c"},
			[]string{`no split "c": it has a, b`}},
		{map[string]string{"state.json": `{"_data_files":[{"filename":"x.arrow"}]}`}, "", Options{},
			[]string{"shard is missing"}},
		{map[string]string{"state.json": `{"_data_files":[{"filename":"../x.arrow"}]}`}, "", Options{},
			[]string{"not the name of a file"}},
		{map[string]string{"state.json": `{"_data_files":[{"filename":"x"}],"_indices_data_files":[{"filename":"y"}]}`}, "", Options{}, []string{"flatten_indices"}},
		{map[string]string{"README.md": "---\nconfigs:\n- config_name: a\n  data_files: ../x.jsonl\n---\n"},
			"", Options{}, []string{"points outside the folder"}},
		{map[string]string{"README.md": "---\nconfigs: [\n---\n", "x.jsonl": ""}, "", Options{},
			[]string{"README.md", "front matter"}},
	} {
		_, err := read(filepath.Join(lay(t, c.files), c.path), c.o)
		if err == nil {
			t.Errorf("%v: no error", c.files)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%.100q: error %q, want one line with %q", c.files, err, want)
			}
		}
	}
}

// TestDamaged flips and cuts bytes of sound files: an error or fewer surprises, but
// never a panic.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"stream.arrow", "file-None.arrow", "snappy.parquet"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(data); at += 7 {
			damaged := bytes.Clone(data)
			damaged[at] ^= 0xff
			readColumnar(name, damaged)
			readColumnar(name, data[:at])
		}
	}
}

// readColumnar reads a file that is in memory to its end or to an error.
func readColumnar(name string, data []byte) {
	open := newArrow
	if Extension(name) == ".parquet" {
		open = newParquet
	}
	b, err := open(name, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return
	}
	for range 1000 {
		if _, err := b.Next(); err != nil {
			break
		}
	}
	_ = b.Close()
}

// TestNotData names what was given in place of a dataset, in one line.
func TestNotData(t *testing.T) {
	const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
	for _, c := range []struct {
		files map[string]string
		path  string
		want  string
	}{
		{map[string]string{"a.jsonl": lfs}, "a.jsonl", "a.jsonl is a Git LFS pointer"},
		{map[string]string{"a.json": lfs}, "a.json", "a Git LFS pointer"},
		{map[string]string{"a.parquet": lfs}, "a.parquet", "a Git LFS pointer"},
		{map[string]string{"data/train.parquet": lfs}, "", "train.parquet is a Git LFS pointer"},
		{map[string]string{"a.csv": "<!DOCTYPE html><html>"}, "a.csv", "an HTML page"},
		{map[string]string{"a.jsonl": "\x1f\x8b\x08\x00\x00"}, "a.jsonl",
			"a gzip file: rename it to a.jsonl.gz"},
		{map[string]string{"a.jsonl": "\x28\xb5\x2f\xfd"}, "a.jsonl", "a zstd file: unpack it"},
		{map[string]string{"a.jsonl": "PAR1xx"}, "a.jsonl", "a Parquet file: rename it to end in .parquet"},
		{map[string]string{"a.jsonl": ""}, "a.jsonl", "is empty"},
		{map[string]string{"a.gguf": "GGUF"}, "a.gguf", "a GGUF file"},
		{map[string]string{"adapter_config.json": `{"base_model_name_or_path": "org/base"}`,
			"tokenizer.json": "{}"}, "", "an adapter (PEFT) of org/base"},
		{map[string]string{"config.json": "{}", "model.safetensors": "x", "tokenizer.json": "{}"}, "",
			"the folder of a model, not a dataset"},
		{map[string]string{"m.gguf": "GGUF"}, "", "GGUF files"},
		{map[string]string{".git/HEAD": "x", "README.md": "x"}, "", "a repository without its files"},
		{map[string]string{"a.bin": "x"}, "a.bin", "format not known"},
	} {
		_, err := read(filepath.Join(lay(t, c.files), c.path), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error %v, want %q", c.files, err, c.want)
		}
	}
}
