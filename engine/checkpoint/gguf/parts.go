package gguf

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
)

// partName ends the name of a file that is one of several: its number, from 1, and how many there are.
var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// Parts returns the files of a model, by the name of the first: itself alone, unless it is called one of several.
func Parts(path string) []string {
	m := partName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return []string{path}
	}
	count, _ := strconv.Atoi(m[3]) // five digits
	var names []string
	for i := range count {
		names = append(names, filepath.Join(filepath.Dir(path), fmt.Sprintf("%s-%05d-of-%s.gguf", m[1], i+1, m[3])))
	}
	return names
}

// openParts opens the others of a model in several files, of which f is the first and has what describes it.
func (f *File) openParts(count int64) error {
	names := Parts(f.Path)
	if n, _ := f.fields["split.no"].uint(); n != 0 || int64(len(names)) != count || names[0] != filepath.Clean(f.Path) {
		if int64(len(names)) == count {
			return fmt.Errorf("%s: it is one of %d parts: name the first, %s", f.Path, count, names[0])
		}
		return fmt.Errorf("%s: it is one of %d parts, and not called -00001-of-%05d.gguf: give them the names that "+
			"they were made with", f.Path, count, count)
	}
	seen := map[string]bool{}
	for _, t := range f.Tensors {
		seen[t.Name] = true
	}
	for i, name := range names[1:] {
		part, err := openOne(name)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: it is one of %d parts, and %s is missing: fetch the rest of the model", f.Path,
				count, name)
		}
		if err != nil {
			return err
		}
		f.Others = append(f.Others, part)
		if no, ok := part.fields["split.no"].uint(); !ok || no != int64(i+1) {
			return fmt.Errorf("%s: split.no is %s, expected %d", name, part.fields["split.no"], i+1)
		}
		for _, t := range part.Tensors {
			if seen[t.Name] {
				return fmt.Errorf("%s: tensor %.80q is in another part, too", name, t.Name)
			}
			seen[t.Name] = true
		}
	}
	if n, ok := f.fields["split.tensors.count"].uint(); ok && n != int64(len(seen)) {
		return fmt.Errorf("%s: split.tensors.count is %d, and the parts have %d tensors", f.Path, n, len(seen))
	}
	return nil
}
