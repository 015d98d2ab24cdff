package study

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// Write shows the plan to a person.
func (p *Plan) Write(w io.Writer) error {
	var b strings.Builder
	if p.Title != "" {
		fmt.Fprintf(&b, "%s\n\n", p.Title)
	}
	rows := [][]string{{"", "job", "state", "needs", "model", "memory", "tokens, at most", "time, at most"}}
	for i, j := range p.Jobs {
		state := string(j.State)
		if j.Anew {
			state += ", with other settings"
		}
		if len(j.Missing) > 0 {
			state += ", not all is here"
		} else if j.Refusal != "" {
			state += ", would be refused"
		}
		needs := strings.Join(j.Needs, " ")
		if j.Kind == Reports {
			needs = "whatever is done"
		}
		rows = append(rows, []string{fmt.Sprint(i), j.Job, state, needs, j.Model, size(j.Memory), count(j.Tokens),
			duration(j.Hours)})
	}
	if err := writeColumns(&b, rows); err != nil {
		return err
	}
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "\n%s\n", title)
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	section("Results are given, nothing is run for them:", givenLines(p.Given))
	var missing []string
	for _, m := range p.Missing {
		line := m.What
		if len(m.Languages) > 1 {
			line += fmt.Sprintf("; in %s neither", strings.Join(m.Languages[1:], " "))
		}
		if m.About != "" {
			line += " (" + m.About + ")"
		}
		if m.Bytes > 0 {
			line += fmt.Sprintf(", at least %s", size(m.Bytes))
		}
		missing = append(missing, line)
	}
	slices.SortStableFunc(missing, func(a, b string) int { return cmp.Compare(notModel(a), notModel(b)) })
	section("Not here:", missing)
	section("What the hub has of it, this gets:", commands(p.Missing))
	section("Would be refused:", p.grouped(func(j *PlannedJob) []string {
		if j.Refusal == "" {
			return nil
		}
		return []string{j.Refusal}
	}))
	section("Notes:", p.grouped(func(j *PlannedJob) []string { return j.Notes }))
	if p.Changed != "" {
		section("Changed:", []string{p.Changed})
	}
	if !slices.ContainsFunc(p.Jobs, func(j PlannedJob) bool { return j.Kind != Reports }) {
		fmt.Fprintln(&b, "\nOnly the report is made: no device, no model and no data are needed.")
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, "\ntokens  %s\ntime    %s\nmemory  %s\ndisk    %s\n", p.tokens(), p.time(), p.memory(), p.disk())
	_, err := io.WriteString(w, b.String())
	return err
}

