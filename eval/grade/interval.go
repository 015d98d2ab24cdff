package grade

import (
	"regexp"
	"strings"
)

// halfLine and between are inequalities that describe an interval.
var (
	halfLine = regexp.MustCompile(`^([a-zA-Z]) ?(<|>|\\le|\\ge) ?([^<>=]*)$`)
	between  = regexp.MustCompile(`^([^<>=]*?) ?(<|\\le) ?([a-zA-Z]) ?(<|\\le) ?([^<>=]*)$`)
)

// intervalText writes an inequality for one variable as an interval.
func intervalText(s string) (string, bool) {
	if m := halfLine.FindStringSubmatch(s); m != nil && !strings.Contains(m[3], `\le`) &&
		!strings.Contains(m[3], `\ge`) {
		switch m[2] {
		case ">":
			return "(" + m[3] + `,\infty )`, true
		case "<":
			return `(-\infty ,` + m[3] + ")", true
		case `\ge`:
			return "[" + m[3] + `,\infty )`, true
		}
		return `(-\infty ,` + m[3] + "]", true
	}
	if m := between.FindStringSubmatch(s); m != nil {
		brackets := map[string][2]string{"<": {"(", ")"}, `\le`: {"[", "]"}}
		return brackets[m[2]][0] + m[1] + "," + m[5] + brackets[m[4]][1], true
	}
	return "", false
}
