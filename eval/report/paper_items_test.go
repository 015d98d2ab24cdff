package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/metric"
)

// keepSimulated is where the report of the simulated study can be looked at.
var keepSimulated = flag.String("keep-simulated", "", "folder for the report of the simulated study")

// simulatedReport is the report of the simulated study, with the paper's tables and figures.
func simulatedReport(t *testing.T) *Report {
	t.Helper()
	runs, plan := simulatedRuns(simulatedStudy, 30, 2)
	plan.Paper = true
	plan.Comparisons = []PlanComparison{
		{Name: "unparallel", Title: "Parallel against unparallel", Runs: []string{"parallel-0", "parallel-1",
			"unparallel-ru"}, Makes: []string{"figure 5"}},
		{Name: "type", Title: "Type of the initial model", Runs: []string{"rl", "parallel-0"},
			Makes: []string{"Table 1", "figure-4"}},
	}
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPaperItems: the simulated study has what all of the paper's tables and figures need; each is there
// under its number, and no other has one of these.
func TestPaperItems(t *testing.T) {
	r, out := simulatedReport(t), t.TempDir()
	if *keepSimulated != "" {
		out = *keepSimulated
	}
	if err := r.Write(out); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 10; n++ {
		for _, name := range []string{fmt.Sprintf("tables/table-%d.csv", n), fmt.Sprintf("tables/table-%d.tex", n),
			fmt.Sprintf("figures/figure-%d.svg", n), fmt.Sprintf("figures/figure-%d.png", n)} {
			if _, err := os.Stat(filepath.Join(out, name)); err != nil {
				t.Error(err)
			}
		}
	}
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var effects struct {
		Effects []struct {
			Of       string
			Effect   jsonValue
			Smallest jsonValue
		}
	}
	if err := json.Unmarshal(data, &effects); err != nil || len(effects.Effects) != 22 {
		t.Errorf("%d effects in report.json (%v), want 8 gains, 4 times 2 differences, and 6 of the curve",
			len(effects.Effects), err)
	}
	for _, e := range effects.Effects {
		width := e.Effect.CI95[1] - e.Effect.CI95[0]
		if math.Abs(*e.Smallest.Value-2.8*width/3.92) > 1e-9*width {
			t.Errorf("%s: smallest %g of an interval %v", e.Of, *e.Smallest.Value, *e.Effect.CI95)
		}
	}
	var paper *Section
	for i := range r.Sections {
		if r.Sections[i].ID == "paper" {
			paper = &r.Sections[i]
		}
	}
	if len(paper.Points) > 0 {
		t.Errorf("something is missing: %q", paper.Points)
	}
	for _, f := range paper.Figures {
		checkFigure(t, out, f)
	}
	for i := range paper.Tables {
		checkTable(t, out, &paper.Tables[i])
	}
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(string(page), -1) {
		if seen[id[1]] {
			t.Errorf("the page has id %q twice", id[1])
		}
		seen[id[1]] = true
	}
	for _, want := range []string{"table-4", "figure-5", "table-S1", "figure-S1", "findings"} {
		if !seen[want] {
			t.Errorf("the page has no id %q", want)
		}
	}
}

// TestPaperMissing: what a study cannot make has a line that says why.
func TestPaperMissing(t *testing.T) {
	runs, plan := simulatedRuns(simulatedStudy[:2], 10, 1)
	plan.Paper = true
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Sections {
		if s.ID == "paper" && (len(s.Points) != 20 || len(s.Tables)+len(s.Figures) > 0) {
			t.Errorf("%d lines for 20 tables and figures: %q", len(s.Points), s.Points)
		}
		if s.ID == "findings" {
			t.Errorf("two initial models show something: %q", s.Points)
		}
	}
}

// TestMakes: a comparison says which runs make a table; an unknown name is an error with the nearest.
func TestMakes(t *testing.T) {
	runs, plan := simulatedRuns(simulatedStudy[:5], 10, 1)
	plan.Paper = true
	plan.Comparisons = []PlanComparison{{Name: "one", Runs: []string{"rl"}, Makes: []string{"table 6"}}}
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, s := range r.Sections {
		for _, table := range s.Tables {
			if s.ID == "paper" {
				rows[table.Name] = len(table.Rows)
			}
		}
	}
	if rows["table-6"] != 2 || rows["table-5"] != 2 || rows["table-4"] != 2 {
		t.Errorf("rows %v, want of Table 6 those of rl, of others those of rl and sft", rows)
	}
	plan.Comparisons[0].Makes = []string{"figur 4"}
	if _, err := New(runs, plan); err == nil || !strings.Contains(err.Error(), `did you mean "figure 4"`) &&
		!strings.Contains(err.Error(), "figure 4?") {
		t.Errorf("figur 4: %v", err)
	}
	for given, want := range map[string]string{"Table 4": "table 4", "figure-10": "figure 10", "TABLE_1": "table 1",
		"table 11": "", "4": "", "": ""} {
		if got, err := PaperItem(given); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", given, got, err, want)
		}
	}
}

