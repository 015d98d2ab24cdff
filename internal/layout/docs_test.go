package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents lists the files that users read.
func documents(t *testing.T) []string {
	t.Helper()
	list, err := fs.Glob(tree, "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		if _, err := fs.Stat(tree, name); err == nil {
			list = append(list, name)
		}
	}
	if len(list) < 6 {
		t.Fatalf("documents: %q", list)
	}
	return list
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// code holds the names that documents can use.
type code struct {
	packages map[string]string          // folders by name
	symbols  map[string]map[string]bool // of a package's name, with members as Type.Member
	tests    map[string]bool
	flags    map[string]bool
	commands map[string]bool
	targets  map[string]bool
	settings map[string]bool
	sources  strings.Builder // all, for names of the environment
}

var (
	flagCall    = regexp.MustCompile(`Flags?\(?\)?\.\w*Var\w*\(&?[\w.]+, "([a-z][a-z-]*)"(?:, "([a-zA-Z])")?`)
	argument    = regexp.MustCompile(`add_argument\("--([a-z-]+)"`)
	commandUse  = regexp.MustCompile(`Use:\s+"([a-z]+)`)
	makeTarget  = regexp.MustCompile(`(?m)^([a-z-]+):`)
	settingLine = regexp.MustCompile("(?m)^- `([a-z0-9_.]+)")
)

func readCode(t *testing.T) *code {
	c := &code{
		packages: map[string]string{}, symbols: map[string]map[string]bool{}, tests: map[string]bool{},
		flags:    map[string]bool{"help": true, "version": true},
		commands: map[string]bool{"completion": true, "help": true},
		targets:  map[string]bool{}, settings: map[string]bool{},
	}
	for _, file := range goFiles(t) {
		source := read(t, file)
		c.sources.WriteString(source)
		if within(path.Dir(file), "cmd/stele") {
			for _, m := range flagCall.FindAllStringSubmatch(strings.ReplaceAll(source, "flags.", "Flags()."),
				-1) {
				c.flags[m[1]], c.flags[m[2]] = true, true
			}
			for _, m := range commandUse.FindAllStringSubmatch(source, -1) {
				c.commands[m[1]] = true
			}
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), source,
			parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		c.declared(parsed, file)
	}
	scripts, err := fs.Glob(tree, "third_party/peers/*.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts { // FLAGS of make bench-peers
		for _, m := range argument.FindAllStringSubmatch(read(t, script), -1) {
			c.flags[m[1]] = true
		}
	}
	for _, m := range makeTarget.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		c.targets[m[1]] = true
	}
	for _, m := range settingLine.FindAllStringSubmatch(read(t, "docs/config.md"), -1) {
		c.settings[m[1]] = true
	}
	for _, name := range []string{"third_party/env.sh", "Makefile"} {
		c.sources.WriteString(read(t, name))
	}
	return c
}

// declared takes what a file declares.
func (c *code) declared(file *ast.File, name string) {
	pkg := strings.TrimSuffix(file.Name.Name, "_test")
	if !strings.HasSuffix(name, "_test.go") {
		c.packages[pkg] = path.Dir(name)
	}
	symbols := c.symbols[pkg]
	if symbols == nil {
		symbols = map[string]bool{}
		c.symbols[pkg] = symbols
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				symbols[d.Name.Name] = true
				c.tests[d.Name.Name] = true
				continue
			}
			receiver := d.Recv.List[0].Type
			if star, ok := receiver.(*ast.StarExpr); ok {
				receiver = star.X
			}
			if index, ok := receiver.(*ast.IndexExpr); ok {
				receiver = index.X
			}
			if id, ok := receiver.(*ast.Ident); ok {
				symbols[id.Name+"."+d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						symbols[id.Name] = true
					}
				case *ast.TypeSpec:
					symbols[spec.Name.Name] = true
					if s, ok := spec.Type.(*ast.StructType); ok {
						for _, field := range s.Fields.List {
							for _, id := range field.Names {
								symbols[spec.Name.Name+"."+id.Name] = true
							}
						}
					}
				}
			}
		}
	}
}

