package engine

import (
	"stele/engine/model"
	"stele/engine/paged"
	"stele/engine/schedule"
	"stele/kernels/host"
)

// hostSteps executes steps on the memory of this process, without padding: rows of
// one token and chunks of prompts run together.
type hostSteps struct {
	host  *model.Host
	pool  *host.Pool
	items []model.HostItem
}

func (h *hostSteps) copyPages(copies []paged.Copy) error {
	for _, c := range copies {
		h.pool.CopyPage(int(c.Src), int(c.Dst))
	}
	return nil
}

func (h *hostSteps) step(items []schedule.Item) ([]float32, error) {
	h.items = h.items[:0]
	for _, item := range items {
		h.items = append(h.items, model.HostItem{
			Tokens: item.Tokens, Start: item.Start, Blocks: item.Seq.Table.Blocks, Logits: min(1, len(item.Sample)),
		})
	}
	return h.host.Step(h.items, h.pool)
}

func (h *hostSteps) bytes() int { return h.pool.Bytes() }

func (h *hostSteps) close() { h.pool.Close() }
