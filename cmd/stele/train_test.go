package main

import "testing"

func TestParseBytes(t *testing.T) {
	for _, c := range []struct {
		size string
		want int64 // -1 for an error
	}{
		{"", 0}, {"24GiB", 24 << 30}, {"80 GB", 80e9}, {"0.5GiB", 1 << 29}, {"512MiB", 512 << 20}, {"3MB", 3e6},
		{"24", -1}, {"GiB", -1}, {"-1GiB", -1}, {"0MiB", -1}, {"24TiB", -1}, {"1e99xGiB", -1},
	} {
		got, err := parseBytes(c.size)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%q is %d, %v; want %d", c.size, got, err, c.want)
		}
	}
}