var (
	fenced     = regexp.MustCompile("(?ms)^```.*?^```$")
	quoted     = regexp.MustCompile("`([^`\n]+)`")
	symbolName = regexp.MustCompile(`^([a-z][a-z0-9]*)\.([A-Z]\w*(?:\.[A-Z]\w*)?)(?:\(\))?$`)
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`)
	flagName   = regexp.MustCompile(`(?:^|[\s\[("])--([a-z][a-z_-]+)`)
	steleCall  = regexp.MustCompile(`(?:^|[\s/(])stele ([a-z]+)`)
	makeCall   = regexp.MustCompile(`(?:^|\s)make ([a-z][a-z-]+)`)
	ownSetting = regexp.MustCompile(`\b(?:data|rollout|reward|loss|optimizer|update|lora|save|eval)\.[a-z_0-9]+`)
	ownName    = regexp.MustCompile(`\bSTELE_[A-Z_]+`)
)

// foreign begins a command line of another program.
var foreign = regexp.MustCompile(`^\s*(?:\S+=\S+ )*(?:python3?|lm_eval|lm-eval|lighteval|accelerate|llama-\S+|\S*/llama-\S+|pip|uv|git|vllm|tensorboard|mlflow|srun|mpirun|mpiexec)\b|^#SBATCH|#PBS`)

// foreignFlags belong to other programs. Stele has no flag with an underscore.
var foreignFlags = []string{"tasks", "max-samples", "output-dir", "save-details",
	"allow-run-as-root", "requeue", "hostfile"}

// notSettings look like settings and are files or numbers of metrics.
var notSettings = []string{"eval.jsonl", "data.sh"}

// TestDocumentsNameWhatThereIs looks up the names that documents quote: packages and files,
// what Go packages declare, tests, commands, flags, settings, targets of make, and the
// environment.
func TestDocumentsNameWhatThereIs(t *testing.T) {
	c := readCode(t)
	tops, err := fs.ReadDir(tree, ".")
	if err != nil {
		t.Fatal(err)
	}
	var rooms []string
	for _, top := range tops {
		if top.IsDir() && !strings.HasPrefix(top.Name(), ".") && top.Name() != "bin" && top.Name() != "runs" {
			rooms = append(rooms, top.Name())
		}
	}
	looked := 0
	for _, document := range documents(t) {
		text := read(t, document)
		missing := func(what, name string) {
			t.Errorf("%s names %s %q, which there is not", document, what,
				name)
		}
		var blocks []string
		blocks = append(blocks, fenced.FindAllString(text, -1)...)
		if document == "docs/architecture.md" {
			blocks = nil // TestTree reads it
		}
		var words []string
		for _, m := range quoted.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			words = append(words, m[1])
			blocks = append(blocks, m[1])
		}
		for _, word := range words {
			first, _, deep := strings.Cut(word, "/")
			if deep && slices.Contains(rooms, first) && !strings.ContainsAny(word, " <>{}…") {
				looked++
				file := strings.TrimSuffix(word, "/")
				if matches, err := fs.Glob(tree, file); err != nil || len(matches) == 0 {
					missing("a path", word)
				}
			}
			if m := symbolName.FindStringSubmatch(word); m != nil && c.symbols[m[1]] != nil {
				looked++
				if !c.symbols[m[1]][m[2]] {
					missing("in package "+m[1], word)
				}
			}
		}
		for _, name := range testName.FindAllString(text, -1) {
			if looked++; !c.tests[name] {
				missing("a test", name)
			}
		}
		for _, name := range ownName.FindAllString(text, -1) {
			if looked++; !strings.Contains(c.sources.String(), name) {
				missing("a variable", name)
			}
		}
		for _, block := range blocks {
			for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
				if foreign.MatchString(line) {
					continue
				}
				for _, m := range flagName.FindAllStringSubmatch(line, -1) {
					if looked++; !c.flags[m[1]] && !strings.Contains(m[1], "_") &&
						!slices.Contains(foreignFlags, m[1]) {
						missing("a flag", "--"+m[1])
					}
				}
			}
			for _, m := range steleCall.FindAllStringSubmatch(block, -1) {
				if looked++; !c.commands[m[1]] {
					missing("a command", "stele "+m[1])
				}
			}
			for _, m := range makeCall.FindAllStringSubmatch(block, -1) {
				if looked++; !c.targets[m[1]] {
					missing("a target", "make "+m[1])
				}
			}
			for _, name := range ownSetting.FindAllString(block, -1) {
				if looked++; !c.settings[name] && !slices.Contains(notSettings, name) {
					missing("a setting", name)
				}
			}
		}
	}
	if looked < 300 {
		t.Errorf("only %d names were looked up", looked)
	}
}

var (
	treeLine  = regexp.MustCompile(`^( *)([a-z0-9_]+)/`)
	treeAlso  = regexp.MustCompile(`   *([a-z0-9_]+)/ `)
	tallyLine = regexp.MustCompile("(?s)```\n(cmd/stele/.*?)```")
)

// TestTree compares the layout that docs/architecture.md draws with the packages there are.
// Packages that are programs or for tests, within another, need no line.
func TestTree(t *testing.T) {
	drawing := tallyLine.FindStringSubmatch(read(t, "docs/architecture.md"))
	if drawing == nil {
		t.Fatal("docs/architecture.md draws no layout")
	}
	drawn := map[string]bool{}
	var above []string // folders, by depth
	for line := range strings.Lines(drawing[1]) {
		line = strings.Replace(line, "cmd/stele/", "cmd/", 1)
		m := treeLine.FindStringSubmatch(line)
		if m == nil {
			continue // goes on with the line before
		}
		depth := len(m[1]) / 2
		if depth > len(above) {
			t.Errorf("in the layout %q is indented below nothing", strings.TrimSpace(line))
			continue
		}
		names := []string{m[2]}
		for _, also := range treeAlso.FindAllStringSubmatch(strings.TrimSpace(line)+" ", -1) {
			names = append(names, also[1])
		}
		above = above[:depth]
		for _, name := range names {
			folder := path.Join(append(slices.Clone(above), name)...)
			drawn[folder] = true
			if info, err := fs.Stat(tree, folder); err != nil || !info.IsDir() {
				t.Errorf("the layout has %s, which there is not", folder)
			}
		}
		above = append(above, m[2])
	}
	for pkg := range packageFolders(t) {
		if !drawn[pkg] {
			t.Errorf("%s is missing in the layout of docs/architecture.md", pkg)
		}
	}
}

// packageFolders are the folders of the packages that others can import, and of commands.
func packageFolders(t *testing.T) map[string]bool {
	folders := map[string]bool{}
	for _, file := range goFiles(t) {
		folder := path.Dir(file)
		if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(folder, forTests) {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil,
			parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Name.Name != "main" {
			folders[folder] = true
		}
	}
	return folders
}

// Comments cite what a reader can find: papers and their equations, and other projects' files.
func TestNoPrivateDocuments(t *testing.T) {
	for _, file := range goFiles(t) {
		if within(path.Dir(file), "internal/layout") {
			continue
		}
		source := read(t, file)
		for _, name := range []string{"MISSION", "DESIGN.md"} {
			if strings.Contains(source, name) {
				t.Errorf("%s cites %s, which users do not have", file, name)
			}
		}
	}
}
