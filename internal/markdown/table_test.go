package markdown

import "testing"

func TestTable(t *testing.T) {
	table := Table{Head: []string{"name", "", "größe"}, Right: []bool{2: true},
		Rows: [][]string{{"a|b", "↑", "1"}, {"", "", "12.50 ± 3"}}}
	for _, c := range []struct{ got, want string }{
		{table.Plain(), "| name |  | größe |\n|---|---|---:|\n| a\\|b | ↑ | 1 |\n|  |  | 12.50 ± 3 |\n"},
		{table.Aligned("", 0),
			"|name| |    größe|\n|----|-|--------:|\n|a|b |↑|        1|\n|    | |12.50 ± 3|\n"},
		{table.Aligned(" ", 3),
			"| name |     |     größe |\n| ---- | --- | --------: |\n| a|b  | ↑   |         1 |\n|      | " +
				"    | 12.50 ± 3 |\n"},
	} {
		if c.got != c.want {
			t.Errorf("got\n%swant\n%s", c.got, c.want)
		}
	}
	narrow := Table{Head: []string{"n"}, Right: []bool{true}, Rows: [][]string{{"1"}}}
	if got, want := narrow.Aligned("", 0), "|n|\n|-:|\n|1|\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
