package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/stele-lm/stele/internal/jsonl"
)

// batches gives the rows of Arrow record batches.
type batches struct {
	path  string
	next  func() (arrow.RecordBatch, error) // io.EOF after the last; valid until the next call
	close func() error
	batch arrow.RecordBatch
	limit int64 // rows that a batch may believably have
	means []meaning
	at    int // row of the batch that comes next
	row   int // rows given
}

// guarded calls f and turns a panic of the Arrow library into an error: it checks
// less of a file than a file from anywhere needs.
func guarded(where string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: the file is damaged: %v", where, r)
		}
	}()
	if err = f(); err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", where, err)
	}
	return err
}

// Next implements source.
func (b *batches) Next() (*jsonl.Record, error) {
	var record *jsonl.Record
	err := guarded(fmt.Sprintf("%s: row %d", b.path, b.row+1), func() error {
		for b.batch == nil || int64(b.at) >= b.batch.NumRows() {
			batch, err := b.next()
			if err != nil {
				return err
			}
			if batch.NumRows() > b.limit {
				return fmt.Errorf("the file is damaged: it says to hold %d rows", batch.NumRows())
			}
			b.batch, b.at = batch, 0
		}
		var err error
		record, err = rowOf(b.batch, b.means, b.at)
		return err
	})
	if err != nil {
		return nil, err
	}
	b.at++
	b.row++
	return record, nil
}

// rowOf makes a record of a row, its columns in their order; meanings are the columns'.
func rowOf(batch arrow.RecordBatch, meanings []meaning, row int) (*jsonl.Record, error) {
	record := jsonl.NewRecord()
	e := encoder{record: record}
	for i, column := range batch.Columns() {
		name := batch.ColumnName(i)
		if record.Has(name) {
			return nil, fmt.Errorf("column %.80q appears twice", name)
		}
		if row >= column.Len() {
			return nil, fmt.Errorf("column %.80q has %d rows only", name, column.Len())
		}
		var of *meaning
		if i < len(meanings) {
			of = &meanings[i]
		}
		e.path = append(e.path[:0], name)
		value, err := e.value(nil, column, of, row)
		if no := (refusal{}); errors.As(err, &no) {
			record.Refuse(name, no.why)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("column %.80q %w", name, err)
		}
		if err := record.Set(name, json.RawMessage(value)); err != nil {
			return nil, err
		}
	}
	return record, nil
}

func meaningsOf(s *arrow.Schema) []meaning {
	var out []meaning
	for _, f := range s.Fields() {
		out = append(out, meaningOf(f))
	}
	return out
}

// Where implements source.
func (b *batches) Where() string { return fmt.Sprintf("%s: row %d", b.path, b.row) }

// Close implements source.
func (b *batches) Close() error {
	return guarded(b.path, b.close)
}

// limitedMemory refuses single allocations that no sound file of a size asks for,
// so that a damaged length cannot take the machine's memory.
type limitedMemory struct {
	memory.Allocator
	limit int
}

// limitFor bounds what is unpacked at once from a file: one batch or row group.
func limitFor(size int64) limitedMemory {
	return limitedMemory{memory.NewGoAllocator(), int(min(max(64<<20, 64*size), 4<<30))}
}

// Allocate implements memory.Allocator.
func (m limitedMemory) Allocate(size int) []byte {
	if size < 0 || size > m.limit {
		panic(fmt.Sprintf("it asks for %d bytes, and at most %d are plausible", size, m.limit))
	}
	return m.Allocator.Allocate(size)
}

// Reallocate implements memory.Allocator.
func (m limitedMemory) Reallocate(size int, b []byte) []byte {
	if size < 0 || size > m.limit {
		panic(fmt.Sprintf("it asks for %d bytes, and at most %d are plausible", size, m.limit))
	}
	return m.Allocator.Reallocate(size, b)
}

// seekable is a file that the columnar formats are read from.
type seekable interface {
	io.Reader
	io.ReaderAt
	io.Seeker
}

// unclosed keeps the Parquet reader from closing a file that it did not open.
type unclosed struct{ seekable }

func openArrow(path string) (source, error) {
	return openColumnar(path, newArrow)
}

func openParquet(path string) (source, error) {
	return openColumnar(path, newParquet)
}