// writeColumns writes rows under a head, without the columns in which no row has anything.
func writeColumns(b *strings.Builder, rows [][]string) error {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for column, cell := range row {
			if slices.ContainsFunc(rows[1:], func(row []string) bool { return row[column] != "" }) {
				fmt.Fprintf(t, "%s\t", cell)
			}
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// commands are those that get what is missing, those of stele pull as one.
func commands(missing []Missing) (lines []string) {
	const pull = "stele pull "
	var pulled, others []string
	for _, m := range missing {
		name, ok := strings.CutPrefix(m.Get, pull)
		switch {
		case m.Get == "":
		case ok && !strings.HasPrefix(name, "-"):
			pulled = append(pulled, name)
		default:
			others = append(others, m.Get)
		}
	}
	slices.SortStableFunc(pulled, func(a, b string) int { // models, then data
		return cmp.Compare(strings.Count(b, "/"), strings.Count(a, "/"))
	})
	line := strings.TrimSpace(pull)
	for _, name := range pulled {
		if len(line)+len(name) > 100 {
			lines = append(lines, line+" \\")
			line = "  "
		}
		line += " " + name
	}
	if pulled != nil {
		lines = append(lines, line)
	}
	return append(lines, others...)
}

// tokens says how many there are of the jobs that are not done.
func (p *Plan) tokens() string {
	switch {
	case p.Tokens == 0 && p.Uncounted > 0:
		return "not known: data or models are not here"
	case p.Uncounted > 0:
		return fmt.Sprintf("%s at most, and those of %d jobs whose data or models are not here", count(p.Tokens),
			p.Uncounted)
	case p.Tokens == 0:
		return "none: all is done"
	}
	return count(p.Tokens) + " at most"
}

// time says how long the jobs that are not done take, one after the other.
func (p *Plan) time() string {
	speeds := strings.Join(p.speeds(), "; ")
	switch {
	case p.Hours == 0 && p.Unmeasured == 0:
		return "none: all is done"
	case p.Hours == 0 && speeds != "":
		return "not known: what is not here has no size"
	case p.Hours == 0:
		return "not known: stele bench -m MODEL measures a model's speed and keeps it, --tokens-per-second gives one"
	case p.Unmeasured == 0:
		return fmt.Sprintf("%s at most, one job after the other (%s)", duration(p.Hours), speeds)
	}
	return fmt.Sprintf("%s at most, one job after the other (%s), and %d jobs whose speed or size is not known",
		duration(p.Hours), speeds, p.Unmeasured)
}

// memory says what there is, and what the largest model that is not here needs at least.
func (p *Plan) memory() string {
	said := cmp.Or(size(p.MemoryFree), "not known how much is") + " available here"
	if p.Workers > 1 {
		together := "not known how much"
		if p.Together > 0 {
			together = "at most " + size(p.Together)
		}
		said = fmt.Sprintf("%s for %d jobs at the same time, %s", together, p.Workers, said)
	}
	largest := Missing{}
	for _, m := range p.Missing {
		if m.Bytes > largest.Bytes {
			largest = m
		}
	}
	if largest.Bytes > 0 {
		said += fmt.Sprintf("; weights of %s need %s in bfloat16, going by its name",
			strings.TrimPrefix(largest.What, "model "), size(largest.Bytes))
		if slices.ContainsFunc(p.Jobs, func(j PlannedJob) bool { return j.Kind == Train }) {
			said += ", and training several times what a model's weights do"
		}
	}
	return said
}

// disk says what is written and fetched, and what is free.
func (p *Plan) disk() string {
	said := "checkpoints' not known"
	if p.Disk > 0 {
		said = size(p.Disk) + " for checkpoints at most"
	}
	said += ", " + cmp.Or(size(p.DiskFree), "not known how much is") + " free"
	if p.Fetched > 0 {
		said += fmt.Sprintf("; at least %s to fetch, %s free in the hub's cache", size(p.Fetched),
			cmp.Or(size(p.CacheFree), "not known how much is"))
	}
	if p.CacheFree > 0 && p.Fetched > p.CacheFree {
		said += ": too little"
	}
	return said
}

// givenLines says of given models, those of one file together, where they are from.
func givenLines(all []Given) (lines []string) {
	var order []string
	models := map[string][]string{}
	for _, g := range all {
		from := fmt.Sprintf("%s (%s; %s)", g.Results, strings.Join(g.Benchmarks, " "), strings.Join(g.Languages, " "))
		if models[from] == nil {
			order = append(order, from)
		}
		models[from] = append(models[from], g.Model)
	}
	for _, from := range order {
		lines = append(lines, from+": "+strings.Join(models[from], ", "))
	}
	return lines
}

// notModel is 0 for a line about a model, which comes first, else 1.
func notModel(line string) int {
	if strings.HasPrefix(line, "model ") {
		return 0
	}
	return 1
}

// speeds lists where speeds are known from.
func (p *Plan) speeds() (all []string) {
	for _, j := range p.Jobs {
		if j.SpeedOf != "" && !slices.Contains(all, j.SpeedOf) {
			all = append(all, j.SpeedOf)
		}
	}
	return all
}

// grouped lists what is said of jobs, each thing once with the jobs it is said of.
func (p *Plan) grouped(of func(*PlannedJob) []string) (lines []string) {
	jobs := map[string][]string{}
	var order []string
	for i := range p.Jobs {
		for _, said := range of(&p.Jobs[i]) {
			if jobs[said] == nil {
				order = append(order, said)
			}
			jobs[said] = append(jobs[said], p.Jobs[i].Job)
		}
	}
	for _, said := range order {
		lines = append(lines, some(jobs[said])+": "+said)
	}
	return lines
}

// count writes a number of tokens for a person; 0 is not known, and nothing.
func count(n int64) string {
	switch x := float64(n); {
	case n == 0:
		return ""
	case x < 1e4:
		return fmt.Sprint(n)
	case x < 1e6:
		return fmt.Sprintf("%.3g thousand", x/1e3)
	case x < 1e9:
		return fmt.Sprintf("%.3g million", x/1e6)
	default:
		return fmt.Sprintf("%.4g billion", x/1e9)
	}
}

// size writes a number of bytes for a person; 0 is not known, and nothing.
func size(n int64) string {
	if n == 0 {
		return ""
	}
	exponent := min(4, max(2, int(math.Log2(float64(n))/10)))
	return fmt.Sprintf("%.3g %s", float64(n)/math.Pow(1024, float64(exponent)),
		[...]string{2: "MiB", 3: "GiB", 4: "TiB"}[exponent])
}

// duration writes hours for a person; 0 is not known, and nothing.
func duration(hours float64) string {
	switch {
	case hours == 0:
		return ""
	case hours < 1./60:
		return fmt.Sprintf("%.2g s", hours*3600)
	case hours < 1:
		return fmt.Sprintf("%.2g min", hours*60)
	case hours < 48:
		return fmt.Sprintf("%.3g h", hours)
	}
	return fmt.Sprintf("%.3g days", hours/24)
}
