package eval

import (
	"encoding/json"
	"fmt"

	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/internal/jsonl"
)

// withGraders is v as JSON with a field more for each grader, behind the field after:
// prefix and the grader's name.
func withGraders[V any](v any, after, prefix string, by map[string]V) (*jsonl.Record, error) {
	text, err := jsonl.Marshal(v)
	if err != nil {
		return nil, err
	}
	record, err := jsonl.ParseRecord(text)
	if err != nil {
		return nil, err
	}
	for _, g := range grade.Graders {
		key := prefix + g.Name
		value, ok := by[g.Name]
		if !ok {
			continue // of results that were only stated
		}
		if err := record.Insert(after, key, value); err != nil {
			return nil, err
		}
		after = key
	}
	return record, nil
}

// fromGraders reads the fields that withGraders wrote. A grader of which there is none
// is left out.
func fromGraders[V any](text []byte, prefix string) (map[string]V, error) {
	var fields map[string]json.RawMessage
	if err := jsonl.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	by := map[string]V{}
	for _, g := range grade.Graders {
		value, there := fields[prefix+g.Name]
		if !there {
			continue
		}
		var v V
		if err := jsonl.Unmarshal(value, &v); err != nil {
			return nil, fmt.Errorf("field %q: %w", prefix+g.Name, err)
		}
		by[g.Name] = v
	}
	return by, nil
}

// Agreement counts samples by the verdicts of the graders.
type Agreement struct {
	All  int            // right by every grader
	Only map[string]int // right by this grader alone
	None int            // right by no grader
}

// add counts a sample.
func (a *Agreement) add(verdicts map[string]bool) {
	switch right := rightBy(verdicts); len(right) {
	case 0:
		a.None++
	case len(grade.Graders):
		a.All++
	case 1:
		if a.Only == nil {
			a.Only = map[string]int{}
		}
		a.Only[right[0]]++
	}
}

// rightBy lists the graders whose verdict is right.
func rightBy(verdicts map[string]bool) []string {
	var names []string
	for _, g := range grade.Graders {
		if verdicts[g.Name] {
			names = append(names, g.Name)
		}
	}
	return names
}

// MarshalJSON implements json.Marshaler.
func (a Agreement) MarshalJSON() ([]byte, error) {
	record := jsonl.NewRecord()
	err := record.Set("both_right", a.All)
	for _, g := range grade.Graders {
		if err == nil {
			err = record.Set(g.Name+"_only", a.Only[g.Name])
		}
	}
	if err == nil {
		err = record.Set("both_wrong", a.None)
	}
	if err != nil {
		return nil, err
	}
	return record.MarshalJSON()
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *Agreement) UnmarshalJSON(text []byte) error {
	counts := map[string]int{}
	if err := jsonl.Unmarshal(text, &counts); err != nil {
		return err
	}
	*a = Agreement{All: counts["both_right"], None: counts["both_wrong"], Only: map[string]int{}}
	for _, g := range grade.Graders {
		a.Only[g.Name] = counts[g.Name+"_only"]
	}
	return nil
}
