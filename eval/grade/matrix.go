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
	if len(s) < len(matrixBegin)+len(matrixEnd) || !strings.HasPrefix(s, matrixBegin) || !strings.HasSuffix(s, matrixEnd) {
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
