package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/stele-lm/stele/engine/checkpoint/gguf"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/jsonl"
)

// Origin names the program, model and backend that made a run's numbers.
type Origin struct {
	Stele string `json:"stele"` // version
	Model string `json:"model"` // as the user named it
	// ModelDir is its folder, absolute; Trained is the training run that made it, where
	// it is a checkpoint. Both say how runs belong together, and decide no number.
	ModelDir string   `json:"model_dir,omitempty"`
	Trained  *Lineage `json:"trained,omitempty"`
	// Weights maps weight files to their SHA-256, which is also what model hubs
	// list for them. It is nil for weights that are on no disk, as during training.
	Weights map[string]string `json:"weights"`
	Backend string            `json:"backend"`
	DType   string            `json:"dtype"`
	// DTypeAuto is that DType was not asked for: it is the model's own.
	DTypeAuto bool `json:"dtype_auto,omitempty"`
	// Hardware is what it computed on; another may go on. Runs from before it was noted have none.
	Hardware string `json:"hardware,omitempty"`
}

// Manifest is RUN/manifest.json: what must be equal for a run to go on, and all
// that is needed to do it again.
type Manifest struct {
	Origin
	Seed            uint64 `json:"seed"`
	Settings        Spec   `json:"settings"`
	Questions       int    `json:"questions"`
	QuestionsSHA256 string `json:"questions_sha256"` // of prompts and reference answers
	// Shard is the part of the questions that the folder holds samples of; Questions
	// and their hash are those of the whole run in each part.
	Shard Shard `json:"shard,omitzero"`
	// GradedBy is the version of Stele that judged the samples, where it is another
	// than the one that made them.
	GradedBy string `json:"graded_by,omitempty"`
}

// hashed holds the SHA-256 of files that this process has read, by their absolute paths: many runs of
// a study begin with the same weights.
var hashed sync.Map

// hashedFile is a file as it was when it was read.
type hashedFile struct {
	info os.FileInfo
	sum  string
}

// hashFile returns a file's SHA-256. It does not read a file again that is as it was when it was hashed.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if was, ok := hashed.Load(absolute); ok {
		h := was.(hashedFile)
		if os.SameFile(h.info, info) && h.info.Size() == info.Size() && h.info.ModTime().Equal(info.ModTime()) {
			return h.sum, nil
		}
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if time.Since(info.ModTime()) > settled {
		hashed.Store(absolute, hashedFile{info, sum})
	}
	return sum, nil
}

// settled is how old a file must be for another version of it to have another time of change,
// whatever the file system.
const settled = 2 * time.Second

// HashWeights returns the SHA-256 of each safetensors file of a model's folder, or of the GGUF file that a
// model is, and its parts.
func HashWeights(dir string) (map[string]string, error) {
	if info, err := os.Stat(dir); err == nil && info.Mode().IsRegular() {
		sums := map[string]string{}
		for _, part := range gguf.Parts(dir) {
			if sums[filepath.Base(part)], err = hashFile(part); err != nil {
				return nil, err
			}
		}
		return sums, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".safetensors" {
			continue
		}
		if sums[entry.Name()], err = hashFile(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	if len(sums) == 0 {
		return nil, fmt.Errorf("%s holds no .safetensors file", dir)
	}
	return sums, nil
}

// HashAdapter returns the SHA-256 of the files in the folder of an adapter, in PEFT's layout, that decide
// with the model's weights what is computed.
func HashAdapter(dir string) (map[string]string, error) {
	sums := map[string]string{}
	for _, name := range []string{"adapter_config.json", "adapter_model.safetensors"} {
		sum, err := hashFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		sums["adapter/"+name] = sum
	}
	return sums, nil
}

// manifestName is the file of the manifest in a run's folder.
const manifestName = "manifest.json"

// ReadManifest reads the manifest of a run's folder; it is nil where there is none.
func ReadManifest(dir string) (*Manifest, error) { return readManifest(dir) }

// readManifest reads the manifest of a run's folder; it is nil where there is none.
func readManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, manifestName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := jsonl.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &m, nil
}

// difference names the first setting in which a run that goes on, or another part
// of it, differs from m; it is "" when there is none.
func (m *Manifest) difference(now *Manifest) (string, error) {
	old, is := *m, *now
	old.ModelDir, old.Trained, old.DTypeAuto = now.ModelDir, now.Trained, now.DTypeAuto
	old.Hardware = now.Hardware
	old.Settings.OwnLanguages, is.Settings.OwnLanguages = withoutFonts(old.Settings.OwnLanguages),
		withoutFonts(is.Settings.OwnLanguages)
	if old.Weights != nil && now.Weights != nil {
		old.Model = now.Model // the same files under another name are the same model
	}
	return firstDifference(old, is)
}

// withoutFonts copies languages without the files of their fonts, which decide no number and
// lie elsewhere on another machine.
func withoutFonts(languages []*language.Language) []*language.Language {
	var bare []*language.Language
	for _, l := range languages {
		copied := *l
		copied.Font, copied.Bold = "", ""
		bare = append(bare, &copied)
	}
	return bare
}

// firstDifference names the first field in which two manifests differ.
func firstDifference(old, now any) (string, error) {
	a, err := flatten(old)
	if err != nil {
		return "", err
	}
	b, err := flatten(now)
	if err != nil {
		return "", err
	}
	both := maps.Clone(a)
	maps.Copy(both, b)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		if was, is := a[key], b[key]; was != is {
			return fmt.Sprintf("%s was %s, is %s", key, orNone(was), orNone(is)), nil
		}
	}
	return "", nil
}

func orNone(s string) string {
	if s == "" {
		return "not there"
	}
	return s
}

// flatten turns a value into dotted keys and JSON texts.
func flatten(v any) (map[string]string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	flat := map[string]string{}
	var walk func(prefix string, data json.RawMessage)
	walk = func(prefix string, data json.RawMessage) {
		var object map[string]json.RawMessage
		if !bytes.HasPrefix(data, []byte("{")) || json.Unmarshal(data, &object) != nil {
			flat[prefix] = string(data)
			return
		}
		for key, value := range object {
			if prefix != "" {
				key = prefix + "." + key
			}
			walk(key, value)
		}
	}
	walk("", data)
	return flat, nil
}
