package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/settings"
)

// errOtherLayout says that a folder is not laid out the way that was tried.
var errOtherLayout = errors.New("another layout")

// readJSON reads a JSON file of a folder; one that is not there means another layout.
func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errOtherLayout
	}
	if err != nil {
		return err
	}
	if err := jsonl.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// pick chooses a split by name, the only one, or test.
func pick(where, what string, names []string, wanted string) (string, error) {
	switch {
	case wanted != "" && slices.Contains(names, wanted):
		return wanted, nil
	case wanted != "":
		return "", fmt.Errorf("%s has no %s %q: it has %s", where, what, wanted, strings.Join(names, ", "))
	case len(names) == 1:
		return names[0], nil
	case what == "split" && slices.Contains(names, "test"):
		return "test", nil
	}
	return "", fmt.Errorf("%s has several %ss: name one of %s", where, what, strings.Join(names, ", "))
}

// dictFiles returns the files of a DatasetDict that save_to_disk wrote: a folder for
// each split.
func dictFiles(dir string, o Options) ([]string, error) {
	file := filepath.Join(dir, "dataset_dict.json")
	var dict struct {
		Splits []string `json:"splits"`
	}
	if err := readJSON(file, &dict); err != nil {
		return nil, err
	}
	if len(dict.Splits) == 0 {
		return nil, fmt.Errorf(`%s: field "splits" names none`, file)
	}
	split, err := pick(dir, "split", dict.Splits, o.Split)
	if err != nil {
		return nil, err
	}
	if !filepath.IsLocal(split) || split != filepath.Base(split) {
		return nil, fmt.Errorf("%s: split %.80q is not the name of a folder", file, split)
	}
	files, err := savedFiles(filepath.Join(dir, split), o)
	if errors.Is(err, errOtherLayout) {
		return nil, fmt.Errorf("%s names split %s, but %s has no state.json", file, split,
			filepath.Join(dir, split))
	}
	return files, err
}

// savedFiles returns the shards of a Dataset that save_to_disk wrote, as its state.json
// lists them.
func savedFiles(dir string, _ Options) ([]string, error) {
	file := filepath.Join(dir, "state.json")
	var state struct {
		DataFiles []struct {
			Filename string `json:"filename"`
		} `json:"_data_files"`
		Indices json.RawMessage `json:"_indices_data_files"` // of versions before 1.8
	}
	if err := readJSON(file, &state); err != nil {
		return nil, err
	}
	if len(state.Indices) > 0 && string(state.Indices) != "null" && string(state.Indices) != "[]" {
		return nil, fmt.Errorf("%s: the rows are chosen by an index file: save the dataset again after "+
			"flatten_indices()", file)
	}
	if len(state.DataFiles) == 0 {
		return nil, fmt.Errorf(`%s: field "_data_files" names none`, file)
	}
	var files []string
	for _, f := range state.DataFiles {
		if !filepath.IsLocal(f.Filename) {
			return nil, fmt.Errorf("%s: %.80q is not the name of a file in the folder", file, f.Filename)
		}
		shard := filepath.Join(dir, f.Filename)
		if _, err := os.Stat(shard); err != nil {
			return nil, fmt.Errorf("%s: a shard is missing: %w", file, err)
		}
		files = append(files, shard)
	}
	return files, nil
}

