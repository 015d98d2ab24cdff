package model_test

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/hostmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// openHost opens a test model for Host, as it lies in its file.
func openHost(t *testing.T, name string, dtype dtypes.DType, threads int) *hostmodel.Model {
	t.Helper()
	folder, err := checkpoint.Open(filepath.Join(testdata, "models", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	device, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	team := host.NewTeam(threads)
	t.Cleanup(team.Close)
	h, err := hostmodel.New(model.Open(folder, device, dtype), team)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// hostTable is a page table of shuffled pages for n tokens.
func hostTable(n, slots, pages int) []int32 {
	table := make([]int32, (n+slots-1)/slots)
	for i := range table {
		table[i] = int32(1 + (i*7)%(pages-1))
	}
	return table
}

// hostPrefill feeds ids in chunks and returns the last logits.
func hostPrefill(t *testing.T, h *hostmodel.Model, ids []int32, slots, chunk int) []float32 {
	t.Helper()
	pages := 2 + (len(ids)+slots-1)/slots
	for pages%7 == 1 { // 7 must step through all pages but the first
		pages++
	}
	pool, err := h.NewPool(pages, slots)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	table := hostTable(len(ids), slots, pages)
	var logits []float32
	for from := 0; from < len(ids); from += chunk {
		to := min(from+chunk, len(ids))
		var err error
		logitsOf := 0
		if to == len(ids) {
			logitsOf = 1
		}
		logits, err = h.Step([]hostmodel.Item{{Tokens: ids[from:to], Start: from, Table: table,
			Logits: logitsOf}}, pool)
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.Clone(logits)
}

// TestHost compares the step without a graph with transformers, and with itself:
// chunks, page sizes and threads change no bit.
func TestHost(t *testing.T) {
	for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
		one, two := openHost(t, name, dtypes.Float32, 1), openHost(t, name, dtypes.Float32, 2)
		for index, c := range readForward(t, name) {
			want := hostPrefill(t, one, c.PromptIDs, 16, 512)
			for i, logit := range c.LastLogits {
				if math.Abs(float64(want[i]-logit)) > 1e-4 {
					t.Fatalf("%s case %d: logit %d is %g, want %g", name, index, i, want[i], logit)
				}
			}
			for _, run := range []struct {
				h                     *hostmodel.Model
				threads, slots, chunk int
			}{{two, 2, 16, 512}, {one, 1, 4, 19}, {two, 2, 6, 7}, {one, 1, 32, 1}} {
				if got := hostPrefill(t, run.h, c.PromptIDs, run.slots, run.chunk); !slices.Equal(got, want) {
					t.Errorf("%s case %d: pages of %d, chunks of %d, %d threads: other bits", name, index,
						run.slots, run.chunk, run.threads)
				}
			}
		}
	}
}

// TestHostBatch: the logits of a row do not depend on the rows beside it.
func TestHostBatch(t *testing.T) {
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16, dtypes.Int8, model.W8A8, dtypes.Int4} {
		h := openHost(t, "tiny-qwen2", dtype, 2)
		cases := readForward(t, "tiny-qwen2")
		V := len(cases[0].LastLogits)
		const slots = 8
		pool, err := h.NewPool(256, slots)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		var items []hostmodel.Item
		next := int32(1)
		for i := range 40 { // more rows than the threshold at which weights are widened
			ids := cases[i%len(cases)].PromptIDs
			ids = ids[:min(len(ids), 1+3*(i%9))]
			item := hostmodel.Item{Tokens: ids, Logits: 1}
			for range (len(ids) + slots - 1) / slots {
				item.Table = append(item.Table, next)
				next++
			}
			items = append(items, item)
		}
		logits, err := h.Step(items, pool)
		if err != nil {
			t.Fatal(err)
		}
		together := slices.Clone(logits)
		for i, item := range items {
			if alone := hostPrefill(t, h, item.Tokens, 16, 512); !slices.Equal(alone, together[i*V:(i+1)*V]) {
				t.Errorf("%s: row %d differs in a batch", dtype, i)
			}
		}
	}
}

// TestHostWanted: logits are those of a step of which the logits of every token are wanted, and so are later
// tokens' logits, which see the keys and values of both.
func TestHostWanted(t *testing.T) {
	const slots = 8
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16, model.W8A8} {
		h := openHost(t, "tiny-llama31", dtype, 2)
		c := readForward(t, "tiny-llama31")[0]
		V := len(c.LastLogits)
		var items []hostmodel.Item
		next := int32(0)
		for _, wanted := range []struct{ tokens, logits int }{{20, 1}, {12, 0}, {1, 1}, {7, 3}, {40, 0}, {3, 3}} {
			item := hostmodel.Item{Logits: wanted.logits}
			for i := range wanted.tokens {
				item.Tokens = append(item.Tokens, c.PromptIDs[(7*i+wanted.tokens)%len(c.PromptIDs)])
			}
			for range wanted.tokens/slots + 1 {
				item.Table = append(item.Table, next)
				next++
			}
			items = append(items, item)
		}
		// run computes the items, and then one more token of each; all says that every logit is wanted.
		run := func(all bool) (of [][]float32) {
			pool, err := h.NewPool(int(next), slots)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			step := func(items []hostmodel.Item, keep func(i int) int) {
				logits, err := h.Step(items, pool)
				if err != nil {
					t.Fatal(err)
				}
				for i, item := range items {
					of = append(of, slices.Clone(logits[(item.Logits-keep(i))*V:item.Logits*V]))
					logits = logits[item.Logits*V:]
				}
			}
			first, second := slices.Clone(items), slices.Clone(items)
			for i := range items {
				if all {
					first[i].Logits = len(first[i].Tokens)
				}
				second[i].Start, second[i].Tokens, second[i].Logits = len(items[i].Tokens), items[i].Tokens[:1], 1
			}
			step(first, func(i int) int { return items[i].Logits })
			step(second, func(int) int { return 1 })
			return of
		}
		for i, want := range run(true) {
			if got := run(false)[i]; !slices.Equal(got, want) {
				t.Errorf("%s: logits of item %d differ where others are not wanted", dtype, i)
			}
		}
	}
}

// TestHostDTypes bounds what rounding the weights, and the pool to bfloat16, does
// to the logits: the root mean square of the difference by that of the logits.
// A bfloat16 weight is off by 0.1 % of itself, an int8 one by 0.7 % of a usual one,
// an int4 one by 9 %.
func TestHostDTypes(t *testing.T) {
	for _, held := range []struct {
		dtype dtypes.DType
		bound float64
	}{{dtypes.BFloat16, 0.01}, {dtypes.Int8, 0.05}, {model.W8A8, 0.05}, {dtypes.Int4, 0.4}} {
		for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
			h := openHost(t, name, held.dtype, 2)
			difference, square := 0.0, 0.0
			for _, c := range readForward(t, name) {
				for i, got := range hostPrefill(t, h, c.PromptIDs, 16, 512) {
					want := float64(c.LastLogits[i])
					difference += (float64(got) - want) * (float64(got) - want)
					square += want * want
				}
			}
			relative := math.Sqrt(difference / square)
			t.Logf("%s %s: relative difference of the logits %.4f", name, held.dtype, relative)
			if relative > held.bound {
				t.Errorf("%s %s: the logits differ by %.4f of their size, bound %.4f", name, held.dtype,
					relative, held.bound)
			}
		}
	}
}
