package bench

import (
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/language"
)

// LanguageTable returns the built-in languages and the user's, of languages.yaml in Dir and
// beside Registry.
func (o Options) LanguageTable() (*language.Table, error) {
	beside := ""
	if o.Registry != "" {
		beside = filepath.Dir(o.Registry)
	}
	return language.Find(o.Dir, beside)
}

// Languages are the languages of a benchmark: those whose data are here, and those that
// it is known to have but whose data are not. A dataset named by its path has the
// languages that its records name; named is false where they name none.
func Languages(name string, o Options) (here, away []string, named bool, err error) {
	entry, err := Lookup(name, o)
	if err != nil {
		return nil, nil, false, err
	}
	if entry.Languages == nil {
		o.Say = nil
		here, err = entry.pathLanguages(name, o)
		return here, nil, len(here) > 0, err
	}
	if entry.builtin() {
		return entry.Languages, nil, true, nil
	}
	split := o.Split
	if split == "" {
		split = defaultSplit
	}
	for _, language := range entry.Languages {
		found := false
		for _, s := range entry.Sources {
			if found || !slices.Contains(s.languages(entry), language) {
				continue
			}
			_, missing, err := s.files(entry.dir, language, split, o)
			found = err != nil || missing == "" // what is there and wrong is Load's to say
		}
		if found {
			here = append(here, language)
		} else {
			away = append(away, language)
		}
	}
	return here, away, true, nil
}

// pathLanguages are the languages that the records of a dataset name.
func (e Entry) pathLanguages(path string, o Options) ([]string, error) {
	in, source, err := e.openPath(path, o)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for {
		record, err := in.Next()
		if err == io.EOF {
			return slices.Sorted(maps.Keys(seen)), in.Close()
		}
		if err != nil {
			return nil, errors.Join(err, in.Close())
		}
		if field := source.Fields["language"]; field != "" {
			if language, found, err := scalar(record, field); err == nil && found {
				seen[language] = true
			}
			continue
		}
		found, err := lookUp(record, usualPlaces["language"])
		if err != nil || found.value == nil {
			continue
		}
		if language, err := asText(found.name, found.value); err == nil && strings.TrimSpace(language) != "" {
			seen[language] = true
		}
	}
}
