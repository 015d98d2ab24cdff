package host

import (
	"reflect"
	"testing"
)

// The kernels that gen.go writes find the fields of their arguments by their offsets.
func TestTileOffsets(t *testing.T) {
	testOffsets(t, reflect.TypeFor[tile](), tileOffsets)
	testOffsets(t, reflect.TypeFor[amxCall](), amxOffsets)
}

func testOffsets(t *testing.T, argument reflect.Type, offsets map[string]uintptr) {
	if argument.NumField() != len(offsets) {
		t.Errorf("%v has %d fields, the kernels were generated for %d: run go generate ./kernels/host",
			argument, argument.NumField(), len(offsets))
	}
	for field := range argument.Fields() {
		offset, ok := offsets[field.Name]
		if !ok {
			t.Errorf("the kernels were generated without the field %s of %v", field.Name, argument)
		} else if field.Offset != offset {
			t.Errorf("%s of %v lies at %d, and the kernels read it at %d", field.Name, argument, field.Offset, offset)
		}
		if field.Type.Size() != 8 {
			t.Errorf("%s of %v has %d bytes, and the kernels read 8", field.Name, argument, field.Type.Size())
		}
	}
}
