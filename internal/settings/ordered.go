package settings

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// Entry is a name with its value: nil, a bool, number or string, a []any, or Entries.
type Entry struct {
	Name  string
	Value any
}

// Entries are a mapping in the order of its file.
type Entries []Entry

// Ordered reads a YAML document that is a mapping, in its order. Read looks at names and types.
func Ordered(data []byte) (Entries, error) {
	text, err := Text(data)
	if err != nil {
		return nil, err
	}
	var document yaml.MapSlice
	if err := Unmarshal(text, &document, yaml.UseOrderedMap()); err != nil {
		return nil, Explain(text, err)
	}
	entries, _ := ordered(document).(Entries)
	return entries, nil
}

func ordered(value any) any {
	switch v := value.(type) {
	case yaml.MapSlice:
		entries := make(Entries, 0, len(v))
		for _, item := range v {
			entries = append(entries, Entry{fmt.Sprint(item.Key), ordered(item.Value)})
		}
		return entries
	case []any:
		list := make([]any, 0, len(v))
		for _, x := range v {
			list = append(list, ordered(x))
		}
		return list
	}
	return value
}
