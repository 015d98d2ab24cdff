package dataset

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzTable(f *testing.F) {
	f.Add("problem\tanswer\nx\t1\n", true)
	f.Add("x \"y\"\t1\r\n\t\n", false)
	f.Fuzz(func(t *testing.T, text string, quoted bool) {
		table, err := newTable("fuzz", strings.NewReader(text), '\t', quoted,
			Options{Columns: []string{"problem", "answer"}})
		if err != nil {
			return
		}
		for {
			record, err := table.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				if !strings.HasPrefix(err.Error(), "fuzz") {
					t.Fatalf("error does not name the file: %v", err)
				}
				return
			}
			for _, name := range table.columns {
				if !record.Has(name) {
					t.Fatalf("%q: a record lacks %q", text, name)
				}
			}
		}
	})
}

func FuzzArray(f *testing.F) {
	f.Add(`[{"a":1}, {"b":[]}]`)
	f.Add(`[{"a":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := newArray("fuzz", strings.NewReader(text))
		for err == nil {
			_, err = a.Next()
		}
		if err != io.EOF && !strings.HasPrefix(err.Error(), "fuzz") {
			t.Fatalf("error does not name the file: %v", err)
		}
	})
}

func FuzzFrontMatter(f *testing.F) {
	f.Add("---\nconfigs:\n- config_name: a\n  data_files:\n  - split: train\n    path: x\n---\n")
	f.Add("---\nconfigs: 3\n---")
	f.Fuzz(func(t *testing.T, text string) {
		configs, err := frontMatter([]byte(text))
		if err != nil {
			return
		}
		for _, c := range configs {
			for _, s := range c.splits() {
				for _, pattern := range s.patterns {
					if e, err := globExpression(pattern); err == nil &&
						!strings.ContainsAny(pattern, "*?\n") && !e.MatchString(pattern) {
						t.Fatalf("pattern %q does not match itself", pattern)
					}
				}
			}
		}
	})
}

// FuzzColumnar damages Arrow streams, Arrow files and Parquet files.
func FuzzColumnar(f *testing.F) {
	names := []string{"stream.arrow", "file-None.arrow", "snappy.parquet",
		"columns/nested.parquet", "columns/texts.arrow", "columns/unions.arrow", "columns/numbers.parquet",
		"columns/json.parquet"}
	for i, name := range names {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(i))
	}
	f.Fuzz(func(_ *testing.T, data []byte, kind uint8) {
		readColumnar(names[int(kind)%len(names)], data)
	})
}
