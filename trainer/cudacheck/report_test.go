package cudacheck

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/kernels/backend"
)

// report is what XLA made of a program for a described GPU, read from its dump.
type report struct {
	bounds
	graphs          int      // CUDA graphs
	donated, reused int      // inputs that may be overwritten, and those of them that an output takes over
	copies          []copied // of inputs of the program: weights, pools, gradients
	unordered       []string // what depends on the order in which a GPU's threads come
	cudnn           int      // launches of cuDNN
	unorderedCalls  int      // gradients of cuDNN's attention that depend on that order
}

// copied is an operation that only moves numbers.
type copied struct {
	name  string
	bytes int64
}

// readReport reads the dump of a compiled program.
func readReport(p *backend.Program) (r report, err error) {
	read := func(pattern string) (string, error) {
		found, err := filepath.Glob(filepath.Join(p.Dump(), pattern))
		if err != nil || len(found) != 1 {
			return "", fmt.Errorf("%d files %s in XLA's dump", len(found), pattern)
		}
		text, err := os.ReadFile(found[0])
		return string(text), err
	}
	source, err := read("program.mlir")
	if err != nil {
		return r, err
	}
	hlo, err := read("*gpu_after_optimizations.txt")
	if err != nil {
		return r, err
	}
	thunks, err := read("*thunk_sequence_after_thunk_passes.txt")
	if err != nil { // they changed nothing
		if thunks, err = read("*thunk_sequence.txt"); err != nil {
			return r, err
		}
	}
	r.temporary = (p.Memory().Temporary + 1023) >> 10
	r.donated = strings.Count(source, "jax.buffer_donor")
	head, _, _ := strings.Cut(hlo, "\n")
	r.reused = strings.Count(head, "-alias)")
	module := readHLO(hlo)
	r.countLaunches(thunks, module.trips())
	r.cudnn, r.unorderedCalls = strings.Count(thunks, " kCuDnn "), unorderedCalls(hlo)
	for _, c := range module.moves() {
		if c.ofInput {
			r.copies = append(r.copies, c.copied)
		} else {
			r.copied = max(r.copied, (c.bytes+1023)>>10)
		}
	}
	kernels, err := filepath.Glob(filepath.Join(p.Dump(), "*.ptx"))
	if err != nil {
		return r, err
	}
	for _, path := range kernels {
		text, err := os.ReadFile(path)
		if err != nil {
			return r, err
		}
		r.unordered = append(r.unordered, atomics(string(text))...)
	}
	if r.unordered = append(r.unordered, unorderedOps(hlo)...); len(kernels) == 0 && r.launches > 0 {
		return r, fmt.Errorf("%d launches and no file *.ptx in XLA's dump", r.launches)
	}
	return r, nil
}

// containers are thunks that launch nothing themselves.
var containers = []string{"CommandBuffer", "While", "Conditional", "Sequential", "AsyncStart", "AsyncDone",
	"DynamicSliceFusion"}

var thunkLine = regexp.MustCompile(`^( *)\d+: k(\w+)`)

// countLaunches reads a list of thunks, in which what belongs to one stands deeper. trips are how often
// the loops run that no other is around, in order; 0 where XLA does not know.
func (r *report) countLaunches(thunks string, trips []int) {
	type open struct {
		indent, times int
		graph, loop   bool
	}
	var around []open
	for line := range strings.Lines(thunks) {
		m := thunkLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		indent, kind := len(m[1]), m[2]
		for len(around) > 0 && around[len(around)-1].indent >= indent {
			around = around[:len(around)-1]
		}
		times, graph := 1, false
		for _, a := range around {
			times, graph = times*a.times, graph || a.graph
		}
		if slices.Contains(containers, kind) {
			o := open{indent: indent, times: 1, graph: kind == "CommandBuffer"}
			inLoop := slices.ContainsFunc(around, func(a open) bool { return a.loop })
			if o.loop = kind == "While"; o.loop && !inLoop && len(trips) > 0 {
				o.times, trips = max(trips[0], 1), trips[1:]
			}
			around = append(around, o)
			if kind == "CommandBuffer" && !graph {
				r.graphs++
			}
			continue
		}
		r.launches += times
		if !graph {
			r.outside += times
		}
	}
}

// module is a program after XLA's optimisations.
type module struct {
	computations map[string]*computation
	entry        *computation
}

type computation struct {
	operations []operation
	byName     map[string]int
}

type operation struct {
	name, kind string
	bytes      int64
	operands   []string
	called     []string // computations: a fusion's, a loop's body
	trips      int      // of a loop
}