// TestInitialModels: what starts from several models is of one method, RL where there is RL, with the
// fewest languages that its arms have.
func TestInitialModels(t *testing.T) {
	arms := append(slices.Clone(simulatedStudy[:2]),
		simulated{name: "sft", base: "tiny", method: "SFT", languages: []string{"en"}, seeds: 1},
		simulated{name: "rl-tiny", base: "tiny", method: "RL", languages: []string{"en", "ru"}, seeds: 1},
		simulated{name: "rl-instruct", base: "instruct", method: "RL", languages: []string{"en", "ru"}, seeds: 1},
		simulated{name: "rl-more", base: "instruct", method: "RL", languages: []string{"en", "ru", "de"}, seeds: 1})
	runs, plan := simulatedRuns(arms, 10, 1)
	plan.Paper = true
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range r.study.intervened() {
		names = append(names, p.name())
	}
	if !slices.Equal(names, []string{"rl-tiny", "rl-instruct"}) {
		t.Errorf("arms from several models: %q", names)
	}
}

// TestAddedLanguage: the language that pairs share need not be the first in the order of languages.
func TestAddedLanguage(t *testing.T) {
	var arms []simulated
	for _, l := range []string{"en", "de", "th"} {
		arms = append(arms, simulated{name: l, base: "tiny", method: "RL", languages: []string{l, "ru"}, seeds: 1})
	}
	runs, plan := simulatedRuns(append(slices.Clone(simulatedStudy[:1]), arms...), 10, 1)
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	groups := r.study.secondLanguages()
	if len(groups) != 1 || groups[0].shared != "ru" || len(groups[0].pairs) != 3 {
		t.Fatalf("%+v, want three pairs that share ru", groups)
	}
	for i, p := range groups[0].pairs {
		if got := groups[0].added(p); got != arms[i].name {
			t.Errorf("%v: %s was added, want %s", p.languages, got, arms[i].name)
		}
	}
}

// TestCountClaims: an effect without an interval is not one that cannot be told from zero.
func TestCountClaims(t *testing.T) {
	of := func(x float64, ci *metric.Interval) *claim { return &claim{effect: value{x: x, ok: true, ci: ci}} }
	n := countClaims([]*claim{of(2, &metric.Interval{1, 3}), of(-2, &metric.Interval{-3, -1}),
		of(1, &metric.Interval{-1, 3}), of(1, nil), of(2, nil)})
	if n != (claimCounts{more: 1, less: 1, none: 1, unknown: 2}) || !strings.Contains(n.others(), "of 2") {
		t.Errorf("%+v %q", n, n.others())
	}
}

