package grade

// symbolicEqual will compare expressions.
func (c *comparison) symbolicEqual(a, b string) bool { return false }
