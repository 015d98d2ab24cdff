package metric

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// tables are the paper's, as numbers.
type tables struct {
	Languages []string                                 `json:"languages"`
	Table4    map[string]map[string]map[string]any     `json:"table4"` // benchmark, model, language
	Table6    map[string]map[string]map[string]any     `json:"table6"`
	Table5    struct{ Rows map[string][]*float64 }     `json:"table5"`
	Table7    map[string]map[string]map[string]float64 `json:"table7"` // model, benchmark, language
	Table8    map[string][]string                      `json:"table8"`
	Table9    map[string]map[string]float64            `json:"table9"`
	Table10   map[string]map[string]float64            `json:"table10"`
}

func readTables(t *testing.T) tables {
	t.Helper()
	data, err := os.ReadFile("testdata/paper_tables.json")
	if err != nil {
		t.Fatal(err)
	}
	var p tables
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// cells takes the languages' numbers out of a row; lost ones are missing.
func cells(row map[string]any, languages []string) map[string]float64 {
	out := map[string]float64{}
	for _, l := range languages {
		if v, ok := row[l].(float64); ok {
			out[l] = v
		}
	}
	return out
}

// TestTable10 computes the MTI column of Table 10 from Table 9. Its first six rows
// have their Swahili and Chinese columns swapped; row 5 prints 3.475 where its
// numbers give 3.482.
func TestTable10(t *testing.T) {
	p := readTables(t)
	base := Scores{"MATH500": cells(p.Table4["MATH500"]["Qwen2.5-7B-Instruct"], p.Languages)}
	for row := range 8 {
		key := strconv.Itoa(row)
		trained := map[string]float64{}
		for _, l := range p.Languages {
			trained[l] = p.Table9[key][l]
		}
		if row < 6 {
			trained["sw"], trained["zh"] = trained["zh"], trained["sw"]
		}
		got := NewTransfer(base, Scores{"MATH500": trained}, p.Languages, p.Table8[key])
		want := fmt.Sprintf("%.3f", p.Table10[key]["MTI"])
		if row == 5 {
			want = "3.482"
		}
		if mti := fmt.Sprintf("%.3f", *got.MTI["MATH500"]); mti != want {
			t.Errorf("row %d: MTI %s, want %s", row, mti, want)
		}
		if *got.MTIMean != *got.MTI["MATH500"] {
			t.Errorf("row %d: the mean of one benchmark is another number", row)
		}
	}
}

// table9 returns a row of Table 9 with Swahili and Chinese in their places.
func (p *tables) table9(row int) map[string]float64 {
	cells := map[string]float64{}
	for _, l := range p.Languages {
		cells[l] = p.Table9[strconv.Itoa(row)][l]
	}
	if row < 6 {
		cells["sw"], cells["zh"] = cells["zh"], cells["sw"]
	}
	return cells
}

// TestTables9And10: the mean accuracies that Table 9 prints, and from its cells all
// relative gains that Table 10 prints, but for twelve of rows 4 and 5, which follow
// from no row of Table 9.
func TestTables9And10(t *testing.T) {
	p := readTables(t)
	base := Scores{"MATH500": cells(p.Table4["MATH500"]["Qwen2.5-7B-Instruct"], p.Languages)}
	wrong := map[int]string{4: "[en ru fr sw]", 5: "[en es ru de fr bn th sw]"}
	for row := range 8 {
		key := strconv.Itoa(row)
		trained := p.table9(row)
		var all []float64
		for _, l := range p.Languages {
			all = append(all, trained[l])
		}
		if got, want := fmt.Sprintf("%.1f", *Mean(all)), fmt.Sprintf("%.1f",
			p.Table9[key]["Acc"]); got != want {
			t.Errorf("row %d: mean accuracy %s, printed %s", row, got, want)
		}
		got := NewTransfer(base, Scores{"MATH500": trained}, p.Languages, p.Table8[key])
		var differ []string
		for _, l := range p.Languages {
			if fmt.Sprintf("%.3f", *got.DeltaR["MATH500"][l]) != fmt.Sprintf("%.3f", p.Table10[key][l]) {
				differ = append(differ, l)
			}
		}
		if list := fmt.Sprint(differ); len(differ) > 0 && list != wrong[row] || len(differ) == 0 &&
			wrong[row] != "" {
			t.Errorf("row %d: gains of %s differ from the printed ones, want %s", row, list, wrong[row])
		}
		for name, c := range map[string]struct{ got, want float64 }{
			"trained on": {*got.DeltaRTrain["MATH500"], p.Table10[key]["dR_train"]},
			"other":      {*got.DeltaRUnseen["MATH500"], p.Table10[key]["dR_target"]},
		} {
			if a, b := fmt.Sprintf("%.3f", c.got), fmt.Sprintf("%.3f", c.want); a != b {
				t.Errorf("row %d: gain of the languages %s %s, printed %s", row, name, a, b)
			}
		}
	}
}

// TestTable7: the ΔPerformance of Qwen2.5-7B-Instruct on MATH500 is Table 9's first
// row less Table 4, and the means over languages follow from the cells.
func TestTable7(t *testing.T) {
	p := readTables(t)
	base := Scores{"MATH500": cells(p.Table4["MATH500"]["Qwen2.5-7B-Instruct"], p.Languages)}
	printed := p.Table7["Qwen2.5-7B-Instruct"]["MATH500"]
	got := NewTransfer(base, Scores{"MATH500": p.table9(0)}, p.Languages, []string{"en"})
	for _, l := range p.Languages {
		if x := *got.Points["MATH500"][l]; math.Abs(x-printed[l]) > 1e-9 {
			t.Errorf("%s: %g points, printed %g", l, x, printed[l])
		}
	}
	if x := *got.PointsTrain["MATH500"]; math.Abs(x-printed["Training"]) > 0.005 {
		t.Errorf("trained on: %g, printed %g", x, printed["Training"])
	}
	if x := *got.PointsUnseen["MATH500"]; math.Abs(x-printed["Untraining"]) > 0.005 {
		t.Errorf("other: %g, printed %g", x, printed["Untraining"])
	}
}

// bases names the base model of each model of Table 6.
var bases = map[string]string{
	"DeepSeek-R1-Distill-Qwen-7B": "Qwen2.5-Math-7B", "Open-Reasoner-Zero-7B": "Qwen2.5-7B",
	"OpenThinker2-7B": "Qwen2.5-7B-Instruct", "OpenThinker3-7B": "Qwen2.5-7B-Instruct",
	"Qwen-2.5-1.5B-SimpleRL-Zoo": "Qwen2.5-1.5B", "Qwen-2.5-7B-SimpleRL-Zoo": "Qwen2.5-7B",
	"Qwen-2.5-14B-SimpleRL-Zoo": "Qwen2.5-14B", "Qwen-2.5-Math-7B-SimpleRL-Zoo": "Qwen2.5-Math-7B",
	"Qwen2.5-Math-7B-Oat-Zero": "Qwen2.5-Math-7B", "s1.1-7B": "Qwen2.5-7B-Instruct",
	"DAPO-Qwen-32B": "Qwen2.5-32B", "OpenThinker2-32B": "Qwen2.5-32B-Instruct",
	"S1.1-32B": "Qwen2.5-32B-Instruct",
}

// TestTable5Means: ID, OOD and Avg of Table 5 are means over its benchmarks.
func TestTable5Means(t *testing.T) {
	p := readTables(t)
	names := []string{"MATH500", "AIME24", "AIME25", "GPQA"}
	for model, printed := range p.Table5.Rows {
		values := map[string]*float64{}
		for i, b := range names {
			values[b] = printed[i]
		}
		for i, of := range [][]string{names[:1], names[1:], names} {
			// The cells are rounded to three decimals, and so is their mean.
			if mean := MeanOf(values, of); mean == nil || math.Abs(*mean-*printed[4+i]) > 0.00101 {
				t.Errorf("%s: mean of %v %s, printed %g", model, of, show(mean), *printed[4+i])
			}
		}
	}
}

// TestTable5 computes the cells of Table 5 from Tables 4 and 6, where no cell of
// the row was lost. All 37 come out as printed, one more than when every score is
// snapped: one was cut to one decimal and has to stay as it is.
func TestTable5(t *testing.T) {
	p := readTables(t)
	// The tables print two decimals of what was counted: 16 samples of 30 questions,
	// 500 and 198 questions.
	counts := map[string]int{"AIME24": 480, "AIME25": 480, "MATH500": 500, "GPQA": 198}
	complete, equal := 0, 0
	for model, printed := range p.Table5.Rows {
		for i, benchmark := range []string{"MATH500", "AIME24", "AIME25", "GPQA"} {
			base, trained := p.Table4[benchmark][bases[model]], p.Table6[benchmark][model]
			if base == nil || trained == nil || printed[i] == nil ||
				len(cells(trained, p.Languages)) < len(p.Languages) {
				continue
			}
			got := NewTransfer(Snap(Scores{benchmark: cells(base, p.Languages)}, counts),
				Snap(Scores{benchmark: cells(trained, p.Languages)}, counts), p.Languages, []string{"en"})
			complete++
			if mti := got.MTI[benchmark]; mti != nil && show(mti) == fmt.Sprintf("%.3f", *printed[i]) {
				equal++
			} else {
				t.Logf("%s on %s: %v, printed %g", model, benchmark, show(mti), *printed[i])
			}
		}
	}
	if complete != 37 || equal != 37 {
		t.Errorf("%d of %d complete cells as printed, want all of 37", equal, complete)
	}
}

func show(x *float64) string {
	if x == nil {
		return "none"
	}
	return fmt.Sprintf("%.3f", *x)
}

// TestFits reproduces the paper's two laws, to the digits it prints: transfer from
// the printed MTI, accuracy from the means of Table 9's rows rounded as printed. It
// states leaps of 1.34 and 3.63 and gaps of 0.84 and 2.74.
func TestFits(t *testing.T) {
	p := readTables(t)
	for _, c := range []struct {
		name, law, leap, gap string
		value                func(row string) float64
	}{
		{"MTI", "2.00·X^0.29", "1.33", "0.84", func(row string) float64 { return p.Table10[row]["MTI"] }},
		{"accuracy", "56.98·X^0.02", "3.63", "2.74", func(row string) float64 {
			var all []float64
			for _, l := range p.Languages {
				all = append(all, p.Table9[row][l])
			}
			return Round(*Mean(all), 2)
		}},
	} {
		var points []Point
		for row := range 8 {
			points = append(points, Point{row + 1, c.value(strconv.Itoa(row))})
		}
		law, err := Fit(points)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%.2f·X^%.2f", law.Alpha, law.Beta); got != c.law {
			t.Errorf("%s: %s, want %s", c.name, got, c.law)
		}
		if got := fmt.Sprintf("%.2f", *law.Leap); got != c.leap {
			t.Errorf("%s: leap %s, want %s", c.name, got, c.leap)
		}
		if got := fmt.Sprintf("%.2f", *law.Gap); got != c.gap {
			t.Errorf("%s: gap %s, want %s", c.name, got, c.gap)
		}
	}
}

