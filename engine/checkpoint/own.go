package checkpoint

import (
	"fmt"
	"strings"
)

// Own returns the dtype that the model came in: the one in which most of its numbers are stored. Numbers that are
// codes, as quantised ones are, do not count unless there are no others; then it is F32. That config.json says
// something else, or that a dtype of 16 bits would round some of the numbers, is noted, a line each.
func (f *Folder) Own() (own DType, notes []string) {
	numbers := map[DType]int64{}
	codes := 0
	specs := f.Config.Model().Tensors()
	for _, spec := range specs {
		t := f.where[spec.Name].tensor()
		if t.plain() == Coded {
			codes++
			continue
		}
		numbers[t.plain()] += int64(t.Len())
	}
	own = F32
	for _, d := range []DType{BF16, F16} {
		if numbers[d] > numbers[own] {
			own = d
		}
	}
	note := func(format string, args ...any) {
		notes = append(notes, f.Dir+": "+fmt.Sprintf(format, args...))
	}
	declared := f.Config.declared
	if declared != "" && codes == 0 && declared != own.TorchName() {
		note("config.json says %s, and most of the numbers are stored as %s, which is taken for the model's own dtype "+
			"(transformers' auto takes config.json's)", declared, own)
	}
	if own != F32 && codes > 0 {
		note("%d of %d tensors are codes, and the others %s, which is taken for the model's own dtype", codes,
			len(specs), own)
	}
	if others := otherNumbers(numbers, own); own != F32 && others != "" {
		note("most of the numbers are %s, which is taken for the model's own dtype; some are %s", own, others)
	}
	return own, notes
}

// otherNumbers names the dtypes of 16 and 32 bits that some numbers have beside those of own.
func otherNumbers(numbers map[DType]int64, own DType) string {
	var others []string
	for _, d := range []DType{F32, BF16, F16} {
		if d != own && numbers[d] > 0 {
			others = append(others, d.String())
		}
	}
	return strings.Join(others, " and ")
}
