package dataset

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestColumnTypes reads every type of column as Python does, or refuses it by name:
// third_party/column-goldens.py wrote the files.
func TestColumnTypes(t *testing.T) {
	files, err := filepath.Glob("testdata/columns/*.expected.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files of expected values, %v", len(files), err)
	}
	for _, file := range files {
		var want struct {
			Rows    []map[string]any
			Refused []string
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{".parquet", ".arrow"} {
			path := strings.TrimSuffix(file, ".expected.json") + format
			if _, err := os.Stat(path); err != nil {
				continue // Parquet has no unions
			}
			t.Run(filepath.Base(path), func(t *testing.T) {
				r, err := Open(path, Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				for i, row := range want.Rows {
					record, err := r.Next()
					if err != nil {
						t.Fatal(err)
					}
					text, err := json.Marshal(record)
					if err != nil {
						t.Fatal(err)
					}
					decoder := json.NewDecoder(bytes.NewReader(text))
					decoder.UseNumber()
					var got any
					if err := decoder.Decode(&got); err != nil {
						t.Fatalf("row %d is no JSON: %s", i, text)
					}
					if d := cmp.Diff(numbers(row), numbers(got)); d != "" {
						t.Errorf("row %d: %s", i, d)
					}
					for _, path := range want.Refused {
						if _, err := record.Find(path); err == nil || !strings.Contains(err.Error(), path) {
							t.Errorf("row %d: asking for %s gives %v, want an error that names it", i, path,
								err)
						}
					}
				}
				if _, err := r.Next(); err != io.EOF {
					t.Errorf("after the last row: %v", err)
				}
			})
		}
	}
}

// numbers makes numbers comparable: =18.00 stands for exactly that text, others for
// their value.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = numbers(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = numbers(e)
		}
		return out
	case json.Number:
		if f, err := v.Float64(); err == nil && !strings.Contains(string(v), ".0") && len(v) < 17 {
			return f
		}
		if strings.ContainsAny(string(v), "eE") {
			f, _ := v.Float64()
			return f
		}
		return "=" + string(v)
	case string:
		return v
	}
	return v
}
