package grade

import "strings"

const (
	matrixBegin = `\begin{pmatrix}`
	matrixEnd   = `\end{pmatrix}`
)

// equalMatrices compares two matrix environments entry by entry. bmatrix is as
// long as pmatrix, so one pair of offsets serves both.
func (c *comparison) equalMatrices(prediction, reference string, depth int) bool {
	predRows, ok := matrixRows(prediction)
	if !ok {
		return false
	}
	refRows, ok := matrixRows(reference)
	if !ok || len(predRows) != len(refRows) {
		return false
	}
	for i := range predRows {
		if !c.equalLists(strings.Split(predRows[i], "&"), strings.Split(refRows[i], "&"), depth) {
			return false
		}
	}
	return true
}

// matrixRows returns the rows of a string that is a pmatrix or bmatrix as a
// whole; empty rows are dropped.
func matrixRows(s string) ([]string, bool) {
	s = strings.Replace(s, `\begin{bmatrix}`, matrixBegin, 1)
	if strings.HasSuffix(s, `\end{bmatrix}`) {
		s = s[:len(s)-len(matrixEnd)] + matrixEnd
	}
	if len(s) < len(matrixBegin)+len(matrixEnd) || !strings.HasPrefix(s, matrixBegin) ||
		!strings.HasSuffix(s, matrixEnd) {
		return nil, false
	}
	var rows []string
	for _, row := range strings.Split(s[len(matrixBegin):len(s)-len(matrixEnd)], `\\`) {
		if row = strip(row); row != "" {
			rows = append(rows, row)
		}
	}
	return rows, true
}

func isMatrix(e *expr) bool { return e.kind == kindMatrix }

// columns is the length of a matrix' rows.
func (e *expr) columns() int { return len(e.args) / e.rows }

// mapEntries returns a matrix of f of the entries.
func (e *expr) mapEntries(f func(*expr) *expr) *expr {
	mapped := &expr{kind: kindMatrix, rows: e.rows}
	for _, entry := range e.args {
		mapped.args = append(mapped.args, f(entry))
	}
	return mapped
}

// minusMatrix is negative, for matrices too.
func minusMatrix(e *expr) *expr {
	if isMatrix(e) {
		return e.mapEntries(negative)
	}
	return negative(e)
}

// addTerms adds two terms. A matrix is added to one of the same shape alone.
func addTerms(a, b *expr) (*expr, bool) {
	switch {
	case !isMatrix(a) && !isMatrix(b):
		return sum(a, b), true
	case a.kind != b.kind || a.rows != b.rows || len(a.args) != len(b.args):
		return nil, false
	}
	total := &expr{kind: kindMatrix, rows: a.rows}
	for i := range a.args {
		total.args = append(total.args, sum(a.args[i], b.args[i]))
	}
	return total, true
}

// multiplyTerms multiplies two factors; matrices must fit.
func multiplyTerms(a, b *expr, limit *budget) (*expr, bool) {
	switch {
	case !isMatrix(a) && !isMatrix(b):
		return product(a, b), true
	case !isMatrix(a):
		return b.mapEntries(func(entry *expr) *expr { return product(a, entry) }), limit.spend(len(b.args))
	case !isMatrix(b):
		return a.mapEntries(func(entry *expr) *expr { return product(entry, b) }), limit.spend(len(a.args))
	}
	n, columns := a.columns(), b.columns()
	if n != b.rows || !limit.spend(a.rows*n*columns) {
		return nil, false
	}
	result := &expr{kind: kindMatrix, rows: a.rows}
	for row := range a.rows {
		for column := range columns {
			var terms []*expr
			for k := range n {
				terms = append(terms, product(a.args[row*n+k], b.args[k*columns+column]))
			}
			result.args = append(result.args, sum(terms...))
		}
	}
	return result, true
}

// transpose exchanges rows and columns.
func transpose(e *expr) *expr {
	columns := e.columns()
	result := &expr{kind: kindMatrix, rows: columns}
	for column := range columns {
		for row := range e.rows {
			result.args = append(result.args, e.args[row*columns+column])
		}
	}
	return result
}
