// Package layout checks what a reader of the tree relies on: what may import what, how
// long lines are, and that the documents name what there is.
package layout

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/stele-lm/stele/"

// rooms are prefixes of packages and what they may import of the module beside packages
// with the same prefix. A package obeys every line whose prefix it has, so that a room within
// a room may have less. Tests may import what they like.
var rooms = []struct {
	prefix string
	may    []string
}{
	{"docs", []string{"trainer"}},
	{"cmd", []string{"docs", "trainer", "eval", "cluster", "serve", "engine", "sampler", "kernels", "internal",
		"third_party"}},
	{"examples", []string{"trainer", "eval", "cluster", "engine", "internal"}},
	{"trainer", []string{"eval", "cluster", "engine", "sampler", "kernels", "internal"}},
	{"eval", []string{"cluster", "engine", "sampler", "internal"}},
	{"cluster", []string{"internal"}},
	{"serve", []string{"engine", "sampler", "internal"}},
	{"engine", []string{"sampler", "kernels", "internal", "third_party/libtokenizers"}},
	{"sampler", []string{"kernels", "internal"}},
	{"kernels", []string{"internal"}},
	{"internal", nil},
	{"third_party", []string{"internal"}},

	{"trainer/objective", []string{"kernels", "internal"}},
	{"trainer/optimizer", []string{"engine/architecture", "engine/checkpoint", "kernels", "internal",
		"trainer/tensorfile"}},
	{"trainer/reward", []string{"eval", "internal"}},
	{"cluster/mpi", nil},
	{"eval/answer", []string{"eval/grade", "internal"}},
	{"eval/dataset", []string{"internal"}},
	{"eval/grade", []string{"eval/language", "internal"}},
	{"eval/language", []string{"internal"}},
	{"eval/metric", []string{"internal"}},
	{"engine/architecture", []string{"internal"}},
	{"engine/checkpoint", []string{"engine/architecture", "internal"}},
	{"engine/paged", []string{"internal"}},
	{"engine/schedule", []string{"engine/paged"}},
	{"engine/text", []string{"internal", "third_party/libtokenizers"}},
	{"engine/text/jinja", nil},
	{"kernels/blockwise", []string{"kernels/isa"}},
	{"kernels/host", []string{"kernels/blockwise", "kernels/isa"}},
	{"kernels/isa", []string{"internal"}},
	{"kernels/cudnn", nil},
	{"kernels/triton", nil},
}

// libraries are prefixes of packages of others and the only rooms that import them: what a
// change of library touches.
var libraries = map[string][]string{
	"github.com/apache/arrow-go":         {"eval/dataset"},
	"github.com/daulet/tokenizers":       {"engine/text"},
	"github.com/ebitengine/purego":       {"cluster", "kernels/backend"},
	"github.com/go-text/typesetting":     {"eval/report"},
	"github.com/goccy/go-yaml":           {"internal/settings", "eval/language", "trainer"},
	"github.com/gomlx/compute/gobackend": {"kernels/backend"},
	"github.com/gomlx/go-xla":            {"kernels/backend"},
	"github.com/gomlx/gomlx":             {"kernels", "sampler", "engine/model/graphmodel", "trainer"},
	"github.com/klauspost/cpuid":         {"kernels/isa", "cmd"},
	"github.com/pemistahl/lingua-go":     {"eval/langid"},
	"github.com/spf13":                   {"cmd"},
	"github.com/vbauerster/mpb":          {"internal/progress"},
	"golang.org/x/image":                 {"eval/report"},
	"simd":                               {"kernels", "sampler"},
}

// forTests ends the names of packages that tests alone import.
const forTests = "test"

func within(pkg, prefix string) bool { return pkg == prefix || strings.HasPrefix(pkg, prefix+"/") }

func withinAny(pkg string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return within(pkg, prefix) })
}

func TestImports(t *testing.T) {
	used := map[string]bool{}
	check := func(file, pkg, imported string) {
		own, ours := strings.CutPrefix(imported, module)
		for library, importers := range libraries {
			if within(imported, library) {
				used[library] = true
				if !withinAny(pkg, importers) {
					t.Errorf("%s imports %s, which only %s may", file, imported,
						strings.Join(importers, ", "))
				}
			}
		}
		if !ours {
			return
		}
		if strings.HasSuffix(own, forTests) && !strings.HasSuffix(pkg, forTests) {
			t.Errorf("%s imports %s, which is there for tests", file, own)
		}
		inRoom := false
		for _, room := range rooms {
			if !within(pkg, room.prefix) {
				continue
			}
			inRoom, used[room.prefix] = true, true
			if !within(own, room.prefix) && !withinAny(own, room.may) {
				t.Errorf("%s imports %s: %s may import %s and what is in it", file, own, room.prefix,
					strings.Join(append(room.may, "libraries"), ", "))
			}
		}
		if !inRoom {
			t.Errorf("%s is in no room: say in this file's table what it may import", file)
		}
	}
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil,
			parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			check(file, path.Dir(file), imported)
		}
	}
	for library := range libraries {
		if !used[library] {
			t.Errorf("nothing imports %s: take it out of the table", library)
		}
	}
	for _, room := range rooms {
		if _, err := fs.Stat(tree, room.prefix); err != nil {
			t.Errorf("no room %s: take it out of the table", room.prefix)
		}
	}
}