// TestComparisonOfAbsentRuns: runs of a comparison that are not there are spoken of.
func TestComparisonOfAbsentRuns(t *testing.T) {
	runs, plan := simulatedRuns(simulatedStudy[:5], 10, 1)
	plan.Comparisons = []PlanComparison{{Name: "method", Runs: []string{"rl", "sft", "dpo"}}}
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	want := "The comparison method also names dpo, not among the runs given."
	if said := r.Remarks(); !slices.Contains(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

// TestNamesInCSV: dashes that stand for nothing are empty there, those of names stay.
func TestNamesInCSV(t *testing.T) {
	table := Table{Head: []string{"model", "gain"}, Labels: 1, Rows: [][]string{{"a – b", "−1.0"}, {unknown, unknown}}}
	data, err := table.CSV()
	if want := "model,gain\na – b,-1.0\n,\n"; err != nil || string(data) != want {
		t.Errorf("%q, %v; want %q", data, err, want)
	}
}

// rowsOf reads the CSV of a table of a report, by its first columns joined.
func rowsOf(t *testing.T, r *Report, name string, labels int) map[string]map[string]string {
	t.Helper()
	var data []byte
	for _, s := range r.Sections {
		for i := range s.Tables {
			if s.Tables[i].Name == name {
				var err error
				if data, err = s.Tables[i].CSV(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for _, row := range rows[1:] {
		cells := map[string]string{}
		for k, cell := range row {
			cells[rows[0][k]] = cell
		}
		out[strings.Join(row[:labels], " / ")] = cells
	}
	return out
}

// TestPapersOwnTables: fed with the paper's accuracies the report prints its Tables 3 to 6, 9 and 10, cell by
// cell; those exceptions are listed that its own numbers do not give.
func TestPapersOwnTables(t *testing.T) {
	dir := t.TempDir()
	dirs := paperStudy(t, filepath.Join(dir, "runs"))
	plan, err := FindPlan(dirs)
	if err != nil {
		t.Fatal(err)
	}
	plan.Paper = true
	r, err := New(open(t, dirs...), plan)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("../metric/testdata/paper_tables.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		paperTables
		Table10 map[string]map[string]float64 `json:"table10"`
	}
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	compared := 0
	same := func(what, got string, want, tolerance float64) {
		t.Helper()
		compared++
		if x, err := strconv.ParseFloat(got, 64); err != nil || math.Abs(x-want) > tolerance {
			t.Errorf("%s: %q, printed %g", what, got, want)
		}
	}
	for n, table := range map[int]map[string]map[string]map[string]any{4: p.Table4, 6: p.Table6} {
		rows := rowsOf(t, r, fmt.Sprint("table-", n), 2)
		for _, b := range paperBenchmarks {
			for name, cells := range table[b.table] {
				row := rows[b.name+" / "+name]
				if row == nil {
					t.Errorf("Table %d has no row of %s, %s", n, b.table, name)
					continue
				}
				for _, l := range p.Languages {
					if x, ok := cells[l].(float64); ok {
						same(fmt.Sprintf("Table %d, %s, %s, %s", n, b.table, name, l), row[l], x, 0.0051)
					}
				}
			}
		}
	}
	table5 := rowsOf(t, r, "table-5", 1)
	for name, printed := range p.Table5.Rows {
		whole := true
		for i, b := range paperBenchmarks {
			for _, l := range p.Languages {
				if _, ok := p.Table6[b.table][name][l].(float64); !ok {
					whole = false // lost in the text of the paper
				}
			}
			if whole && printed[i] != nil {
				same("Table 5, "+name+", "+b.table, table5[name][b.name], *printed[i], 0.00051)
			} else if whole && table5[name][b.name] != none && b.name != "aime24" { // where they give 0
				t.Errorf("Table 5, %s, %s: %q, printed None", name, b.table, table5[name][b.name])
			}
		}
		if whole {
			for k, column := range []string{"ID", "OOD", "Avg"} {
				same("Table 5, "+name+", "+column, table5[name][column], *printed[4+k], 0.00051)
			}
		}
	}
	table3 := rowsOf(t, r, "table-3", 3)
	for family, templates := range p.Table3 {
		for template, cells := range templates {
			key := fmt.Sprintf("Qwen/%s / math500 / %s", strings.TrimSuffix(family, "-Base"),
				strings.TrimSuffix(template, " Template"))
			for _, l := range p.Languages {
				same("Table 3, "+key+", "+l, table3[key][l], cells[l], 0.051)
			}
		}
	}
	table9 := rowsOf(t, r, "table-9", 1)
	table10 := rowsOf(t, r, "table-10", 1)
	table8 := rowsOf(t, r, "table-8", 1)
	for key, cells := range p.Table9 {
		if got := table8[key]["Training languages"]; got != strings.Join(p.Table8[key], " ") {
			t.Errorf("Table 8, row %s: %q, printed %q", key, got, p.Table8[key])
		}
		for _, l := range p.Languages {
			from := l
			if row, _ := strconv.Atoi(key); row < 6 { // printed in each other's place
				from = map[string]string{"sw": "zh", "zh": "sw"}[l]
			}
			if from == "" {
				from = l
			}
			same("Table 9, row "+key+", "+l, table9[key][l], cells[from], 0.051)
			if key != "4" && key != "5" { // which print other gains than their accuracies give
				same("Table 10, row "+key+", "+l, table10[key][l], p.Table10[key][l], 0.00051)
			}
		}
		same("Table 9, row "+key+", Acc", table9[key]["Acc"], cells["Acc"], 0.051)
		same("Table 10, row "+key+", ΔR train", table10[key]["ΔR train"], p.Table10[key]["dR_train"], 0.00051)
		same("Table 10, row "+key+", ΔR target", table10[key]["ΔR target"], p.Table10[key]["dR_target"], 0.00051)
		if key != "5" { // prints 3.475, where its accuracies give 3.482
			same("Table 10, row "+key+", MTI", table10[key]["MTI"], p.Table10[key]["MTI"], 0.00051)
		}
	}
	if compared < 900 {
		t.Errorf("%d cells were compared", compared)
	}
	markdown := r.Markdown()
	for _, want := range []string{"MTI goes from 1.16 with one training language to 2.50 with two, by +1.33",
		"accuracy goes from 54.24 % with one training language to 57.87 % with two, by +3.63",
		"the law expects MTI 2.00", "the law expects accuracy 56.98", "Of 24 trained models"} {
		if !strings.Contains(markdown, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}

// TestSmallestEffect: an effect of the size that is called the smallest is found by four studies in five,
// and its size is that of the formula for two shares.
func TestSmallestEffect(t *testing.T) {
	const questions, trials, share = 200, 400, 0.3
	se := math.Sqrt(2 * share * (1 - share) / questions)
	effect := power * se
	random := rand.New(rand.NewPCG(2, 8))
	found, sizes := 0.0, 0.0
	for trial := range trials {
		models := make([]metric.Measured, 2)
		for i, p := range []float64{share - effect/2, share + effect/2} {
			cells := map[string]float64{}
			right := 0.0
			for q := range questions {
				x := metric.Indicator(random.Float64() < p)
				cells[fmt.Sprint(q)], right = x, right+x
			}
			models[i] = metric.Measured{Scores: metric.Scores{"b": {"en": right / questions}},
				Answers: metric.Answers{"b": {"en": cells}}}
		}
		b := metric.Bootstrap{Models: models, Full: 1, Replicates: 300, Seed: uint64(trial)}
		ci := b.Intervals(func(s []metric.Scores) []*float64 {
			d := s[1]["b"]["en"] - s[0]["b"]["en"]
			return []*float64{&d}
		})[0]
		v := value{x: effect, ok: true, ci: ci}
		found += metric.Indicator(!v.nothing()) / trials
		sizes += smallest(v).x / trials
	}
	t.Logf("an effect of %.4f is found in %.1f %% of %d studies", effect, 100*found, trials)
	if found < 0.75 || found > 0.86 {
		t.Errorf("the effect is found in %.1f %% of studies, want 80", 100*found)
	}
	if math.Abs(sizes-effect) > 0.05*effect {
		t.Errorf("the smallest effect is %.4f on average, want %.4f", sizes, effect)
	}
	if v := smallest(value{x: 1, ok: true}); v.ok {
		t.Error("without an interval there is a smallest effect")
	}
}

// TestTrainingCurves: a study's curves are means with the least and the most, and hold no times.
func TestTrainingCurves(t *testing.T) {
	steps := func(slow float64, rewards ...float64) []Step {
		var all []Step
		for i, x := range rewards {
			all = append(all, Step{"step": float64(i + 1), "reward": x, "timing_s/step": slow, "perf/throughput": slow,
				"reward_std": 0.1, "kl": x / 10})
		}
		return all
	}
	make := func(slow float64) *Report {
		r := &Report{study: &study{}}
		r.AddTraining([]Trained{{"rl", []*Run{{Name: "rl.0"}, // was not trained here
			{Name: "rl.1", Training: &Training{Steps: steps(slow, 0.1, 0.2, 0.6)}},
			{Name: "rl.2", Training: &Training{Steps: steps(2*slow, 0.3, 0.3)}},
		}}, {"none", nil}})
		return r
	}
	r := make(1)
	if len(r.Sections) != 1 || len(r.Sections[0].Figures) != 1 {
		t.Fatalf("sections %+v, want one figure", r.Sections)
	}
	f := r.Sections[0].Figures[0]
	if svg := f.SVG(); strings.Contains(svg, "Seconds") || !strings.Contains(svg, "Reward") ||
		svg != make(7).Sections[0].Figures[0].SVG() {
		t.Error("the curves hold times, or no reward")
	}
	mean, low, high := overSeeds([][]Step{steps(1, 0.1, 0.2, 0.6), steps(1, 0.3, 0.3)})
	if len(mean) != 2 || math.Abs(mean[0]["reward"]-0.2) > 1e-12 || low[1]["reward"] != 0.2 ||
		high[1]["reward"] != 0.3 {
		t.Errorf("mean %v, low %v, high %v", mean, low, high)
	}
	n := r.curveNumbers()
	if len(n.rows) != 5 || n.rows[0][1] != "rl.1" || n.rows[4][1] != "rl.2" ||
		slices.Contains(n.head, "timing_s/step") || !slices.Contains(n.head, "kl") {
		t.Errorf("training.csv has %d rows of %v", len(n.rows), n.head)
	}
}
