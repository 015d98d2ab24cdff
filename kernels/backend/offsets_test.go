package backend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// The compiler of PJRT's own header, which go-xla brings, says where its fields are.
func TestPJRTOffsets(t *testing.T) {
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	if _, err := exec.LookPath(strings.Fields(compiler)[0]); err != nil {
		t.Skip(err)
	}
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/go-xla").Output()
	if err != nil {
		t.Fatal(err)
	}
	var api pjrtAPI
	offsets := []struct {
		field string
		ours  uintptr
	}{
		{"extension_start", unsafe.Offsetof(api.extensions)},
		{"pjrt_api_version.major_version", unsafe.Offsetof(api.major)},
		{"pjrt_api_version.minor_version", unsafe.Offsetof(api.minor)},
		{"PJRT_Error_Destroy", unsafe.Offsetof(api.errorDestroy)},
		{"PJRT_Error_Message", unsafe.Offsetof(api.errorMessage)},
		{"PJRT_Plugin_Initialize", unsafe.Offsetof(api.pluginInitialize)},
		{"PJRT_Event_Destroy", unsafe.Offsetof(api.eventDestroy)},
		{"PJRT_Event_Await", unsafe.Offsetof(api.eventAwait)},
		{"PJRT_Device_LocalHardwareId", unsafe.Offsetof(api.deviceHardware)},
		{"PJRT_Buffer_ReadyEvent", unsafe.Offsetof(api.bufferReady)},
		{"PJRT_Client_Create", unsafe.Offsetof(api.clientCreate)},
		{"PJRT_Client_Compile", unsafe.Offsetof(api.clientCompile)},
		{"PJRT_DeviceDescription_Kind", unsafe.Offsetof(api.descriptionKind)},
		{"PJRT_Device_GetDescription", unsafe.Offsetof(api.deviceDescription)},
		{"PJRT_Device_MemoryStats", unsafe.Offsetof(api.deviceMemoryStats)},
		{"PJRT_Executable_Destroy", unsafe.Offsetof(api.executableDestroy)},
		{"PJRT_Executable_Serialize", unsafe.Offsetof(api.serialize)},
		{"PJRT_LoadedExecutable_GetExecutable", unsafe.Offsetof(api.executableOf)},
		{"PJRT_Executable_DeserializeAndLoad", unsafe.Offsetof(api.deserialize)},
		{"PJRT_TopologyDescription_Create", unsafe.Offsetof(api.topologyCreate)},
		{"PJRT_Compile", unsafe.Offsetof(api.compile)},
		{"PJRT_Executable_GetCompiledMemoryStats", unsafe.Offsetof(api.executableMemoryStats)},
	}
	var source strings.Builder
	source.WriteString("#include <stddef.h>\n#include \"pjrt_c_api.h\"\n")
	for _, o := range offsets {
		fmt.Fprintf(&source,
			"_Static_assert(offsetof(PJRT_Api, %s) == %d, \"%[1]s is not where pjrtAPI has it\");\n",
			o.field, o.ours)
	}
	file := filepath.Join(t.TempDir(), "offsets.c")
	if err := os.WriteFile(file, []byte(source.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	include := "-I" + filepath.Join(strings.TrimSpace(string(folder)), "pjrt")
	arguments := append(strings.Fields(compiler)[1:], "-fsyntax-only", include, file)
	if out, err := exec.Command(strings.Fields(compiler)[0], arguments...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// What XLA's xla/ffi/api/c_api.h says of the structs that a handler is given.
func TestFFIOffsets(t *testing.T) {
	var (
		extension ffiExtension
		metadata  ffiMetadata
		api       ffiAPI
		buffer    ffiBuffer
		buffers   ffiBuffers
		frame     ffiFrame
	)
	for _, o := range []struct {
		field        string
		ours, header uintptr
	}{
		{"XLA_FFI_Extension_Base.type", unsafe.Offsetof(extension.kind), 8},
		{"XLA_FFI_Extension_Base.next", unsafe.Offsetof(extension.next), 16},
		{"XLA_FFI_Metadata_Extension.metadata", unsafe.Offsetof(metadata.metadata), 24},
		{"XLA_FFI_Metadata.api_version", unsafe.Offsetof(metadata.metadata.version), 8},
		{"XLA_FFI_Metadata.traits", unsafe.Offsetof(metadata.metadata.traits), 32},
		{"XLA_FFI_Metadata.state_type_id", unsafe.Offsetof(metadata.metadata.state), 40},
		{"XLA_FFI_Api_Version.major_version", unsafe.Offsetof(api.version.major), 16},
		{"XLA_FFI_Api_Version.minor_version", unsafe.Offsetof(api.version.minor), 20},
		{"XLA_FFI_Api.api_version", unsafe.Offsetof(api.version), 16},
		{"XLA_FFI_Api.XLA_FFI_Error_Create", unsafe.Offsetof(api.errorCreate), 48},
		{"XLA_FFI_Buffer.data", unsafe.Offsetof(buffer.data), 24},
		{"XLA_FFI_Buffer.rank", unsafe.Offsetof(buffer.rank), 32},
		{"XLA_FFI_Buffer.dims", unsafe.Offsetof(buffer.dims), 40},
		{"XLA_FFI_Args.size", unsafe.Offsetof(buffers.n), 16},
		{"XLA_FFI_Args.args", unsafe.Offsetof(buffers.list), 32},
		{"XLA_FFI_Args", unsafe.Sizeof(buffers), 40},
		{"XLA_FFI_CallFrame.extension_start", unsafe.Offsetof(frame.extensions), 8},
		{"XLA_FFI_CallFrame.api", unsafe.Offsetof(frame.api), 16},
		{"XLA_FFI_CallFrame.stage", unsafe.Offsetof(frame.stage), 32},
		{"XLA_FFI_CallFrame.args", unsafe.Offsetof(frame.operands), 40},
		{"XLA_FFI_CallFrame.rets", unsafe.Offsetof(frame.results), 80},
	} {
		if o.ours != o.header {
			t.Errorf("%s lies at %d, and the header has it at %d", o.field, o.ours, o.header)
		}
	}
}
