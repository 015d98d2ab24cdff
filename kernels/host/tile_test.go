package host

import (
	"reflect"
	"testing"
)

// The kernels that gen.go writes find a tile's fields by their offsets.
func TestTileOffsets(t *testing.T) {
	tile := reflect.TypeFor[tile]()
	if tile.NumField() != len(tileOffsets) {
		t.Errorf("tile has %d fields, the kernels were generated for %d: run go generate ./kernels/host",
			tile.NumField(), len(tileOffsets))
	}
	for field := range tile.Fields() {
		offset, ok := tileOffsets[field.Name]
		if !ok {
			t.Errorf("the kernels were generated without the field %s", field.Name)
		} else if field.Offset != offset {
			t.Errorf("%s lies at %d, and the kernels read it at %d", field.Name, field.Offset, offset)
		}
		if field.Type.Size() != 8 {
			t.Errorf("%s has %d bytes, and the kernels read 8", field.Name, field.Type.Size())
		}
	}
}
