// Package dataset reads the records of a dataset on disk, whatever its format:
// JSON lines, a JSON array, TSV, CSV, Parquet and Arrow IPC files and streams, in
// one file, several shards, a folder that save_to_disk wrote, or a dataset
// repository as it lies in the hub cache.
//
// Invariants: records come in the order of the files, shards in the order of their
// numbers; a shard that is missing is an error, not fewer records; an error names
// the file and the row; no file makes it panic.
package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/filetype"
	"github.com/stele-lm/stele/internal/jsonl"
)

// Options say which part of a dataset is read, and how.
type Options struct {
	// Config is the subset of a dataset repository; empty for its only or default one.
	Config string
	// Split is "train", "test" or what else the dataset calls its parts; empty for
	// the only one, or "test" of several.
	Split string
	// Columns name the columns of TSV and CSV files without a header. A first row
	// that holds one of these names is a header all the same. Without Columns the
	// first row is the header.
	Columns []string
	// Header are further names of columns that tell a header, whatever their case.
	Header []string
	// Say gets a line about a file of which Columns name the columns, though it may have a header that Header does
	// not know; nil is silent.
	Say io.Writer
	// Quoted says that TSV is quoted as CSV is; CSV always is.
	Quoted bool
}

// Extensions are the endings that tell a data file's format; each but parquet and
// arrow may be followed by .gz.
var Extensions = []string{".jsonl", ".ndjson", ".json", ".tsv", ".csv", ".parquet", ".arrow"}

// Extension returns the ending of a name that tells its format, without .gz, or "".
func Extension(name string) string {
	name = strings.ToLower(name)
	bare := strings.TrimSuffix(name, ".gz")
	for _, e := range Extensions {
		if strings.HasSuffix(bare, e) && (bare == name || e != ".parquet" && e != ".arrow") {
			return e
		}
	}
	return ""
}

// source gives the records of one file.
type source interface {
	// Next returns the next record, or io.EOF.
	Next() (*jsonl.Record, error)
	// Where is the file and row of the last record.
	Where() string
	Close() error
}

// Reader gives the records of a dataset one after another.
type Reader struct {
	files   []string
	options Options
	current source
	where   string
}

// Open opens a dataset: a file, or a folder whose files Files finds.
func Open(name string, o Options) (*Reader, error) {
	files, err := Files(name, o)
	if err != nil {
		return nil, err
	}
	return OpenFiles(files, o), nil
}

// OpenFiles reads the given files one after another.
func OpenFiles(files []string, o Options) *Reader {
	return &Reader{files: slices.Clone(files), options: o, where: strings.Join(files, ", ")}
}

