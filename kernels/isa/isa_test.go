package isa

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]Tier{
		"scalar": Scalar, "avx2": AVX2, "AVX2": AVX2, "avx512": AVX512, "AVX-512": AVX512,
		"avx512_bf16": AVX512BF16, "avx512bf16": AVX512BF16, "amx": AMX,
	} {
		if got, err := Parse(name); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", name, got, err, want)
		}
	}
	for _, tier := range All {
		if got, err := Parse(tier.String()); err != nil || got != tier {
			t.Errorf("%v is read as %v, %v", tier, got, err)
		}
	}
	for _, name := range []string{"", "avx", "sse2", "avx1024", "avx2 "} {
		if got, err := Parse(name); err == nil ||
			!strings.Contains(err.Error(), "expected one of scalar, avx2,") {
			t.Errorf("%q is %v, %v, want an error with the names", name, got, err)
		}
	}
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		setting string
		machine Tier
		want    Tier
		err     string
	}{
		{"", AVX2, AVX2, ""},
		{"scalar", AVX512BF16, Scalar, ""},
		{"avx2", AVX2, AVX2, ""},
		{"avx512", AVX2, 0, "STELE_CPU=avx512: this machine has avx2"},
		{"mmx", AVX2, 0, `STELE_CPU: unknown tier "mmx"`},
	} {
		got, err := limit(c.setting, c.machine)
		if c.err == "" && (err != nil || got != c.want) ||
			c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)) {
			t.Errorf("%q on %v: %v, %v; want %v, %q", c.setting, c.machine, got, err, c.want, c.err)
		}
	}
}

// TestGranted: without the system's consent a machine with AMX is one without, and the reason is told.
func TestGranted(t *testing.T) {
	if emulatesTiles {
		t.Skip("nobody is asked for what is emulated")
	}
	defer func(before error) { tilesRefused = before }(tilesRefused)
	refusal := errors.New("no")
	for _, c := range []struct {
		tier, want Tier
		refusal    error
	}{
		{AMX, AMX, nil}, {AMX, AVX512BF16, refusal}, {AVX512BF16, AVX512BF16, refusal}, {Scalar, Scalar, refusal},
	} {
		tilesRefused = nil
		asked := false
		got := granted(c.tier, func() error { asked = true; return c.refusal })
		if got != c.want || asked != (c.tier == AMX) || (TilesRefused() != nil) != (got < c.tier) {
			t.Errorf("%v, refused with %v: %v, asked %v, %v", c.tier, c.refusal, got, asked, TilesRefused())
		}
	}
	if Machine() < AMX {
		if err := permitTiles(); err == nil || !strings.Contains(err.Error(), "AMX") {
			t.Errorf("a system without the registers grants them: %v", err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	const own = " " + withoutYNNPACK
	for _, c := range []struct {
		tier     Tier
		in, want []string
	}{
		{AVX2, []string{"A=b"}, []string{"A=b", "GODEBUG=cpu.avx512f=off",
			"XLA_FLAGS=--xla_cpu_max_isa=AVX2" + own, "ONEDNN_MAX_CPU_ISA=AVX2"}},
		{AVX512, []string{"A=b"}, []string{"A=b", "XLA_FLAGS=--xla_cpu_max_isa=AVX512_VNNI" + own,
			"ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI"}},
		{AVX2, []string{"ONEDNN_MAX_CPU_ISA=DEFAULT", "GODEBUG=gctrace=1", "XLA_FLAGS=--x=1"},
			[]string{"ONEDNN_MAX_CPU_ISA=AVX2", "GODEBUG=gctrace=1,cpu.avx512f=off",
				"XLA_FLAGS=--x=1 --xla_cpu_max_isa=AVX2" + own}},
		{Scalar, []string{"GODEBUG=", "XLA_FLAGS="},
			[]string{"GODEBUG=cpu.avx512f=off,cpu.avx2=off,cpu.fma=off",
				"XLA_FLAGS=--xla_cpu_max_isa=SSE4_2" + own, "ONEDNN_MAX_CPU_ISA=SSE41"}},
		// What is there and says otherwise is overruled.
		{AVX2, []string{"GODEBUG=cpu.avx512f=on", "XLA_FLAGS=--xla_cpu_max_isa=AVX512 --x=1"},
			[]string{"GODEBUG=cpu.avx512f=on,cpu.avx512f=off",
				"XLA_FLAGS=--xla_cpu_max_isa=AVX512 --x=1 --xla_cpu_max_isa=AVX2" + own,
				"ONEDNN_MAX_CPU_ISA=AVX2"}},
	} {
		before := slices.Clone(c.in)
		got, changed := capped(c.in, c.tier)
		if !changed || !slices.Equal(got, c.want) || !slices.Equal(c.in, before) {
			t.Errorf("%v: %q becomes %q, changed %v; want %q", c.tier, c.in, got, changed, c.want)
		}
		// Others add to the lists afterwards: the program must not start again and again.
		for i, entry := range got {
			if strings.HasPrefix(entry, "GODEBUG=") {
				got[i] = entry + ",asyncpreemptoff=1"
			}
		}
		if again, changed := capped(got, c.tier); changed || !slices.Equal(again, got) {
			t.Errorf("%v: a second pass changes %q to %q", c.tier, got, again)
		}
	}
}

// TestInForce: a process that is told to stay at or below a tier does, and Go's own
// detection, which GoMLX's kernels ask, too; a tier that the machine lacks and one that
// does not exist end it with one line.
func TestInForce(t *testing.T) {
	const child = "STELE_TEST_IN_FORCE"
	if os.Getenv(child) != "" {
		os.Stdout.WriteString("in force " + InForce().String() +
			", seen " + min(seen(), AVX512).String() + "\n")
		os.Exit(0)
	}
	run := func(setting string) (string, error) {
		c := exec.Command(os.Args[0], "-test.run=^TestInForce$")
		c.Env = append(os.Environ(), Setting+"="+setting, child+"=1")
		out, err := c.CombinedOutput()
		return string(out), err
	}
	machine := min(Machine(), seen()) // a build without the experiment is scalar
	for _, tier := range All {
		out, err := run(tier.String())
		if tier > Machine() {
			if err == nil || strings.Count(out, "\n") != 1 ||
				!strings.Contains(out, "this machine has "+Machine().String()) {
				t.Errorf("%v, which is not here: %q, %v", tier, out, err)
			}
			continue
		}
		want := min(tier, machine)
		if line := "in force " + want.String() + ", seen " + min(want, AVX512).String() + "\n"; out != line ||
			err != nil {
			t.Errorf("%v: %q, %v; want %q", tier, out, err, line)
		}
	}
	if out, err := run("avx9"); err == nil || strings.Count(out, "\n") != 1 ||
		!strings.Contains(out, "expected one of") {
		t.Errorf("avx9: %q, %v", out, err)
	}
}
