// Writes NOTICES: the licences of the Go modules that cmd/stele links, of Go, of the fonts of
// reports, and, out of crates.txt, of the Rust crates in libtokenizers.a:
//
//	go run ./make           from what Go has in its module cache
//	go run ./make -crates   crates.txt anew, which takes cargo
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// part is software of others with the texts of its licences.
type part struct {
	name  string
	texts []string
}

func main() {
	log.SetFlags(0)
	crates := flag.Bool("crates", false, "write crates.txt anew")
	flag.Parse()
	if err := run(*crates); err != nil {
		log.Fatal(err)
	}
}

func run(crates bool) error {
	if crates {
		parts, err := rustCrates()
		if err != nil {
			return err
		}
		version, err := tokenizersVersion()
		if err != nil {
			return err
		}
		if err := os.WriteFile("crates.txt", []byte(libraryOf(version)+written(parts)), 0o644); err != nil {
			return err
		}
	}
	parts, err := goModules()
	if err != nil {
		return err
	}
	fonts, err := os.ReadFile("../../eval/report/fonts/OFL.txt")
	if err != nil {
		return err
	}
	parts = append(parts, part{"Fonts of reports, subsets of Noto Sans (eval/report/fonts)",
		[]string{string(fonts)}})
	library, err := os.ReadFile("crates.txt")
	if err != nil {
		return fmt.Errorf("%w: run go run ./make -crates in third_party/notices", err)
	}
	version, err := tokenizersVersion()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(library), libraryOf(version)) {
		return fmt.Errorf("crates.txt is not of tokenizers %s: run go run ./make -crates in "+
			"third_party/notices", version)
	}
	const head = "Stele contains software of others, under the licences that are quoted here.\n\n"
	return os.WriteFile("NOTICES", []byte(head+written(parts)+string(library)), 0o644)
}

// tokenizersVersion returns the version of the module that libtokenizers.a is built from.
func tokenizersVersion() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}",
		"github.com/daulet/tokenizers").Output()
	return strings.TrimSpace(string(out)), err
}

// libraryOf begins crates.txt.
func libraryOf(version string) string {
	return "What follows is in libtokenizers.a " + version + ", which is linked into the program.\n\n"
}

const line = "--------------------------------------------------------------------------------\n"

// written lists parts with their licences; parts under the same text share it.
func written(parts []part) string {
	var out strings.Builder
	seen := map[string]bool{}
	for _, p := range parts {
		texts := strings.Join(p.texts, "\n")
		if seen[texts] {
			continue
		}
		seen[texts] = true
		for _, other := range parts {
			if strings.Join(other.texts, "\n") == texts {
				fmt.Fprintln(&out, other.name)
			}
		}
		fmt.Fprintf(&out, "\n%s\n%s\n", strings.TrimSpace(texts), line)
	}
	return out.String()
}

// licence are the names of files that a copy must be given with.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|unlicense|patents)([-.].*)?$`)

// textsIn returns the licences that lie in a folder.
func textsIn(dir string) (texts []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !licence.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		texts = append(texts, strings.ReplaceAll(string(data), "\r\n", "\n"))
	}
	return texts, nil
}

// goModules returns what go build links into the program on Linux: Go itself, and each module
// with the licences of its folder and of those between it and the packages that are used.
func goModules() ([]part, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	texts, err := textsIn(strings.TrimSpace(string(root)))
	if err != nil {
		return nil, err
	}
	parts := []part{{"Go's standard library and runtime", texts}}
	list := exec.Command("go", "list", "-deps", "-json=Dir,Module", "../../cmd/stele")
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, err
	}
	folders := map[string][]string{} // of a module, those of its packages and above them
	names := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir    string
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		names[p.Module.Dir] = p.Module.Path + " " + p.Module.Version
		for dir := p.Dir; strings.HasPrefix(dir, p.Module.Dir); dir = filepath.Dir(dir) {
			if !slices.Contains(folders[p.Module.Dir], dir) {
				folders[p.Module.Dir] = append(folders[p.Module.Dir], dir)
			}
		}
	}
	var modules []part
	for dir, name := range names {
		p := part{name: name}
		slices.Sort(folders[dir])
		for _, folder := range folders[dir] {
			texts, err := textsIn(folder)
			if err != nil {
				return nil, err
			}
			p.texts = append(p.texts, texts...)
		}
		if len(p.texts) == 0 {
			return nil, fmt.Errorf("%s has no licence in %s", name, dir)
		}
		modules = append(modules, p)
	}
	slices.SortFunc(modules, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return append(parts, modules...), nil
}

// crate is a package as cargo describes it.
type crate struct {
	ID, Name, Version, License string
	Source                     *string
	Manifest                   string `json:"manifest_path"`
	Targets                    []struct{ Kind []string }
}

func (c *crate) macro() bool {
	return slices.ContainsFunc(c.Targets,
		func(t struct{ Kind []string }) bool { return slices.Contains(t.Kind, "proc-macro") })
}

// rustCrates returns what cargo links into libtokenizers.a: neither what builds it nor macros.
// Of a crate that leaves the choice, MIT's licence.
func rustCrates() ([]part, error) {
	command := exec.Command("../build-libtokenizers.sh", "--crates")
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", command, err)
	}
	var metadata struct {
		Packages []*crate
		Resolve  struct {
			Root  string
			Nodes []struct {
				ID   string
				Deps []struct {
					Pkg   string
					Kinds []struct{ Kind *string } `json:"dep_kinds"`
				}
			}
		}
	}
	if err := json.Unmarshal(out, &metadata); err != nil {
		return nil, err
	}
	byID := map[string]*crate{}
	for _, c := range metadata.Packages {
		byID[c.ID] = c
	}
	linked := map[string]bool{}
	var link func(id string)
	link = func(id string) {
		if linked[id] || byID[id].macro() {
			return
		}
		linked[id] = true
		for _, node := range metadata.Resolve.Nodes {
			for _, dependency := range node.Deps {
				for _, k := range dependency.Kinds {
					if node.ID == id && k.Kind == nil {
						link(dependency.Pkg)
					}
				}
			}
		}
	}
	link(metadata.Resolve.Root)
	var parts []part
	for id := range linked {
		c := byID[id]
		if c.Source == nil {
			continue // the library's own, whose module has its licence, and what stands for tiktoken
		}
		dir := filepath.Dir(c.Manifest)
		p := part{name: "Rust crate " + c.Name + " " + c.Version}
		if mit, err := os.ReadFile(filepath.Join(dir, "LICENSE-MIT")); err == nil {
			p.texts = append(p.texts, string(mit))
		} else if p.texts, err = textsIn(dir); err != nil {
			return nil, err
		}
		within, err := filepath.Glob(filepath.Join(dir, "*", "COPYING")) // of C code that it brings
		if err != nil {
			return nil, err
		}
		for _, name := range within {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			p.texts = append(p.texts, string(text))
		}
		if len(p.texts) == 0 {
			return nil, fmt.Errorf("%s has no licence in %s", p.name, dir)
		}
		parts = append(parts, p)
		if c.Name == "libc" { // by the same authors, under the same licence
			parts = append(parts, part{"Rust's standard library", p.texts})
		}
	}
	if len(parts) < 2 {
		return nil, fmt.Errorf("%s: cargo named %d crates", runtime.GOOS, len(parts))
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return parts, nil
}
