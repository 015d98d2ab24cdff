package trainer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/runlock"
	"github.com/stele-lm/stele/kernels/backend"
)

// fact is what must be the same on all processes.
type fact struct{ Name, Value string }

// Facts that are told apart.
const (
	settingsFact     = "settings"
	versionFact      = "stele"
	folderFact       = "run's folder"
	hashFact         = "SHA-256 of " // and a file's name
	instructionsFact = "instructions of host kernels"
	tierFact         = "CPU tier"
	handingFact      = "handing gradients over"
)

// checkAlike refuses a run whose processes would not compute the same: another build, other instructions, other
// settings, data or files.
func (r *run) checkAlike(found *checked) error {
	if r.job.Size == 1 {
		return nil
	}
	facts, err := r.facts(found)
	own, _ := json.Marshal(facts)
	said, err := r.exchange(own, err)
	if err != nil {
		return err
	}
	var first []fact
	if err := jsonl.Unmarshal(said[0], &first); err != nil {
		return err
	}
	different, err := differing(facts, first)
	if err != nil || len(different) == 0 {
		return err
	}
	var texts []string
	advice := "start all with the same files and arguments"
	for _, d := range different {
		texts = append(texts, fmt.Sprintf("%s is %s here and %s on rank 0 (%s)", d.key, OrUnset(d.is), OrUnset(d.was),
			r.job.Hosts[0]))
		switch {
		case d.key == instructionsFact || d.key == tierFact:
			advice = "STELE_CPU caps a CPU's instructions"
		case d.key == handingFact:
			advice = "optimizer.zero_stage=1 does without, or give all machines the same plugin of XLA"
		case d.key == versionFact:
			advice = "start the same program on all machines"
		case d.key == folderFact:
			advice = "give --out a path from / that all machines see"
		case strings.HasPrefix(d.key, hashFact):
			advice = "copy the file there, or name a path that all machines see"
		}
	}
	return fmt.Errorf("%s: all processes must have the same: %s", strings.Join(texts, "; "), advice)
}

// facts are what a process would compute with. Where something is another on two processes, what is named first says
// best why.
func (r *run) facts(found *checked) ([]fact, error) {
	dir := r.dir
	if dir != "" {
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
	}
	config, err := json.Marshal(found.now.Config) // the manifest has it so
	if err != nil {
		return nil, err
	}
	problems := sha256.New()
	if err := json.NewEncoder(problems).Encode(found.set.Problems); err != nil {
		return nil, err
	}
	// The weights, and of a checkpoint those and two moments.
	defer r.guard("reading "+found.source.Dir, 4*found.source.Config.WeightBytes(checkpoint.F32))()
	if found.hashes, err = eval.HashWeights(found.source.Dir); err != nil {
		return nil, err
	}
	m := found.now
	facts := []fact{
		{versionFact, m.Stele}, {folderFact, dir}, {"last checkpoint", filepath.Base(found.latest)},
		{"backend", m.Backend}, {"dtype", m.DType}, {"rollout executor", m.Rollout}, {"devices", fmt.Sprint(m.Devices)},
		{instructionsFact, m.Kernels}, {tierFact, m.CPU}, {"cuDNN's attention", fmt.Sprint(m.CUDNN)},
		{settingsFact, string(config)}, {backend.KernelsSetting, os.Getenv(backend.KernelsSetting)},
		{"problems, by their SHA-256", fmt.Sprintf("%x", problems.Sum(nil))},
	}
	if found.now.Config.Optimizer.ZeROStage > 1 || r.config.Memory == MemoryAuto { // who does not would wait elsewhere
		facts = append(facts, fact{handingFact, fmt.Sprint(found.plan.workload.HandsOver)})
	}
	files, err := r.filesRead(found)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		facts = append(facts, fact{hashFact + name, files[name]})
	}
	return facts, nil
}

// filesRead returns the SHA-256 of the files that decide what is computed.
func (r *run) filesRead(found *checked) (map[string]string, error) {
	files := maps.Clone(found.hashes)
	for _, name := range []string{"config.json", "tokenizer.json"} {
		if data, err := os.ReadFile(filepath.Join(found.source.Dir, name)); err == nil { // a GGUF file has its own
			files[name] = digest(data)
		}
	}
	add := func(prefix string, more map[string]string, err error) error {
		for name, sum := range more {
			files[prefix+name] = sum
		}
		return err
	}
	if found.adapter != nil {
		more, err := eval.HashAdapter(found.adapter.Dir)
		if err := add("", more, err); err != nil {
			return nil, err
		}
	}
	if found.latest == "" {
		return files, nil
	}
	if r.config.LoRA.Trains() {
		more, err := eval.HashAdapter(filepath.Join(found.latest, checkpoint.AdapterFolder))
		if err := add("checkpoint/", more, err); err != nil {
			return nil, err
		}
		more, err = eval.HashWeights(found.latest) // moments
		if err := add("checkpoint/", more, err); err != nil {
			return nil, err
		}
	} else if r.config.compares() {
		dir, err := engine.Resolve(r.config.Model)
		if err != nil {
			return nil, fmt.Errorf("reference model: %w", err)
		}
		more, err := eval.HashWeights(dir)
		if err := add("reference model's ", more, err); err != nil {
			return nil, err
		}
	}
	state, err := os.ReadFile(filepath.Join(found.latest, stateFile))
	return files, add("checkpoint/", map[string]string{stateFile: digest(state)}, err)
}

// differing returns the first fact that is another than process 0's, or the settings where they are that.
func differing(own, first []fact) ([]changed, error) {
	for i, f := range own {
		switch {
		case i >= len(first) || f.Name != first[i].Name:
			return []changed{{f.Name, "", f.Value}}, nil
		case f.Value == first[i].Value:
		case f.Name == settingsFact:
			var here, there Config
			err := errors.Join(jsonl.Unmarshal([]byte(f.Value), &here), jsonl.Unmarshal([]byte(first[i].Value), &there))
			if err != nil {
				return nil, err
			}
			if all, err := there.changes(here); err != nil || len(all) > 0 { // an empty list and none are the same
				return all, err
			}
		default:
			return []changed{{f.Name, first[i].Value, f.Value}}, nil
		}
	}
	if n := len(own); n < len(first) {
		return []changed{{first[n].Name, first[n].Value, ""}}, nil
	}
	return nil, nil
}

// checkShared refuses a run whose folder is not the one that process 0 has taken: all read checkpoints from it.
func (r *run) checkShared() error {
	if r.job.Size == 1 {
		return nil
	}
	path := filepath.Join(r.dir, runlock.Name)
	var note []byte
	if r.writes() {
		note, _ = os.ReadFile(path) // empty on a full disk, which what is written next says
	}
	note, err := r.job.Broadcast(note)
	if err != nil {
		return err
	}
	for until := time.Now().Add(cluster.Deadline() / 2); len(note) > 0; time.Sleep(100 * time.Millisecond) {
		seen, failed := os.ReadFile(path)
		if failed == nil && bytes.Equal(seen, note) {
			break
		}
		if time.Now().After(until) { // file systems show what is new with a delay
			err = fmt.Errorf("%s is not the folder that rank 0 (%s) writes: give --out a path on a file system that "+
				"all machines share", r.dir, r.job.Hosts[0])
			break
		}
	}
	return r.together(err)
}
