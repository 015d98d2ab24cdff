package engine

import (
	"stele/engine/model"
	"stele/engine/paged"
	"stele/engine/schedule"
	"stele/kernels/host"
	"stele/sampler"
)

// hostSteps executes steps on the memory of this process, without padding: rows of
// one token and chunks of prompts run together.
type hostSteps struct {
	host  *model.Host
	pool  *host.Pool
	items []model.HostItem
	rows  []int // of each item among the logits

	samplers []sampler.Sampler
}

func (h *hostSteps) copyPages(copies []paged.Copy) error {
	for _, c := range copies {
		h.pool.CopyPage(int(c.Src), int(c.Dst))
	}
	return nil
}

func (h *hostSteps) step(items []schedule.Item, draws []draw) error {
	h.items, h.rows = h.items[:0], h.rows[:0]
	row := 0
	for _, item := range items {
		wanted := min(1, len(item.Sample))
		h.items = append(h.items, model.HostItem{Tokens: item.Tokens, Start: item.Start, Blocks: item.Seq.Table.Blocks, Logits: wanted})
		h.rows = append(h.rows, row)
		row += wanted
	}
	logits, err := h.host.Step(h.items, h.pool)
	if err != nil {
		return err
	}
	if len(draws) > 0 {
		drawFrom(&h.samplers, logits, len(logits)/row, draws, func(d *draw) int { return h.rows[d.item] })
	}
	return nil
}

func (h *hostSteps) bytes() int { return h.pool.Bytes() }

func (h *hostSteps) close() { h.pool.Close() }
