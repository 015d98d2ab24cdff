package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/internal/markdown"
	"github.com/stele-lm/stele/kernels/backend"
)

// benchRow is one test. Names are llama-bench's where it has them.
type benchRow struct {
	Model     string    `json:"model"`
	Size      int64     `json:"model_size"` // bytes of the weights in their dtype
	Params    int64     `json:"n_params"`
	Backend   string    `json:"backend"` // what ran it: host kernels, or a backend's graphs
	DType     string    `json:"dtype"`
	Threads   int       `json:"n_threads"`
	Devices   int       `json:"n_devices"` // GPUs that share the work
	Test      string    `json:"test"`
	Prompt    int       `json:"n_prompt"`
	Generate  int       `json:"n_gen"`
	Depth     int       `json:"n_depth"`
	Batch     int       `json:"n_batch"`   // sequences together
	Tokens    float64   `json:"avg_ts"`    // tokens a second
	Deviation float64   `json:"stddev_ts"` // over the repetitions
	SamplesTS []float64 `json:"samples_ts"`
	SamplesNS []int64   `json:"samples_ns"`
	CompileS  float64   `json:"compile_s"` // of programs, not in the samples
	WarmupS   float64   `json:"warmup_s"`  // the run before the first sample, without compiling

	Requests     int     `json:"requests,omitempty"` // of an offline run
	InputTokens  int     `json:"input_tokens,omitempty"`
	OutputTokens int     `json:"output_tokens,omitempty"`
	Seconds      float64 `json:"seconds,omitempty"`

	Bytes float64 `json:"bytes_per_token"` // read for a decoded token; 0 for other tests
	// bytes a second: of a decode test the limit, else that of other memory
	Bandwidth float64 `json:"bandwidth"`
	Share     float64 `json:"bandwidth_share"`      // of the limit, reached by a decode test
	FLOPS     float64 `json:"flops,omitempty"`      // operations a second that a training pass's model needs
	Peak      float64 `json:"peak_flops,omitempty"` // of a plain matrix product
	MFU       float64 `json:"mfu,omitempty"`        // FLOPS / Peak
	Pool      int64   `json:"kv_pool_bytes"`
	PeakRSS   int64   `json:"peak_rss_bytes"` // of all generation tests together
	Memory    float64 `json:"rss_ratio"`      // peak RSS / (weights + key-value pool)

	limits []float64 // bytes a second, beside each of SamplesTS
}

// benchReport holds the results of a run of stele bench.
type benchReport struct {
	Rows      []benchRow
	Footprint engine.Footprint
	Bandwidth float64
	Peak      float64 // operations a second of a plain matrix product; 0 without a training step
	PeakRSS   int64
	OnHost    bool             // weights and pool lie in the memory of this process
	Hardware  backend.Hardware // elsewhere: what they lie on
}

// write writes the report as md, csv, json or jsonl.
func (p *benchReport) write(out io.Writer, format string) error {
	switch format {
	case "json":
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(p.Rows)
	case "jsonl":
		enc := json.NewEncoder(out)
		for _, r := range p.Rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	case "csv":
		return p.writeCSV(out)
	}
	return p.writeMarkdown(out)
}

// writeCSV has a column for each JSON field that is a single value.
func (p *benchReport) writeCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	var header []string
	var columns []int
	kind := reflect.TypeFor[benchRow]()
	for i := range kind.NumField() {
		if kind.Field(i).IsExported() && kind.Field(i).Type.Kind() != reflect.Slice {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			header, columns = append(header, name), append(columns, i)
		}
	}
	err := w.Write(header)
	for _, r := range p.Rows {
		var record []string
		for _, i := range columns {
			switch v := reflect.ValueOf(r).Field(i).Interface().(type) {
			case float64:
				record = append(record, strconv.FormatFloat(v, 'g', 6, 64))
			default:
				record = append(record, fmt.Sprint(v))
			}
		}
		err = errors.Join(err, w.Write(record))
	}
	w.Flush()
	return errors.Join(err, w.Error())
}

func (p *benchReport) writeMarkdown(out io.Writer) error {
	table := markdown.Table{
		Head: []string{"model", "size", "params", "backend", "dtype", "threads", "test", "t/s", "compile s",
			"MB/t", "% of limit"},
		Right: []bool{false, true, true, false, false, true, false, true, true, true, true},
	}
	for _, r := range p.Rows {
		bytes, share := "", ""
		if r.Bytes > 0 {
			bytes, share = fmt.Sprintf("%.1f", r.Bytes/1e6), fmt.Sprintf("%.0f", 100*r.Share)
		}
		if r.MFU > 0 {
			share = fmt.Sprintf("%.0f", 100*r.MFU)
		}
		table.Rows = append(table.Rows, []string{r.Model, mebibytes(r.Size),
			fmt.Sprintf("%.2f M", float64(r.Params)/1e6), r.Backend, r.DType,
			strconv.Itoa(r.Threads), r.Test, fmt.Sprintf("%.2f ± %.2f", r.Tokens, r.Deviation),
			fmt.Sprintf("%.2f", r.CompileS), bytes, share})
	}
	var b strings.Builder
	b.WriteString(table.Aligned(" ", 3))
	for _, r := range p.Rows {
		if r.Requests > 0 {
			fmt.Fprintf(&b,
				"\n%s: %d prompt and %d output tokens in %.1f s, %.2f requests/s, %.1f tokens/s in all\n",
				r.Test, r.InputTokens, r.OutputTokens,
				r.Seconds, float64(r.Requests)/r.Seconds, float64(r.InputTokens+r.OutputTokens)/r.Seconds)
		}
	}
	weights, pool := p.Footprint.Weights, p.Footprint.Pool
	fmt.Fprintf(&b, "\nmemory read: %.1f GB/s\n", p.Bandwidth/1e9)
	if ratio := float64(p.PeakRSS) / float64(weights+pool); p.OnHost {
		fmt.Fprintf(&b, "peak RSS: %s = %.2f × (weights %s + key-value pool %s)\n", mebibytes(p.PeakRSS),
			ratio, mebibytes(weights), mebibytes(pool))
	} else {
		fmt.Fprintf(&b, "%s: peak %s, weights %s, key-value pool %s\n", p.Hardware.Kind,
			mebibytes(p.Hardware.Peak), mebibytes(weights), mebibytes(pool))
	}
	if p.Peak > 0 {
		fmt.Fprintf(&b, "matrix product: %.0f GFLOP/s\n", p.Peak/1e9)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func mebibytes(n int64) string { return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20)) }
