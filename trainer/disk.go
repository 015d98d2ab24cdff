package trainer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"stele/engine/checkpoint"
)

// checkpointBytes is about how large a checkpoint is: the model, the moments, and the
// masters or the adapter.
func (p MemoryPlan) checkpointBytes(c Config) int64 {
	n := p.Optimizer
	if c.LoRA.Rank == 0 || c.LoRA.Merge {
		n += p.Weights
	}
	if c.LoRA.Rank > 0 { // the factors are among the masters, and a file of their own
		n += p.Gradients
	}
	return n
}

// checkpoints is how many checkpoints a run has at most at a time: those that stay, and
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

// checkFolder refuses a folder that cannot be made or written.
func checkFolder(dir string) error {
	there, err := existing(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(there)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder: choose another --out", there)
	case unix.Access(there, unix.W_OK|unix.X_OK) != nil:
		return fmt.Errorf("%s cannot be written by this user: choose another --out", there)
	}
	return nil
}

// existing is the folder that is there already of those that lead to dir, and itself.
func existing(dir string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(at)
		if err == nil || at == filepath.Dir(at) {
			return at, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			return "", err
		}
		at = filepath.Dir(at)
	}
}

// checkDisk refuses a run whose checkpoints its disk has no room for.
func (r *run) checkDisk(p MemoryPlan) error {
	need := int64(r.config.checkpoints()) * p.checkpointBytes(r.config)
	err := filepath.WalkDir(filepath.Join(r.dir, "checkpoints"), func(_ string, entry fs.DirEntry, err error) error {
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
	there, err := existing(r.dir)
	if err != nil {
		return err
	}
	var disk unix.Statfs_t
	if unix.Statfs(there, &disk) != nil {
		return nil // it does not say
	}
	if free := int64(disk.Bavail) * disk.Bsize; need > free {
		return fmt.Errorf("the checkpoints need about %d MiB of disk, %s has %d MiB free: lower save.keep_last (%d; 0 keeps all), "+
			"set optimizer.state=int8, or choose another --out", need>>20, there, free>>20, r.config.Save.KeepLast)
	}
	return nil
}

// checkPositions refuses completions for which the model has no positions.
func checkPositions(c *Config, m *checkpoint.Config, prompt int) error {
	if c.Algorithm == AlgorithmSFT || prompt+c.Rollout.MaxTokens <= m.MaxPositions {
		return nil // solutions that are too long are left out, and counted
	}
	return fmt.Errorf("rollout.max_tokens is %d, the longest prompt has %d tokens and the model %d positions: "+
		"at most %d fit (a smaller rollout.max_prompt leaves long prompts out)", c.Rollout.MaxTokens, prompt, m.MaxPositions, m.MaxPositions-prompt)
}