var (
	computationLine = regexp.MustCompile(`^(ENTRY )?%([\w.\-]+) \(`)
	operationLine   = regexp.MustCompile(`^\s+(?:ROOT )?%([\w.\-]+) = (.*)$`)
	operandName     = regexp.MustCompile(`%([\w.\-]+)`)
	calledName      = regexp.MustCompile(`(?:calls|body|to_apply|called_computations)=\{?%([\w.\-]+)`)
	tripCount       = regexp.MustCompile(`"known_trip_count":\{"n":"(\d+)"\}`)
	tensorShape     = regexp.MustCompile(`\b(pred|[subf]\d+|bf16|f8\w*|c\d+)\[([\d,]*)\]`)
)

// readHLO reads the text of a module.
func readHLO(text string) module {
	m := module{computations: map[string]*computation{}}
	var now *computation
	for _, line := range strings.Split(text, "\n") {
		if c := computationLine.FindStringSubmatch(line); c != nil {
			now = &computation{byName: map[string]int{}}
			m.computations[c[2]] = now
			if c[1] != "" {
				m.entry = now
			}
			continue
		}
		o := operationLine.FindStringSubmatch(line)
		if o == nil || now == nil {
			continue
		}
		shape, rest := splitShape(o[2])
		kind, rest, _ := strings.Cut(rest, "(")
		op := operation{name: o[1], kind: kind, bytes: shapeBytes(shape)}
		operands, _, _ := strings.Cut(rest, ")")
		for _, name := range operandName.FindAllStringSubmatch(operands, -1) {
			op.operands = append(op.operands, name[1])
		}
		for _, name := range calledName.FindAllStringSubmatch(rest, -1) {
			op.called = append(op.called, name[1])
		}
		if n := tripCount.FindStringSubmatch(rest); n != nil {
			op.trips, _ = strconv.Atoi(n[1])
		}
		now.byName[op.name] = len(now.operations)
		now.operations = append(now.operations, op)
	}
	return m
}

// splitShape divides "f32[2]{0} add(…" and "(f32[2], s8[4]) custom-call(…" after the shape.
func splitShape(s string) (shape, rest string) {
	depth := 0
	for i, c := range s {
		switch c {
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth--
		case ' ':
			if depth == 0 {
				return s[:i], strings.TrimSpace(s[i:])
			}
		}
	}
	return s, ""
}

// shapeBytes is the size of a tensor, or of a tuple's together.
func shapeBytes(shape string) (bytes int64) {
	for _, t := range tensorShape.FindAllStringSubmatch(shape, -1) {
		n := int64(1)
		if t[1] != "pred" {
			bits, _ := strconv.ParseInt(strings.TrimLeft(t[1], "subfc"), 10, 64)
			if strings.HasPrefix(t[1], "f8") {
				bits = 8
			}
			n = (bits + 7) / 8
		}
		for _, d := range strings.Split(t[2], ",") {
			if d != "" {
				size, _ := strconv.ParseInt(d, 10, 64)
				n *= size
			}
		}
		bytes += n
	}
	return bytes
}

// trips are how often the loops of the entry run, in order.
func (m module) trips() (all []int) {
	for _, o := range m.entry.operations {
		if o.kind == "while" {
			all = append(all, o.trips)
		}
	}
	return all
}

// move is a copy, and whether it is of an input of the program.
type move struct {
	copied
	ofInput bool
}

// moving are operations that change no number.
var moving = []string{"parameter", "copy", "transpose", "concatenate", "bitcast", "reshape", "pad", "constant", "tuple",
	"get-tuple-element"}

// moves lists what only moves numbers, in the entry and in the bodies of loops.
func (m module) moves() (all []move) {
	var in func(c *computation, entry bool)
	in = func(c *computation, entry bool) {
		for _, o := range c.operations {
			for _, called := range o.called {
				if body := m.computations[called]; body != nil && o.kind == "while" {
					in(body, false)
				}
			}
			moves := o.kind == "copy" || o.kind == "copy-start" || o.kind == "concatenate" || o.kind == "transpose"
			if o.kind == "fusion" && len(o.called) == 1 {
				moves = !slices.ContainsFunc(m.computations[o.called[0]].operations, func(o operation) bool {
					return !slices.Contains(moving, o.kind)
				})
			}
			if !moves {
				continue
			}
			largest := int64(0) // of inputs that are moved
			for _, operand := range o.operands {
				if from := c.source(operand); entry && from != nil && from.kind == "parameter" {
					largest = max(largest, from.bytes)
				}
			}
			all = append(all, move{copied{o.name, max(o.bytes, largest)}, largest > 0})
		}
	}
	in(m.entry, true)
	return all
}

// source is the operation whose numbers a name has, whatever its shape.
func (c *computation) source(name string) *operation {
	for {
		i, ok := c.byName[name]
		if !ok {
			return nil
		}
		o := &c.operations[i]
		if o.kind != "bitcast" && o.kind != "reshape" || len(o.operands) == 0 {
			return o
		}
		name = o.operands[0]
	}
}