// Next returns the next record, or io.EOF after the last.
func (r *Reader) Next() (*jsonl.Record, error) {
	for {
		if r.current == nil {
			if len(r.files) == 0 {
				return nil, io.EOF
			}
			next, err := openSource(r.files[0], r.options)
			if err != nil {
				return nil, err
			}
			r.files = r.files[1:]
			r.current = next
		}
		record, err := r.current.Next()
		if err == nil {
			r.where = r.current.Where()
			return record, nil
		}
		if err != io.EOF {
			return nil, err
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
}

// Where returns the file and row of the last record, for errors about its content; before the first, the files.
func (r *Reader) Where() string { return r.where }

// Close closes the file that is open.
func (r *Reader) Close() error {
	if r.current == nil {
		return nil
	}
	err := r.current.Close()
	r.current = nil
	return err
}

// openSource opens one file by the ending of its name.
func openSource(name string, o Options) (source, error) {
	if err := checkKind(name); err != nil {
		return nil, err
	}
	switch Extension(name) {
	case ".jsonl", ".ndjson":
		return jsonl.Open(name)
	case ".json":
		return openJSON(name)
	case ".tsv":
		return openTable(name, '\t', o.Quoted, o)
	case ".csv":
		return openTable(name, ',', true, o)
	case ".parquet":
		return openParquet(name)
	case ".arrow":
		return openArrow(name)
	}
	return nil, fmt.Errorf("%s: format not known: expected a name that ends in %s", name,
		strings.Join(Extensions, ", "))
}

// checkKind refuses a file that is something else than its name says.
func checkKind(name string) error {
	extension := Extension(name)
	kind := filetype.OfFile(name)
	expected := filetype.Unknown
	switch {
	case extension == "" && kind == filetype.Unknown:
		return nil // openSource says what names are known
	case extension == ".parquet":
		expected = filetype.Parquet
	case extension == ".arrow":
		expected = filetype.Arrow // or a stream, which has no mark
	case strings.HasSuffix(strings.ToLower(name), ".gz"):
		expected = filetype.Gzip
	}
	switch {
	case kind == filetype.Unknown || kind == expected:
		return nil
	case kind == filetype.Empty:
		return fmt.Errorf("%s is %s", name, kind)
	case kind == filetype.Gzip && extension != "":
		return fmt.Errorf("%s is a gzip file: rename it to %s.gz, or unpack it", name, filepath.Base(name))
	case kind == filetype.Parquet || kind == filetype.Arrow:
		return fmt.Errorf("%s is %s: rename it to end in .%s", name, kind,
			strings.ToLower(strings.Fields(string(kind))[1]))
	case extension == "":
		return fmt.Errorf("%s is %s (expected data: a name that ends in %s)", name, kind,
			strings.Join(Extensions, ", "))
	}
	return fmt.Errorf("%s is %s (expected what its name says, %s)", name, kind,
		strings.TrimPrefix(extension, "."))
}

// Files lists the data files of a path, in order: the path itself where it is a
// file; the shards of a folder that save_to_disk wrote; else the files of a dataset
// repository, as its README.md declares them or its names tell.
func Files(name string, o Options) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	if what := notDataset(name); what != "" {
		return nil, fmt.Errorf("%s is %s: expected a dataset", name, what)
	}
	for _, layout := range []func(string, Options) ([]string, error){dictFiles, savedFiles, declaredFiles,
		namedFiles} {
		files, err := layout(name, o)
		if !errors.Is(err, errOtherLayout) {
			return files, err
		}
	}
	if what := filetype.Folder(name); what != "" {
		return nil, fmt.Errorf("%s is %s", name, what)
	}
	return nil, fmt.Errorf("%s holds no data file: expected %s", name, strings.Join(Extensions, ", "))
}

// notDataset says what a folder is that has the marks of a model's; "" for others.
func notDataset(dir string) string {
	for _, mark := range []string{"adapter_config.json", "config.json", "tokenizer.json"} {
		if _, err := os.Stat(filepath.Join(dir, mark)); err == nil && filetype.Folder(dir) != "" {
			return filetype.Folder(dir)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "*.gguf")); len(found) > 0 {
		return filetype.Folder(dir)
	}
	return ""
}

// Match makes a test of paths, with slashes, from a pattern: * and ? stay within a
// folder, ** does not, and a pattern without a slash matches a name in any folder.
func Match(pattern string) (func(path string) bool, error) {
	expression, err := globExpression(pattern)
	if err != nil {
		return nil, err
	}
	bare := !strings.Contains(pattern, "/")
	return func(p string) bool {
		return expression.MatchString(p) || bare && expression.MatchString(path.Base(p))
	}, nil
}

// Glob lists the files under root that a pattern with *, ? and ** matches, in
// order, shards complete.
func Glob(root, pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, "*?") {
		return []string{filepath.Join(root, filepath.FromSlash(pattern))}, nil
	}
	names, err := tree(root)
	if err != nil {
		return nil, err
	}
	expression, err := globExpression(pattern)
	if err != nil {
		return nil, err
	}
	matched := slices.DeleteFunc(names, func(n string) bool { return !expression.MatchString(n) })
	if len(matched) == 0 {
		return nil, fmt.Errorf("%s: no file matches %s", root, pattern)
	}
	return complete(root, matched)
}
