package main

import (
	"context"
	"fmt"
	"io"

	"stele/engine/jsonl"
)

// required reads a field that must be there.
func required(record *jsonl.Record, key string, v any) error {
	found, err := record.Decode(key, v)
	if err == nil && !found {
		err = fmt.Errorf("no %q", key)
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
	for ctx.Err() == nil {
		record, err := r.Next()
		if err == io.EOF {
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
