package jinja

// expr is an expression of the template.
type expr interface {
	eval(r *run, s *scope) Value
}

// stmt is a statement, or text between the tags.
type stmt interface {
	exec(r *run, s *scope) signal
}

// signal is the way in which a statement ended.
type signal byte

const (
	normal signal = iota
	broke
	continued
)

// position is the byte of the source at which a tag begins.
type position int

type (
	constExpr struct{ v Value }
	nameExpr  struct{ name string }
	tupleExpr struct{ items []expr }
	listExpr  struct{ items []expr }
	dictExpr  struct{ keys, values []expr }
	condExpr  struct{ test, yes, no expr } // no may be nil
	orExpr    struct{ left, right expr }
	andExpr   struct{ left, right expr }
	notExpr   struct{ x expr }
	negExpr   struct{ x expr }
	posExpr   struct{ x expr }
	binExpr   struct {
		op          string
		left, right expr
	}
	concatExpr  struct{ items []expr }
	compareExpr struct {
		first expr
		ops   []string
		rest  []expr
	}
	attrExpr struct {
		x    expr
		name string
	}
	itemExpr  struct{ x, index expr }
	sliceExpr struct{ start, stop, step expr } // each may be nil
	callExpr  struct {
		f    expr
		args callArgs
	}
	filterExpr struct {
		x    expr // nil in a filter block: its text
		name string
		f    *builtin // nil when the name is unknown
		args callArgs
	}
	testExpr struct {
		x    expr
		name string
		f    *builtin
		args callArgs
	}
	// inputExpr is the text that a filter block or a set block filters.
	inputExpr struct{}
)

// callArgs are the arguments of a call: positions, keywords, *args and **kwargs.
type callArgs struct {
	args   []expr
	names  []string
	values []expr
	list   expr
	dict   expr
}

type (
	textStmt   struct{ text string }
	outputStmt struct {
		at    position
		items []expr
	}
	ifStmt struct {
		at      position
		test    expr
		yes, no []stmt
	}
	forStmt struct {
		at        position
		target    expr
		iter      expr
		test      expr // nil without a condition
		recursive bool
		body      []stmt
		otherwise []stmt
	}
	setStmt struct {
		at     position
		target expr
		value  expr
	}
	setBlockStmt struct {
		at     position
		target expr
		filter expr // nil without filters
		body   []stmt
	}
	macroStmt struct {
		at    position
		macro *macroDef
	}
	callStmt struct {
		at   position
		call *callExpr // nil for a generation block
		body *macroDef
	}
	filterStmt struct {
		at     position
		filter expr
		body   []stmt
	}
	withStmt struct {
		at      position
		targets []expr
		values  []expr
		body    []stmt
	}
	blockStmt struct {
		at   position
		name string
		body []stmt
	}
	loopStmt struct{ signal signal } // break, continue
	// loaderStmt is include, import, from or extends: there are no other templates.
	loaderStmt struct {
		at  position
		tag string
	}
	autoescapeStmt struct {
		at   position
		on   expr
		body []stmt
	}
	nsTarget struct{ name, attr string } // set ns.attr = ...
)

// macroDef is a macro, or the body of a call block.
type macroDef struct {
	name     string
	params   []string
	defaults []expr // of the last parameters
	body     []stmt
	// Whether the body names these.
	varargs, kwargs, caller bool
}
