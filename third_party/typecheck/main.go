// Command typecheck checks the types of packages and of their tests for a processor that GOARCH names, from their
// sources: what go vet and go build would find wrong with types, without compiling all that they import for it.
// Of other modules and of Go's own packages it takes what they declare. That functions without a body have one in
// assembly it checks, too. C is left to a compiler.
//
//	usage: GOARCH=arm64 typecheck PACKAGES
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	count, faults, err := check(".", os.Args[1:]...)
	if err != nil {
		faults = append(faults, err.Error())
	}
	if len(faults) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(faults, "\n"))
		os.Exit(1)
	}
	fmt.Printf("typecheck: %d packages\n", count)
}

// listed is a package as go list has it.
type listed struct {
	ImportPath, Name, Dir     string
	GoFiles, CgoFiles, SFiles []string
	ImportMap                 map[string]string
	Standard                  bool
	Module                    *struct {
		GoVersion string
		Main      bool
	}
	Error *struct{ Err string }
}

// check returns how many of the main module's packages it has checked, tests among them, and what is wrong. dir is
// where go list runs.
func check(dir string, patterns ...string) (count int, faults []string, err error) {
	arch, err := exec.Command("go", "env", "GOARCH").Output()
	if err != nil {
		return 0, nil, err
	}
	list := exec.Command("go", append([]string{"list", "-deps", "-test", "-e",
		"-json=ImportPath,Name,Dir,GoFiles,CgoFiles,SFiles,ImportMap,Standard,Module,Error"}, patterns...)...)
	list.Dir, list.Stderr = dir, os.Stderr
	out, err := list.StdoutPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := list.Start(); err != nil {
		return 0, nil, err
	}
	sizes, checked := types.SizesFor("gc", strings.TrimSpace(string(arch))), map[string]*types.Package{}
	for packages := json.NewDecoder(out); ; { // each comes after what it imports
		var p listed
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			return count, faults, list.Wait()
		} else if err != nil {
			return count, faults, err
		}
		if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") { // the latter is go test's own
			continue
		}
		own := p.Module != nil && p.Module.Main
		found, pkg := p.check(sizes, own, checked)
		checked[p.ImportPath] = pkg
		if own {
			count++
			faults = append(faults, found...)
		}
	}
}

// check checks a package, whole where it is our own, and returns what is wrong, and its types as far as they go.
func (p *listed) check(sizes types.Sizes, own bool, checked map[string]*types.Package) ([]string, *types.Package) {
	var faults []string
	if p.Error != nil {
		faults = append(faults, p.Error.Err)
	}
	fset, mode := token.NewFileSet(), parser.SkipObjectResolution
	if own {
		mode |= parser.ParseComments // for go:linkname
	}
	var files []*ast.File
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, mode)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		files = append(files, file)
		if own && len(p.SFiles)+len(p.CgoFiles) == 0 {
			faults = append(faults, missingBodies(fset, file)...)
		}
	}
	c := types.Config{Sizes: sizes, IgnoreFuncBodies: !own, FakeImportC: true,
		Importer: imports{p.ImportMap, checked}, Error: func(err error) { faults = append(faults, err.Error()) }}
	if p.Module != nil && p.Module.GoVersion != "" {
		c.GoVersion = "go" + p.Module.GoVersion
	}
	path, _, _ := strings.Cut(p.ImportPath, " ") // of a test's variant
	pkg, _ := c.Check(path, fset, files, nil)    // what is wrong Error has got
	return faults, pkg
}

// missingBodies are the functions of a file that have no body, and are no other's by go:linkname.
func missingBodies(fset *token.FileSet, file *ast.File) (faults []string) {
	linked := map[string]bool{}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if fields := strings.Fields(comment.Text); len(fields) > 1 && fields[0] == "//go:linkname" {
				linked[fields[1]] = true
			}
		}
	}
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Body == nil && !linked[f.Name.Name] {
			faults = append(faults, fmt.Sprintf("%s: %s has no body, and there is no assembly", fset.Position(f.Pos()),
				f.Name.Name))
		}
	}
	return faults
}

// imports are the packages that a package imports, by what its sources call them.
type imports struct {
	named   map[string]string
	checked map[string]*types.Package
}

// Import returns a package that was checked before.
func (i imports) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if other, ok := i.named[path]; ok {
		path = other
	}
	if p := i.checked[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s is not there", path)
}
