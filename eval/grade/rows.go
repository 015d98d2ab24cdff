package grade

// Lists as matrices: [[1,2],[3,4]] is one of two rows, (1,2,3) a row or a column, and
// (1,2,3)^T a column.

// judgeRows compares a list with a matrix. A list of lists has the matrix' rows, each as
// an item; a plain list may be a row or a column.
func (c *comparison) judgeRows(list *answer, matrix *expr) judgement {
	if list.open != "(" && list.open != "[" {
		return unsure
	}
	rows := c.rows(list)
	if rows == nil {
		return unsure
	}
	if list.column && matrix.rows > 1 || !list.column || len(rows) > 1 && len(rows[0]) == 1 {
		if len(rows) == matrix.rows && len(rows[0]) == matrix.columns() {
			return c.judgeEntries(rows, matrix)
		}
	}
	if len(rows) == 1 && !list.column && len(rows[0]) == matrix.rows && matrix.columns() == 1 {
		return c.judgeEntries(transposeRows(rows), matrix)
	}
	return wrong
}

// rows returns the entries of a list that is a matrix: of a plain list as one row, or one
// column where it is marked so. It returns nil where the rows differ in length or an entry
// was not understood.
func (c *comparison) rows(list *answer) [][]*answer {
	var rows [][]*answer
	for _, item := range list.items {
		switch {
		case item.items != nil && (item.open == "(" || item.open == "["):
			rows = append(rows, item.items)
		case item.items == nil && item.bracketed && len(item.values) > 0:
			rows = append(rows, []*answer{item})
		case item.items == nil && len(rows) <= 1 && len(item.values) > 0:
			if rows == nil {
				rows = [][]*answer{nil}
			}
			rows[0] = append(rows[0], item)
		default:
			return nil
		}
	}
	for i, row := range rows {
		if len(row) != len(rows[0]) || i == 0 && len(list.items) != len(rows) && len(list.items) != len(row) {
			return nil
		}
		for _, entry := range row {
			if len(entry.values) == 0 {
				return nil
			}
		}
	}
	if list.column && rows != nil {
		return transposeRows(rows)
	}
	return rows
}

// transposeRows exchanges rows and columns.
func transposeRows(rows [][]*answer) [][]*answer {
	columns := make([][]*answer, len(rows[0]))
	for i := range columns {
		for _, row := range rows {
			columns[i] = append(columns[i], row[i])
		}
	}
	return columns
}

// judgeEntries compares entries of the same number.
func (c *comparison) judgeEntries(rows [][]*answer, matrix *expr) judgement {
	verdict := right
	for i, row := range rows {
		for j, entry := range row {
			value := matrix.args[i*len(row)+j]
			switch c.judgeAnswers(entry, &answer{text: value.String(), values: []*expr{value},
				decimals: -1}) {
			case wrong:
				return wrong
			case unsure:
				verdict = unsure
			}
		}
	}
	return verdict
}
