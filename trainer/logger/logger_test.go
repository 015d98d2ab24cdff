package logger

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// points are those of a run with all that is awkward: names that are metrics and folders of metrics, late and
// early; values that are not defined; several points of a step; letters of other scripts; a large step.
func points(steps int) []Point {
	at := time.Time{}
	all := []Point{{0, at, map[string]float64{"eval/accuracy": 0.25, "eval/off_target": 0}}}
	for step := 1; step <= steps; step++ {
		at = at.Add(1500 * time.Millisecond)
		p := Point{step, at, map[string]float64{
			"reward": 1 / float64(step), "rewards/accuracy/mean": float64(step) * 1e-9, "loss": -0.1 * float64(step),
			"kl": math.NaN(), "grad_norm": math.Inf(1), "eval/a b:c//../日本/en": 3,
		}}
		if step > 2 {
			p.Values["reward/en"], p.Values["kl"] = 0.5, 1e300
		}
		if step%2 == 0 {
			p.Values["loss/token/mean"] = 7
		}
		all = append(all, p)
		if step%3 == 0 {
			all = append(all, Point{step, at, map[string]float64{"eval/accuracy": float64(step)}})
		}
	}
	return all
}

func aRun(t *testing.T) Run {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "12:30")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "loggers.json"),
		[]byte(`{"id": "0123456789abcdef0123456789abcdef", "began": "2026-05-06T07:08:09Z"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return Run{Dir: dir, Name: "12:30", Version: "v1", Config: json.RawMessage(`{"steps": 3, "loss": {"beta": 0.5}}`),
		Params: map[string]string{"loss.beta": "0.5", "model": "builtin:tiny"}}
}

func fail(t *testing.T) func(string, ...any) {
	return func(format string, args ...any) { t.Errorf(format, args...) }
}

// write opens all tools with some points, and adds others.
func write(t *testing.T, run Run, past, more []Point, ended bool) {
	t.Helper()
	s, err := Open(Names(), run, past, 0, fail(t))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, p := range more {
		p.Time = began.Add(p.Time.Sub(time.Time{}))
		s.Write(p)
	}
	if err := s.Close(ended); err != nil {
		t.Fatal(err)
	}
}

// tree is the content of all files of a folder by their paths; TensorBoard's are named by the clock.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		if strings.HasPrefix(name, "events.out.tfevents.") {
			name = "events"
		}
		if all[name] != "" {
			t.Errorf("two files %s", name)
		}
		all[name] = strings.ReplaceAll(string(data), filepath.Dir(dir), "PARENT")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestKilled: files that grew step by step, those of a run that was killed somewhere and went on from an earlier
// step, and those that were written whole afterwards are the same, byte for byte.
func TestKilled(t *testing.T) {
	all := points(9)
	grew := aRun(t)
	write(t, grew, nil, all, true)
	want := tree(t, grew.Dir)
	for _, c := range []struct{ from, killed int }{{0, 1}, {0, 5}, {1, 2}, {3, 8}, {6, 6}, {len(all), len(all)}} {
		run := aRun(t)
		s, err := Open(Names(), run, nil, 0, fail(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all[:c.killed] {
			s.Write(Point{p.Step, time.Now(), p.Values})
		}
		// Killed: not closed, and with a folder and half a line left over.
		events, _ := filepath.Glob(filepath.Join(run.Dir, "events.*"))
		for _, path := range append(events, filepath.Join(run.Dir, "trackio", "metrics.csv")) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(f, "1,2")
			f.Close()
		}
		write(t, run, all[:c.from], all[c.from:], true)
		got := tree(t, run.Dir)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if got[name] != want[name] {
				t.Errorf("%v: %s differs:\n%q\n%q", c, name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%v: files %v, want %v", c, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

// row is what a tool should have of a step.
type row map[string]float64

// rows are the defined values by step.
func rows(all []Point) map[int]row {
	out := map[int]row{}
	for _, p := range all {
		if out[p.Step] == nil {
			out[p.Step] = row{}
		}
		for _, name := range p.names() {
			out[p.Step][name] = p.Values[name]
		}
	}
	return out
}

// fields reads a protocol buffer: the values of each field, in order.
func fields(t *testing.T, b []byte) map[protowire.Number][][]byte {
	t.Helper()
	out := map[protowire.Number][][]byte{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(number, kind, b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		value := b[:n]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(b)
		}
		out[number] = append(out[number], value)
		b = b[n:]
	}
	return out
}

func varint(t *testing.T, values [][]byte) int {
	t.Helper()
	if len(values) != 1 {
		t.Fatalf("%d values, want one", len(values))
	}
	x, _ := protowire.ConsumeVarint(values[0])
	return int(x)
}

// readLog reads the log of Weights & Biases' client as its datastore.py did.
func readLog(t *testing.T, data []byte) (records [][]byte) {
	t.Helper()
	if string(data[:4]) != ":W&B" || binary.LittleEndian.Uint16(data[4:]) != 0xbee1 || data[6] != 0 {
		t.Fatalf("header %q", data[:7])
	}
	var record []byte
	for at := 7; at < len(data); {
		if left := 32768 - at%32768; left < 7 {
			if !bytes.Equal(data[at:at+left], make([]byte, left)) {
				t.Fatal("padding is not zero")
			}
			at += left
		}
		sum, n, kind := binary.LittleEndian.Uint32(data[at:]), int(binary.LittleEndian.Uint16(data[at+4:])), data[at+6]
		if at/32768 != (at+6+n)/32768 {
			t.Fatalf("a chunk of %d bytes at %d crosses a block", n, at)
		}
		chunk := data[at+7 : at+7+n]
		if crc32.ChecksumIEEE(append([]byte{kind}, chunk...)) != sum {
			t.Fatalf("checksum at %d", at)
		}
		if first := kind == 1 || kind == 2; first != (record == nil) || kind < 1 || kind > 4 {
			t.Fatalf("a chunk of kind %d at %d", kind, at)
		}
		record = append(record, chunk...)
		if at += 7 + n; kind == 1 || kind == 4 {
			records, record = append(records, record), nil
		}
	}
	if record != nil {
		t.Fatal("the last record has no end")
	}
	return records
}

func items(t *testing.T, values [][]byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, value := range values {
		f := fields(t, value)
		var v any
		if err := json.Unmarshal(f[16][0], &v); err != nil {
			t.Fatal(err)
		}
		out[string(f[1][0])] = v
	}
	return out
}

func TestWandb(t *testing.T) {
	run, all := aRun(t), points(7)
	write(t, run, all[:3], all[3:], true)
	data, err := os.ReadFile(filepath.Join(run.Dir, "wandb", "offline-run-20260506_070809-0123456789ab",
		"run-0123456789ab.wandb"))
	if err != nil {
		t.Fatal(err)
	}
	want := rows(all)
	summary := row{}
	last := -1
	records := readLog(t, data)
	for i, record := range records {
		f := fields(t, record)
		if varint(t, f[1]) != i+1 {
			t.Errorf("record %d has another number", i+1)
		}
		switch {
		case i == 0 && f[21] != nil, f[3] != nil:
		case i == 1:
			about := fields(t, f[17][0])
			config := items(t, fields(t, about[4][0])[1])
			names := fmt.Sprintf("%s %s %s", about[1][0], about[3][0], about[8][0])
			if names != "0123456789ab stele 12:30" || config["steps"] != 3.0 ||
				config["loss"].(map[string]any)["beta"] != 0.5 {
				t.Errorf("run %q, config %v", about, config)
			}
		case f[2] != nil:
			history := fields(t, f[2][0])
			got := items(t, history[1])
			step := int(got["_step"].(float64))
			if step <= last || step != varint(t, fields(t, history[2][0])[1]) {
				t.Errorf("step %d after %d", step, last)
			}
			last = step
			if runtime := got["_runtime"].(float64); math.Abs(runtime-1.5*float64(step)) > 1e-3 {
				t.Errorf("step %d: runtime %g", step, runtime)
			}
			for key, x := range want[step] {
				if got[key] != x {
					t.Errorf("step %d: %s is %v, want %g", step, key, got[key], x)
				}
				summary[key] = x
			}
			if len(got) != len(want[step])+3 {
				t.Errorf("step %d: %v", step, got)
			}
			for key, x := range items(t, fields(t, fields(t, records[i+1])[3][0])[1]) {
				if got[key] != x {
					t.Errorf("summary of step %d: %s is %v", step, key, x)
				}
			}
		case i == len(records)-1 && f[18] != nil:
			if varint(t, fields(t, f[18][0])[1]) != 0 {
				t.Error("exit code")
			}
		default:
			t.Errorf("record %d is unexpected: %v", i, f)
		}
	}
	if last != 7 {
		t.Errorf("the last step is %d", last)
	}
}

// TestLog: records of every length that matters at the end of a block.
func TestLog(t *testing.T) {
	lengths := []int{0, 1, 32768 - 7 - 7 - 7 - 1 - 7 - 6, 0, 5, 32768, 32768 - 7, 3 * 32768, 100}
	for spare := range 16 {
		lengths = append(lengths, 32768-7-spare, 40000)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	l := transactionLog{grown{file: f}}
	if err := l.begin(); err != nil {
		t.Fatal(err)
	}
	for i, n := range lengths {
		if err := l.write(bytes.Repeat([]byte{byte(i + 1)}, n)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	records := readLog(t, data)
	if len(records) != len(lengths) {
		t.Fatalf("%d records, want %d", len(records), len(lengths))
	}
	for i, n := range lengths {
		if !bytes.Equal(records[i], bytes.Repeat([]byte{byte(i + 1)}, n)) {
			t.Errorf("record %d: %d bytes, want %d", i, len(records[i]), n)
		}
	}
}

func TestMLflow(t *testing.T) {
	run, all := aRun(t), points(7)
	write(t, run, all[:3], all[3:], false)
	dir := filepath.Join(run.Dir, "mlruns", experiment, "0123456789abcdef0123456789abcdef")
	files := map[string]string{
		"reward": "reward/all", "reward/en": "reward/en", "loss": "loss/all", "loss/token/mean": "loss/token/mean",
		"rewards/accuracy/mean": "rewards/accuracy/mean", "kl": "kl", "eval/accuracy": "eval/accuracy",
		"eval/off_target": "eval/off_target", "eval/a b:c//../日本/en": "eval/a b_c/__/日本/en",
	}
	want := map[string]string{}
	for _, p := range all {
		for _, name := range p.names() {
			at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC).Add(p.Time.Sub(time.Time{})).UnixMilli()
			want["metrics/"+files[name]] += fmt.Sprintf("%d %s %d\n", at,
				strconv.FormatFloat(p.Values[name], 'g', -1, 64), p.Step)
		}
	}
	want["params/loss.beta"], want["params/model"], want["tags/mlflow.runName"] = "0.5", "builtin:tiny", "12:30"
	got := tree(t, dir)
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %q, want %q", name, got[name], want[name])
		}
	}
	for name := range got {
		if strings.HasPrefix(name, "metrics/") && want[name] == "" {
			t.Errorf("%s is unexpected", name)
		}
	}
	var meta mlflowRun
	if err := json.Unmarshal([]byte(got["meta.yaml"]), &meta); err != nil || meta.Status != mlflowKilled ||
		meta.RunName != "12:30" || *meta.EndTime-meta.StartTime != 7*1500 {
		t.Errorf("meta.yaml %s, %v", got["meta.yaml"], err)
	}
}

func TestTrackio(t *testing.T) {
	run, all := aRun(t), points(7)
	write(t, run, all[:3], all[3:], true)
	f, err := os.Open(filepath.Join(run.Dir, "trackio", "metrics.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := rows(all)
	if len(table) != 1+len(want) {
		t.Fatalf("%d rows, want %d", len(table)-1, len(want))
	}
	for i, cells := range table[1:] {
		step, _ := strconv.Atoi(cells[0])
		if _, err := time.Parse(time.RFC3339, cells[1]); err != nil || step != i {
			t.Errorf("row %d: %q, %v", i, cells, err)
		}
		got := row{}
		for j, cell := range cells[2:] {
			if cell != "" {
				got[table[0][j+2]], _ = strconv.ParseFloat(cell, 64)
			}
		}
		if !maps.Equal(got, want[step]) {
			t.Errorf("step %d: %v, want %v", step, got, want[step])
		}
	}
}

// TestTensorBoard reads back the TFRecords: lengths and checksums hold, the session starts once, and the values
// are those of the metrics in float32.
func TestTensorBoard(t *testing.T) {
	run, all := aRun(t), points(7)
	write(t, run, all[:3], all[3:], true)
	data := []byte(tree(t, run.Dir)["events"])
	var events []map[protowire.Number][][]byte
	for len(data) > 0 {
		n := int(binary.LittleEndian.Uint64(data))
		if binary.LittleEndian.Uint32(data[8:]) != maskedCRC(data[:8]) ||
			binary.LittleEndian.Uint32(data[12+n:]) != maskedCRC(data[12:12+n]) {
			t.Fatal("a checksum is wrong")
		}
		events = append(events, fields(t, data[12:12+n]))
		data = data[16+n:]
	}
	if len(events) != 2+len(all) || string(events[0][3][0]) != "brain.Event:2" ||
		varint(t, fields(t, events[1][7][0])[1]) != 1 {
		t.Fatalf("%d events, %v", len(events), events[:2])
	}
	for i, p := range all {
		got := row{}
		for _, value := range fields(t, events[2+i][5][0])[1] {
			f := fields(t, value)
			got[string(f[1][0])] = float64(math.Float32frombits(binary.LittleEndian.Uint32(f[2][0])))
		}
		want := row{}
		for _, name := range p.names() {
			if x := float64(float32(p.Values[name])); x != 0 || p.Values[name] == 0 {
				want[name] = x
			}
		}
		if varint(t, events[2+i][2]) != p.Step || !maps.Equal(got, want) {
			t.Errorf("step %d: %v, want %v", p.Step, got, want)
		}
	}
}

// TestLost: a tool whose files cannot be written says so once, and the others go on.
func TestLost(t *testing.T) {
	run := aRun(t)
	var said []string
	s, err := Open(Names(), run, nil, 0, func(format string, args ...any) {
		said = append(said, fmt.Sprintf(format, args...))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.open["wandb"].(*wandb).log.file.file.Close() // as a disk that is gone
	all := points(4)
	for _, p := range all {
		s.Write(p)
	}
	if err := s.Close(true); err != nil || len(said) != 1 || !strings.Contains(said[0], "logger wandb") {
		t.Errorf("said %q, %v", said, err)
	}
	table, err := os.ReadFile(filepath.Join(run.Dir, "trackio", "metrics.csv"))
	if err != nil || bytes.Count(table, []byte("\n")) != 1+len(rows(all)) {
		t.Errorf("%s, %v", table, err)
	}
	write(t, run, all, nil, true)
	if _, err := os.ReadFile(filepath.Join(run.Dir, "wandb", "offline-run-20260506_070809-0123456789ab",
		"run-0123456789ab.wandb")); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""}, {[]string{"wandb", "mlflow", "trackio", "tensorboard"}, ""},
		{[]string{"wandb", "wandb"}, "logger wandb is named twice"},
		{[]string{"wanbd"}, `unknown logger "wanbd": expected mlflow, tensorboard, trackio, wandb`},
	} {
		if err := Check(c.names); fmt.Sprint(err) != c.want && (err == nil) != (c.want == "") ||
			err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.names, err, c.want)
		}
	}
	run := aRun(t)
	if err := os.WriteFile(filepath.Join(run.Dir, "loggers.json"), []byte(`{"id": "../x"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open([]string{"wandb"}, run, nil, 0, fail(t)); err == nil ||
		!strings.Contains(err.Error(), "loggers.json: expected an id") {
		t.Errorf("a damaged identity: %v", err)
	}
}
