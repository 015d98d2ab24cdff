package engine

import (
	"cmp"
	"fmt"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/internal/nearest"
)

// AutoDType is the value of Options.DType that stands for the model's own.
const AutoDType = "auto"

// dtypeNames are those of the dtypes that weights may have.
var dtypeNames = []struct {
	name  string
	dtype dtypes.DType
}{
	{"float32", dtypes.Float32}, {"bfloat16", dtypes.BFloat16},
	{"int8", dtypes.Int8}, {"w8a8", model.W8A8}, {"int4", dtypes.Int4},
}

// ParseDType reads the name of a dtype that weights may have.
func ParseDType(name string) (dtypes.DType, error) {
	var names []string
	for _, h := range dtypeNames {
		if cmp.Or(name, "float32") == h.name {
			return h.dtype, nil
		}
		names = append(names, h.name)
	}
	return dtypes.InvalidDType, fmt.Errorf("unknown dtype %q: expected float32, bfloat16, int8, w8a8 or int4%s", name,
		nearest.Hint(name, names))
}

// dtypeName returns the name that ParseDType reads.
func dtypeName(dtype dtypes.DType) string {
	for _, h := range dtypeNames {
		if h.dtype == dtype {
			return h.name
		}
	}
	return dtype.String()
}

// DType returns the name of the dtype that the weights are held in.
func (e *Engine) DType() string { return cmp.Or(e.options.DType, "float32") }

// OwnDType returns the name of the dtype in which AutoDType holds a model, which is found as by Find: that in which
// most of its numbers are stored (see checkpoint.Folder.Own), and float32 for float16, which Stele does not hold
// and float32 has every number of. Notes say, a line each, what of it may surprise.
func OwnDType(name string) (dtype string, notes []string, err error) {
	folder, err := openNamed(name)
	if err != nil {
		return "", nil, err
	}
	defer folder.Close()
	dtype, notes = ownDType(folder)
	return dtype, notes, nil
}

// StoredDType returns the dtype that a model, which is found as by Find, came in, of those that files of weights
// have, and notes of what of it may surprise (see checkpoint.Folder.Own).
func StoredDType(name string) (own checkpoint.DType, notes []string, err error) {
	folder, err := openNamed(name)
	if err != nil {
		return 0, nil, err
	}
	defer folder.Close()
	own, notes = folder.Own()
	return own, notes, nil
}

// openNamed opens the weights of a model by its name.
func openNamed(name string) (*checkpoint.Folder, error) {
	dir, err := Resolve(name)
	if err != nil {
		return nil, err
	}
	folder, err := checkpoint.Open(dir)
	if err != nil {
		return nil, checkpoint.NotModel(dir, err)
	}
	return folder, nil
}

// StoredDType is StoredDType of the source's model; Open must come before.
func (s *Source) StoredDType() (own checkpoint.DType, notes []string) { return s.folder.Own() }

// ownDType is OwnDType of an open folder.
func ownDType(folder *checkpoint.Folder) (dtype string, notes []string) {
	own, notes := folder.Own()
	switch {
	case own == checkpoint.F16:
		notes = append(notes, folder.Dir+": float16 is held as float32, which has all of its numbers; --dtype "+
			"bfloat16 takes half the memory, and rounds them")
		return "float32", notes
	case own == checkpoint.BF16 && len(notes) > 0:
		notes[len(notes)-1] += ": all is held in bfloat16, and --dtype float32 rounds nothing"
	}
	return own.TorchName(), notes
}
