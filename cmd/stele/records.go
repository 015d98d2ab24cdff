package main

import (
	"context"
	"fmt"
	"io"

	"github.com/stele-lm/stele/internal/jsonl"
)

// required reads a field that must be there.
func required(record *jsonl.Record, key string, v any) error {
	found, err := record.Decode(key, v)
	if err == nil && !found {
		err = record.Lacks(key)
	}
	return err
}

// mapRecords writes every record of in to out after change has been at it. The
// output file appears whole or not at all.
func mapRecords(ctx context.Context, in, out string, change func(*jsonl.Record) error) error {
	r, err := jsonl.Open(in)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := jsonl.Create(out)
	if err != nil {
		return err
	}
	defer w.Abort()
	for n := 0; ctx.Err() == nil; n++ {
		record, err := r.Next()
		if err == io.EOF {
			if n == 0 {
				return noRecord(in)
			}
			return w.Close()
		}
		if err != nil {
			return err
		}
		if err := change(record); err != nil {
			return fmt.Errorf("%s: %w", r.Where(), err)
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// noRecord says that an input is empty: what wrote it has probably failed.
func noRecord(in string) error {
	if in == "-" {
		in = "stdin"
	}
	return fmt.Errorf("%s is empty: expected JSONL, one object a line", in)
}