// declaredFiles returns the files that the front matter of a dataset repository's
// README.md names.
func declaredFiles(dir string, o Options) ([]string, error) {
	file := filepath.Join(dir, "README.md")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errOtherLayout
	}
	if err != nil {
		return nil, err
	}
	configs, err := frontMatter(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(configs) == 0 {
		return nil, errOtherLayout
	}
	var names []string
	wanted := o.Config
	for _, c := range configs {
		names = append(names, c.Name)
		if wanted == "" && (c.Default || c.Name == "default") {
			wanted = c.Name
		}
	}
	name, err := pick(file, "config", names, wanted)
	if err != nil {
		return nil, err
	}
	config := configs[slices.Index(names, name)]
	splits := config.splits()
	names = nil
	for _, s := range splits {
		names = append(names, s.name)
	}
	split, err := pick(file, "split", names, o.Split)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, pattern := range splits[slices.Index(names, split)].patterns {
		if !filepath.IsLocal(pattern) {
			return nil, fmt.Errorf("%s: path %.80q points outside the folder", file, pattern)
		}
		found, err := Glob(dir, pattern)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// config is a subset of a dataset repository as its README.md declares it.
type config struct {
	Name      string `yaml:"config_name"`
	Default   bool   `yaml:"default"`
	DataFiles any    `yaml:"data_files"` // a path, paths, or splits with paths
}

// frontMatter reads the YAML between the two --- at the head of a README.md.
func frontMatter(text []byte) ([]config, error) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(text, []byte("---\n"))
	if !ok {
		return nil, nil
	}
	head, _, ok := bytes.Cut(rest, []byte("\n---"))
	if !ok {
		return nil, nil
	}
	var card struct {
		Configs []config `yaml:"configs"`
	}
	if err := settings.Unmarshal(head, &card); err != nil {
		return nil, fmt.Errorf("front matter: %w", settings.Explain(head, err))
	}
	return slices.DeleteFunc(card.Configs, func(c config) bool { return len(c.splits()) == 0 }), nil
}

type declaredSplit struct {
	name     string
	patterns []string
}

// splits returns the data files of a config: without names they are the split train,
// as the datasets library has it.
func (c config) splits() []declaredSplit {
	if patterns := texts(c.DataFiles); len(patterns) > 0 {
		return []declaredSplit{{"train", patterns}}
	}
	list, _ := c.DataFiles.([]any)
	var out []declaredSplit
	for _, e := range list {
		m, _ := e.(map[string]any)
		name, _ := m["split"].(string)
		if patterns := texts(m["path"]); name != "" && len(patterns) > 0 {
			out = append(out, declaredSplit{name, patterns})
		}
	}
	return out
}

// texts returns a string or a list of nothing but strings, as a list.
func texts(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}

// notData are JSON files that describe a repository.
var notData = []string{"dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json",
	"config.json"}

// splitWords are the names that mark a split in the name of a file or folder.
var splitWords = map[string]string{
	"train": "train", "training": "train", "test": "test", "testing": "test", "eval": "test",
	"evaluation": "test",
	"validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
}

var word = regexp.MustCompile(`[A-Za-z]+`)

// splitOf returns the split that a file's path tells of, the last word first: the wanted
// one, whatever its name, or one of the usual; "" where it tells of none.
func splitOf(name, wanted string) string {
	words := word.FindAllString(strings.ToLower(name), -1)
	if slices.Contains(words, strings.ToLower(wanted)) && splitWords[wanted] == "" {
		return wanted
	}
	for _, w := range slices.Backward(words) {
		if s, ok := splitWords[w]; ok {
			return s
		}
	}
	return ""
}

// namedFiles returns the data files of a folder that says nothing about itself, by the
// splits that their names tell of.
func namedFiles(dir string, o Options) ([]string, error) {
	names, err := tree(dir)
	if err != nil {
		return nil, err
	}
	under := ""
	if o.Config != "" {
		under = o.Config + "/"
	}
	bySplit := map[string][]string{}
	var splits []string
	for _, name := range names {
		if Extension(name) == "" || slices.Contains(notData, path.Base(name)) ||
			!strings.HasPrefix(name, under) {
			continue
		}
		split := splitOf(name, o.Split)
		if bySplit[split] == nil {
			splits = append(splits, split)
		}
		bySplit[split] = append(bySplit[split], name)
	}
	if len(splits) == 0 {
		if o.Config != "" {
			return nil, fmt.Errorf("%s holds no data file in %s", dir, under)
		}
		return nil, errOtherLayout
	}
	var split string
	if len(splits) > 1 || splits[0] != "" {
		wanted := o.Split
		if s, ok := splitWords[wanted]; ok {
			wanted = s
		}
		if split, err = pick(dir, "split", splits, wanted); err != nil {
			return nil, err
		}
	} else if o.Split != "" {
		return nil, fmt.Errorf("%s has no split %q: its files are of no split", dir, o.Split)
	}
	files := bySplit[split]
	for _, name := range files[1:] {
		if path.Dir(name) != path.Dir(files[0]) || Extension(name) != Extension(files[0]) {
			return nil, fmt.Errorf("%s holds several datasets, %s and %s: name the file, or a folder in it",
				dir, files[0], name)
		}
	}
	return complete(dir, files)
}

// tree lists the files under a folder, hidden ones left out, in order, with slashes.
func tree(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != dir && strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		name, err := filepath.Rel(dir, p)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	slices.Sort(names)
	return names, err
}

// globExpression turns a pattern with *, ? and ** into an expression.
func globExpression(pattern string) (*regexp.Regexp, error) {
	quoted := regexp.QuoteMeta(pattern)
	return regexp.Compile("^" + strings.NewReplacer(
		`\*\*/`, `(?:.*/)?`, `\*\*`, `.*`, `\*`, `[^/]*`, `\?`, `[^/]`,
	).Replace(quoted) + "$")
}

// shard is the number of a file among the parts of a whole.
var shard = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})(.*)$`)

// complete makes paths of names, and reports the shard that is missing among them.
func complete(root string, names []string) ([]string, error) {
	type whole struct{ before, after, of string }
	parts := map[whole]int{}
	var files []string
	for _, name := range names {
		files = append(files, filepath.Join(root, filepath.FromSlash(name)))
		if m := shard.FindStringSubmatch(name); m != nil {
			parts[whole{m[1], m[4], m[3]}]++
		}
	}
	for w, have := range parts {
		of, err := strconv.Atoi(w.of)
		if err != nil || have == of {
			continue
		}
		for i := range of {
			name := fmt.Sprintf("%s-%05d-of-%s%s", w.before, i, w.of, w.after)
			if !slices.Contains(names, name) {
				return nil, fmt.Errorf("%s: shard %s is missing", root, name)
			}
		}
	}
	return files, nil
}