// TestFitFindsTheLaw: exact points give their own law.
func TestFitFindsTheLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alpha, beta := rapid.Float64Range(0.1, 100).Draw(t, "alpha"), rapid.Float64Range(-2, 2).Draw(t,
			"beta")
		var points []Point
		for x := 1; x <= 8; x++ {
			points = append(points, Point{x, alpha * math.Pow(float64(x), beta)})
		}
		law, err := Fit(points)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(law.Alpha-alpha) > 1e-5*alpha || math.Abs(law.Beta-beta) > 1e-5 ||
			math.Abs(*law.Gap) > 1e-4*alpha {
			t.Fatalf("%g·X^%g is fitted as %g·X^%g, gap %g", alpha, beta, law.Alpha, law.Beta, *law.Gap)
		}
	})
}

func TestUndefined(t *testing.T) {
	got := NewTransfer(Scores{"b": {"en": 10, "de": 0, "fr": 5}},
		Scores{"b": {"en": 12, "de": 3}, "c": {"en": 1}},
		[]string{"en", "de", "fr"}, []string{"en"})
	if d := got.DeltaR["b"]; *d["en"] != 0.2 || d["de"] != nil || d["fr"] != nil {
		t.Errorf("gains %v", d)
	}
	if got.MTI["b"] != nil || got.MTI["c"] != nil || got.MTIMean != nil || got.DeltaRTrain["c"] != nil {
		t.Errorf("%+v has numbers that nothing defines", got)
	}
	for _, points := range [][]Point{nil, {{2, 1}}, {{1, 1}, {2, 1}}, {{2, 1}, {2, 3}},
		{{2, 1}, {3, math.NaN()}}} {
		if _, err := Fit(points); err == nil {
			t.Errorf("%v was fitted", points)
		}
	}
}
