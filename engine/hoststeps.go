package engine

import (
	"github.com/stele-lm/stele/engine/model/hostmodel"
	"github.com/stele-lm/stele/engine/paged"
	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/sampler"
)

// hostSteps executes steps on the memory of this process, without padding: rows of
// one token and chunks of prompts run together.
type hostSteps struct {
	host  *hostmodel.Model
	pool  *host.Pool
	items []hostmodel.Item

	samplers []sampler.Sampler
}

func (h *hostSteps) copyPages(copies []paged.Copy) error {
	for _, c := range copies {
		h.pool.CopyPage(int(c.Src), int(c.Dst))
	}
	return nil
}

func (h *hostSteps) step(items []schedule.Item, draws []draw) error {
	h.items = h.items[:0]
	for _, item := range items {
		h.items = append(h.items, hostmodel.Item{
			Tokens: item.Tokens, Start: item.Start, Table: item.Seq.Table.Pages,
			Logits: min(1, len(item.Sample)) + item.Draft,
		})
	}
	logits, err := h.host.Step(h.items, h.pool)
	if err != nil {
		return err
	}
	if n := len(draws); n > 0 {
		rows := draws[n-1].row + 1 + len(draws[n-1].guess)
		drawFrom(&h.samplers, logits, len(logits)/rows, draws, func(d *draw) int { return d.row })
	}
	return nil
}

func (h *hostSteps) bytes() int { return h.pool.Bytes() }

func (h *hostSteps) close() { h.pool.Close() }
