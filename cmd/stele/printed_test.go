package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// paperTables are the paper's tables as numbers.
type paperTables struct {
	Table1  struct{ Rows map[string][]*float64 }
	Table3  map[string]map[string]map[string]float64 // model, template, language
	Table4  map[string]map[string]map[string]any     // benchmark, model, language
	Table5  struct{ Rows map[string][]*float64 }
	Table6  map[string]map[string]map[string]any
	Table7  map[string]map[string]map[string]float64 // model, benchmark, language
	Table8  map[string][]string
	Table9  map[string]map[string]float64
	Table10 map[string]map[string]float64
}

// number is a number of report.json.
type number struct{ Value *float64 }

// printedReport is what report.json has of the paper's laws.
type printedReport struct {
	Scaling []struct {
		Name          string
		Trained       []string
		MTI, Accuracy struct {
			Alpha, Beta number
			Expected    number `json:"expected_monolingual"`
			Gap         number `json:"monolingual_gap"`
			Leap        number `json:"first_parallel_leap"`
		}
	}
}

// paperTable is a table of the report under the paper's name: rows by what stands in the first columns.
type paperTable struct {
	head []string
	rows map[string][]string
}

// readTable reads table N of a report, whose first columns name the rows.
func readTable(t *testing.T, report string, n, labels int) paperTable {
	t.Helper()
	f, err := os.Open(filepath.Join(report, "tables", fmt.Sprintf("table-%d.csv", n)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := paperTable{lines[0], map[string][]string{}}
	for _, line := range lines[1:] {
		table.rows[strings.Join(line[:labels], " ")] = line
	}
	return table
}

// at is a number of the table; NaN where it has none, or no such row.
func (t paperTable) at(row, column string) float64 {
	i := slices.Index(t.head, column)
	if i < 0 || t.rows[row] == nil {
		return math.NaN()
	}
	x, err := strconv.ParseFloat(t.rows[row][i], 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// compare counts the cells of a row that were printed.
func (c *tally) compare(name string, table paperTable, row, called string, printed map[string]float64, decimals int) {
	for column, x := range printed {
		c.see(name, called+" "+column, table.at(row, column), &x, decimals)
	}
}

// tally counts the cells of each table that agree with the printed ones, to their decimals, and lists
// those that do not.
type tally struct {
	agree map[string]int
	other []string
}

func (c *tally) see(table, what string, got float64, printed *float64, decimals int) {
	switch {
	case printed == nil && math.IsNaN(got):
		c.agree[table]++
	case printed == nil:
		c.other = append(c.other, fmt.Sprintf("%s, %s: %.*f, printed None", table, what, decimals, got))
	case math.Abs(got-*printed) < 0.5*math.Pow(10, -float64(decimals))+1e-9:
		c.agree[table]++
	default:
		c.other = append(c.other, fmt.Sprintf("%s, %s: %.*f, printed %.*f", table, what, decimals, got, decimals,
			*printed))
	}
}

// paperBenchmarks are the paper's names of benchmarks, in its order.
var paperBenchmarks = []struct{ paper, name string }{
	{"MATH500", "math500"}, {"AIME24", "aime24"}, {"AIME25", "aime25"}, {"GPQA", "gpqa_diamond"},
}

// asPrinted are a row's numbers; what was lost in the text of the paper is left out, and means over
// languages some of which were lost.
func asPrinted(row map[string]any) map[string]float64 {
	out := map[string]float64{}
	for name, x := range row {
		if x, ok := x.(float64); ok {
			out[name] = x
		}
	}
	if lost, _ := row["lost_cells"].([]any); len(lost) > 0 {
		delete(out, "Acc")
	}
	return out
}

// TestPrinted runs the study of the paper's printed accuracies and compares what its report says with the
// paper's Tables 1 and 3 to 10 and its three quantities, cell by cell. What the study is given comes back
// unchanged; means, ΔR, MTI and the fits are computed.
func TestPrinted(t *testing.T) {
	data, err := os.ReadFile("../../eval/metric/testdata/paper_tables.json")
	if err != nil {
		t.Fatal(err)
	}
	var p paperTables
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "printed")
	must0(t, "study", "../../examples/studies/printed.yaml", "--out", out)
	if data, err = os.ReadFile(filepath.Join(out, "report", "report.json")); err != nil {
		t.Fatal(err)
	}
	var r printedReport
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	c := &tally{agree: map[string]int{}}
	c.accuracies(t, &p, filepath.Join(out, "report"))
	c.transfer(t, &p, filepath.Join(out, "report"))
	c.laws(t, &r)
	page, err := os.ReadFile(filepath.Join(out, "report", "report.md"))
	if err != nil || strings.Count(string(page), "S1.1-32B (math500 8 of 11, aime25 1 of 11)") != 1 {
		t.Errorf("%v: the report does not say which languages were lost", err)
	}
	want := map[string]int{
		"Table 1": 8, "Table 3": 78, "Table 4": 364, "Table 5": 38, "Table 5, means": 12, "Table 6": 581,
		"Table 7": 52, "Table 8": 8, "Table 9": 104, "Table 10": 92, "Table 10, MTI": 7, "Eq. 9": 3, "gap": 4,
		"leap": 1,
	}
	if diff := cmp.Diff(want, c.agree); diff != "" {
		t.Errorf("cells that agree (-want +got):\n%s", diff)
	}
	slices.Sort(c.other)
	if diff := cmp.Diff(printedOtherwise, c.other); diff != "" {
		t.Errorf("cells that do not agree (-want +got):\n%s", diff)
	}
}

// printedOtherwise are the cells that the paper's own accuracies do not give. Of Table 1 the mean of the
// off-target rates of Table 4 is 0.43, and Table 7 gives other means on GPQA. Table 5 has None where a model's
// unseen languages gained nothing on average and English lost. Of
// Table 10 the printed ΔR of two rows are not those of Table 9, though the means beside them are; and
// with that row's MTI β is 0.2951, while the printed MTIs give 0.2947. The leap is printed as the
// difference of two rounded numbers.
var printedOtherwise = []string{
	"Eq. 9, MTI β: 0.30, printed 0.29",
	"Table 1, Qwen2.5-7B-Instruct Off-tag: 0.43, printed 1.43",
	"Table 1, Qwen2.5-7B-Instruct+GRPO-en Avg: 23.78, printed 23.51",
	"Table 1, Qwen2.5-7B-Instruct+GRPO-en MTI: 1.20, printed 1.23",
	"Table 1, Qwen2.5-7B-Instruct+GRPO-en gpqa_diamond: 29.57, printed 28.47",
	"Table 10, 4 en: 0.032, printed 0.024",
	"Table 10, 4 fr: 0.086, printed 0.070",
	"Table 10, 4 ru: 0.111, printed 0.121",
	"Table 10, 4 sw: 0.589, printed 0.644",
	"Table 10, 5 bn: 0.293, printed 0.319",
	"Table 10, 5 de: 0.170, printed 0.201",
	"Table 10, 5 en: 0.035, printed 0.008",
	"Table 10, 5 es: 0.035, printed 0.049",
	"Table 10, 5 fr: 0.054, printed 0.102",
	"Table 10, 5 ru: 0.044, printed 0.047",
	"Table 10, 5 sw: 0.800, printed 0.633",
	"Table 10, 5 th: 0.245, printed 0.209",
	"Table 10, MTI, 5: 3.482, printed 3.475",
	"Table 5, Qwen-2.5-1.5B-SimpleRL-Zoo AIME24: 0.000, printed None",
	"leap, MTI: 1.33, printed 1.34",
}

// accuracies compares what was given, and the means over languages.
func (c *tally) accuracies(t *testing.T, p *paperTables, report string) {
	for n, models := range map[int]map[string]map[string]map[string]any{4: p.Table4, 6: p.Table6} {
		table := readTable(t, report, n, 2)
		for _, b := range paperBenchmarks {
			for model, row := range models[b.paper] {
				c.compare(fmt.Sprint("Table ", n), table, b.name+" "+model, model+" "+b.paper, asPrinted(row), 2)
			}
		}
	}
	table := readTable(t, report, 3, 3)
	for model, templates := range p.Table3 {
		model = strings.TrimSuffix(model, "-Base")
		for template, row := range templates {
			name := map[string]string{"Qwen-Instruct Template": "qwen-instruct", "Qwen-Math Template": "qwen-math",
				"No Template": "none"}[template]
			c.compare("Table 3", table, model+" math500 "+name, model+" "+name, row, 1)
		}
	}
	table = readTable(t, report, 9, 1)
	for k, row := range p.Table9 {
		if k < "6" { // printed in each other's place
			row["sw"], row["zh"] = row["zh"], row["sw"]
		}
		c.compare("Table 9", table, k, k, row, 1)
	}
	table = readTable(t, report, 1, 1)
	for model := range table.rows {
		row := map[string]float64{}
		for i, column := range []string{"math500", "aime24", "aime25", "gpqa_diamond", "Avg", "Off-tag", "MTI"} {
			x := p.Table1.Rows[model][i]
			if trained := strings.Contains(model, "+"); x != nil && !(trained && column == "Off-tag") {
				row[column] = *x // of the trained model off-target rates are not printed by benchmark
			}
		}
		c.compare("Table 1", table, model, model, row, 2)
	}
}

// transfer compares ΔR and MTI.
func (c *tally) transfer(t *testing.T, p *paperTables, report string) {
	table := readTable(t, report, 5, 1)
	for model, row := range p.Table5.Rows {
		whole := true
		for i, b := range paperBenchmarks {
			if lost, _ := p.Table6[b.paper][model]["lost_cells"].([]any); len(lost) > 0 {
				whole = false
				continue
			}
			c.see("Table 5", model+" "+b.paper, table.at(model, b.name), row[i], 3)
		}
		for k, mean := range []string{"ID", "OOD", "Avg"} {
			if whole {
				c.see("Table 5, means", model+" "+mean, table.at(model, mean), row[4+k], 3)
			}
		}
	}
	table = readTable(t, report, 7, 2)
	for benchmark, row := range p.Table7["Qwen2.5-7B-Instruct"] {
		for _, b := range paperBenchmarks {
			if b.paper == strings.TrimSuffix(benchmark, "-Diamond") {
				c.compare("Table 7", table, "Qwen2.5-7B-Instruct+GRPO-en "+b.name, b.paper, row, 2)
			}
		}
	}
	trained, table := readTable(t, report, 8, 1), readTable(t, report, 10, 1)
	for k, languages := range p.Table8 {
		if row := trained.rows[k]; row != nil && slices.Equal(slices.Sorted(slices.Values(strings.Fields(row[2]))),
			slices.Sorted(slices.Values(languages))) {
			c.agree["Table 8"]++
		}
		row, mti := p.Table10[k], p.Table10[k]["MTI"]
		row["ΔR train"], row["ΔR target"] = row["dR_train"], row["dR_target"]
		for _, other := range []string{"dR_train", "dR_target", "MTI"} {
			delete(row, other)
		}
		c.compare("Table 10", table, k, k, row, 3)
		c.see("Table 10, MTI", k, table.at(k, "MTI"), &mti, 3)
	}
}

// laws compares the fits, the gap and the leap.
func (c *tally) laws(t *testing.T, r *printedReport) {
	if len(r.Scaling) != 1 || len(r.Scaling[0].Trained) != 8 {
		t.Fatalf("scaling %+v", r.Scaling)
	}
	of := r.Scaling[0]
	for _, x := range []struct {
		table, what string
		got         number
		printed     float64
	}{
		{"Eq. 9", "MTI α", of.MTI.Alpha, 2.00}, {"Eq. 9", "MTI β", of.MTI.Beta, 0.29},
		{"Eq. 9", "accuracy α", of.Accuracy.Alpha, 56.98}, {"Eq. 9", "accuracy β", of.Accuracy.Beta, 0.02},
		{"gap", "MTI expected", of.MTI.Expected, 2.00}, {"gap", "MTI", of.MTI.Gap, 2.00 - 1.16},
		{"gap", "accuracy expected", of.Accuracy.Expected, 56.98}, {"gap", "accuracy", of.Accuracy.Gap, 56.98 - 54.24},
		{"leap", "MTI", of.MTI.Leap, 1.34}, {"leap", "accuracy", of.Accuracy.Leap, 3.63},
	} {
		c.see(x.table, x.what, *x.got.Value, &x.printed, 2)
	}
}
