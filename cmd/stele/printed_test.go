package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval"
)

// paperTables are the paper's tables as numbers.
type paperTables struct {
	Languages []string
	Table1    struct{ Rows map[string][]*float64 }
	Table3    map[string]map[string]map[string]float64 // model, template, language
	Table4    map[string]map[string]map[string]any     // benchmark, model, language
	Table5    struct{ Rows map[string][]*float64 }
	Table6    map[string]map[string]map[string]any
	Table7    map[string]map[string]map[string]float64 // model, benchmark, language
	Table8    map[string][]string
	Table9    map[string]map[string]float64
	Table10   map[string]map[string]float64
}

// number is a number of report.json.
type number struct{ Value *float64 }

// printedReport is what report.json has of the paper's tables.
type printedReport struct {
	Models []struct {
		Name       string
		Benchmarks map[string]eval.BenchmarkResult
		Mean       eval.Score
	}
	Pairs []struct {
		Trained        string
		TrainLanguages []string                     `json:"train_languages"`
		DeltaR         map[string]map[string]number `json:"delta_r"`
		DeltaRTrain    map[string]number            `json:"delta_r_train"`
		DeltaRUnseen   map[string]number            `json:"delta_r_unseen"`
		DeltaPoints    map[string]map[string]number `json:"delta_points"`
		MTI            map[string]number
		ID             number `json:"mti_id"`
		OOD            number `json:"mti_ood"`
		Avg            number `json:"mti_avg"`
	}
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

// row compares the languages of a row, and those of its other columns that the table has.
func (c *tally) row(table, what string, languages []string, of func(string) float64, printed map[string]float64,
	decimals int, others map[string]float64) {
	for _, l := range languages {
		if x, ok := printed[l]; ok {
			c.see(table, what+" "+l, of(l), &x, decimals)
		}
	}
	for name, got := range others {
		if x, ok := printed[name]; ok {
			c.see(table, what+" "+name, got, &x, decimals)
		}
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
	c.accuracies(&p, &r)
	c.transfer(&p, &r)
	c.laws(t, &r)
	want := map[string]int{
		"Table 1": 20, "Table 3": 78, "Table 4": 364, "Table 5": 38, "Table 5, means": 12, "Table 6": 581,
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
	"Table 1, Qwen2.5-7B-Instruct+GRPO-en GPQA: 29.57, printed 28.47",
	"Table 1, Qwen2.5-7B-Instruct+GRPO-en MTI: 1.20, printed 1.23",
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
func (c *tally) accuracies(p *paperTables, r *printedReport) {
	cell := func(model, benchmark string) (of func(string) float64, mean map[string]float64) {
		for _, m := range r.Models {
			if m.Name == model {
				result := m.Benchmarks[benchmark]
				return func(l string) float64 {
					s, ok := result.Languages[l]
					if !ok {
						return math.NaN()
					}
					return 100 * s.Accuracy
				}, map[string]float64{"Acc": 100 * result.Mean.Accuracy, "Off": 100 * result.Mean.OffTarget}
			}
		}
		return func(string) float64 { return math.NaN() }, nil
	}
	for _, b := range paperBenchmarks {
		for table, rows := range map[string]map[string]map[string]any{"Table 4": p.Table4[b.paper],
			"Table 6": p.Table6[b.paper]} {
			for model, row := range rows {
				of, mean := cell(model, b.name)
				c.row(table, model+" "+b.paper, p.Languages, of, asPrinted(row), 2, mean)
			}
		}
	}
	for model, templates := range p.Table3 {
		model = strings.TrimSuffix(model, "-Base")
		for template, row := range templates {
			name := map[string]string{"Qwen-Instruct Template": model,
				"Qwen-Math Template": model + "+Qwen-Math-Template", "No Template": model + "+No-Template"}[template]
			of, mean := cell(name, "math500")
			c.row("Table 3", name, p.Languages, of, row, 1, mean)
		}
	}
	for k, row := range p.Table9 {
		if k < "6" { // printed in each other's place
			row["sw"], row["zh"] = row["zh"], row["sw"]
		}
		of, mean := cell("GRPO-"+strings.Join(p.Table8[k], "-"), "math500")
		c.row("Table 9", k, p.Languages, of, row, 1, mean)
	}
	for name, row := range p.Table1.Rows {
		for _, m := range r.Models {
			if m.Name != strings.TrimSuffix(name, "-Base") {
				continue
			}
			for i, b := range paperBenchmarks {
				c.see("Table 1", name+" "+b.paper, 100*m.Benchmarks[b.name].Mean.Accuracy, row[i], 2)
			}
			c.see("Table 1", name+" Avg", 100*m.Mean.Accuracy, row[4], 2)
			if !math.IsNaN(m.Mean.OffTarget) { // of the trained model it is not printed by benchmark
				c.see("Table 1", name+" Off-tag", 100*m.Mean.OffTarget, row[5], 2)
			}
		}
	}
}

// transfer compares ΔR and MTI.
func (c *tally) transfer(p *paperTables, r *printedReport) {
	x := func(n number) float64 {
		if n.Value == nil {
			return math.NaN()
		}
		return *n.Value
	}
	for _, pair := range r.Pairs {
		if row := p.Table5.Rows[pair.Trained]; row != nil {
			whole := true
			for i, b := range paperBenchmarks {
				if lost, _ := p.Table6[b.paper][pair.Trained]["lost_cells"].([]any); len(lost) > 0 {
					whole = false
					continue
				}
				c.see("Table 5", pair.Trained+" "+b.paper, x(pair.MTI[b.name]), row[i], 3)
			}
			for k, n := range []number{pair.ID, pair.OOD, pair.Avg} {
				if whole {
					c.see("Table 5, means", pair.Trained+" "+[]string{"ID", "OOD", "Avg"}[k], x(n), row[4+k], 3)
				}
			}
		}
		if row := p.Table1.Rows[pair.Trained]; row != nil {
			c.see("Table 1", pair.Trained+" MTI", x(pair.Avg), row[6], 2)
			for _, b := range paperBenchmarks {
				printed := p.Table7[strings.TrimSuffix(pair.Trained, "+GRPO-en")][strings.Replace(b.paper, "GPQA",
					"GPQA-Diamond", 1)]
				of := func(l string) float64 { return x(pair.DeltaPoints[b.name][l]) }
				untrained := 0.0
				for _, l := range p.Languages[1:] {
					untrained += of(l) / 10
				}
				c.row("Table 7", b.paper, p.Languages, of, printed, 2,
					map[string]float64{"Training": of("en"), "Untraining": untrained})
			}
		}
		for k, languages := range p.Table8 {
			if pair.Trained != "GRPO-"+strings.Join(languages, "-") {
				continue
			}
			if slices.Equal(slices.Sorted(slices.Values(pair.TrainLanguages)),
				slices.Sorted(slices.Values(languages))) {
				c.agree["Table 8"]++
			}
			row, mti := p.Table10[k], p.Table10[k]["MTI"]
			c.row("Table 10", k, p.Languages, func(l string) float64 { return x(pair.DeltaR["math500"][l]) }, row, 3,
				map[string]float64{"dR_train": x(pair.DeltaRTrain["math500"]),
					"dR_target": x(pair.DeltaRUnseen["math500"])})
			c.see("Table 10, MTI", k, x(pair.Avg), &mti, 3)
		}
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