func openColumnar(path string, open func(string, seekable, int64) (*batches, error)) (source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	b, err := open(path, f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	inner := b.close
	b.close = func() error { return errors.Join(inner(), f.Close()) }
	return b, nil
}

// newArrow reads Arrow IPC: a file with its footer, or a stream, as the datasets
// library writes it.
func newArrow(path string, in seekable, size int64) (*batches, error) {
	b := &batches{path: path, limit: int64(limitFor(size).limit)}
	err := guarded(path, func() error {
		options := []ipc.Option{
			ipc.WithAllocator(limitFor(size)), ipc.WithMetadataSizeLimit(max(1, size)),
			ipc.WithBodySizeLimit(max(1, size)),
		}
		magic := make([]byte, 6)
		if n, err := in.ReadAt(magic, 0); n == 0 {
			return fmt.Errorf("empty, expected Arrow IPC: %w", unexpected(err))
		}
		if string(magic) == "ARROW1" {
			if err := checkFile(in, size); err != nil {
				return err
			}
			r, err := ipc.NewFileReader(in, options...)
			if err != nil {
				return err
			}
			b.means = meaningsOf(r.Schema())
			i := 0
			b.next = func() (arrow.RecordBatch, error) {
				if i >= r.NumRecords() {
					return nil, io.EOF
				}
				i++
				return r.RecordBatch(i - 1)
			}
			b.close = r.Close
			return nil
		}
		if err := checkStream(in, size); err != nil {
			return err
		}
		r, err := ipc.NewReader(io.NewSectionReader(in, 0, size), options...)
		if err != nil {
			return err
		}
		b.means = meaningsOf(r.Schema())
		b.next = func() (arrow.RecordBatch, error) {
			if r.Next() {
				return r.RecordBatch(), nil
			}
			if err := r.Err(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		b.close = func() error { r.Release(); return nil }
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// checkChunks checks that the columns of a Parquet file lie in it: the library reads
// nested ones in goroutines of its own, where no recover catches what it makes of others.
func checkChunks(m *metadata.FileMetaData, size int64) error {
	for i := range m.NumRowGroups() {
		group := m.RowGroup(i)
		for j := range group.NumColumns() {
			chunk, err := group.ColumnChunk(j)
			if err != nil {
				return err
			}
			first, length := chunk.DataPageOffset(), chunk.TotalCompressedSize()
			if chunk.HasDictionaryPage() {
				first = min(first, chunk.DictionaryPageOffset())
			}
			if first < 0 || length < 0 || first > size || length > size-first || chunk.NumValues() < 0 ||
				chunk.TotalUncompressedSize() < 0 {
				return fmt.Errorf("the file is damaged: row group %d, column %d claims %d bytes at byte %d of "+
					"%d", i, j, length, first, size)
			}
		}
	}
	return nil
}

// rowsAtOnce is the number of Parquet rows in memory at a time.
const rowsAtOnce = 1024

func newParquet(path string, in seekable, size int64) (*batches, error) {
	b := &batches{path: path, limit: int64(limitFor(size).limit)}
	err := guarded(path, func() error {
		mem := limitFor(size)
		f, err := file.NewParquetReader(unclosed{in}, file.WithReadProps(parquet.NewReaderProperties(mem)))
		if err != nil {
			return err
		}
		if err := checkChunks(f.MetaData(), size); err != nil {
			return err
		}
		origin := takeOrigin(f.MetaData())
		arrowFile, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: rowsAtOnce}, mem)
		if err != nil {
			return err
		}
		for i := range arrowFile.Manifest.Fields {
			field := &arrowFile.Manifest.Fields[i]
			b.means = append(b.means, parquetMeaning(field, f.MetaData().Schema, origin[field.Field.Name]))
		}
		r, err := arrowFile.GetRecordReader(context.Background(), nil, nil)
		if err != nil {
			return err
		}
		b.next = func() (arrow.RecordBatch, error) {
			if r.Next() {
				return r.RecordBatch(), nil
			}
			if err := r.Err(); err != nil && err != io.EOF {
				return nil, err
			}
			return nil, io.EOF
		}
		b.close = func() error { r.Release(); return f.Close() }
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}
