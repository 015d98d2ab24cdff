package trainer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/trainer/memory"
)

// checkpoints counts the checkpoints that a run has at most at a time: those that stay, and
// the one that is written before the oldest goes.
func (c Config) checkpoints() int {
	all := (c.Steps + c.Save.Every - 1) / c.Save.Every
	if c.Save.KeepBest > 0 || c.Eval.Patience > 0 {
		all += c.Steps / c.Eval.Every
	}
	if c.Save.KeepLast == 0 {
		return all
	}
	return min(all, c.Save.KeepLast+c.Save.KeepBest+1)
}

// DiskBytes returns the most bytes that a run's checkpoints take at a time, by its memory plan.
func (c Config) DiskBytes(p memory.Plan) int64 {
	return int64(c.checkpoints()) * p.CheckpointBytes(c.LoRA)
}

// checkDisk refuses a run whose checkpoints its disk has no room for.
func (r *run) checkDisk(p memory.Plan, parameters int64) error {
	need := int64(r.config.checkpoints()) * r.savedBytes(p, parameters)
	err := filepath.WalkDir(filepath.Join(r.dir, "checkpoints"),
		func(_ string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				need -= info.Size() // what is there is overwritten in time
			}
			return err
		})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there, err := jsonl.Existing(r.dir)
	if err != nil {
		return err
	}
	var disk unix.Statfs_t
	if unix.Statfs(there, &disk) != nil {
		return nil // it does not say
	}
	if free := int64(disk.Bavail) * disk.Bsize; need > free {
		return fmt.Errorf("the checkpoints need about %d MiB of disk, %s has %d MiB free: lower "+
			"save.keep_last (%d; 0 keeps all), set optimizer.state=int8, or choose another --out",
			need>>20, there, free>>20, r.config.Save.KeepLast)
	}
	return nil
}
