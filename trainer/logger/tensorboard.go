package logger

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/stele-lm/stele/internal/jsonl"
)

// tensorBoard writes RUN/events.out.tfevents.*: TFRecords of Event messages. Only the few fields that
// scalars need are written, by hand, rather than bringing in TensorFlow's protocol definitions.
type tensorBoard struct{ file grown }

// Fields of tensorflow.Event and what it holds.
const (
	eventTime, eventStep, eventVersion, eventSummary, eventSession = 1, 2, 3, 5, 7
	sessionStatus, sessionStart                                    = 1, 1
	summaryValue, valueTag, valueNumber                            = 1, 1, 2
)

func newTensorBoard(run Run, id identity, past []Point) (tool, error) {
	// Names have the time in them: a TensorBoard that is looking on goes from a file to those with later
	// names, and the session's start at step 0 makes it forget what it has read.
	entries, err := os.ReadDir(run.Dir)
	if err != nil {
		return nil, err
	}
	var old []string
	for _, e := range entries {
		if n := e.Name(); strings.HasPrefix(n, "events.out.tfevents.") && strings.HasSuffix(n, ".stele") {
			old = append(old, filepath.Join(run.Dir, n))
		}
	}
	path := filepath.Join(run.Dir, fmt.Sprintf("events.out.tfevents.%010d.stele", time.Now().Unix()))
	began := func() []byte { return timeOf(nil, id.Began) }
	data := tfRecord(nil, bytesField(began(), eventVersion, []byte("brain.Event:2")))
	start := bytesField(varintField(began(), eventStep, 0), eventSession,
		varintField(nil, sessionStatus, sessionStart))
	data = tfRecord(data, start)
	for _, p := range past {
		data = tfRecord(data, scalars(p))
	}
	if err := jsonl.WriteBytes(path, data); err != nil {
		return nil, err
	}
	for _, name := range old {
		if name != path {
			if err := os.Remove(name); err != nil {
				return nil, err
			}
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	return &tensorBoard{grown{f, int64(len(data))}}, err
}

func (t *tensorBoard) write(p Point) error { return t.file.write(tfRecord(nil, scalars(p))) }

func (t *tensorBoard) close(bool) error { return t.file.close() }

// scalars is an Event with a point's values, which TensorBoard has in float32.
func scalars(p Point) []byte {
	var summary []byte
	for _, name := range p.names() {
		value := bytesField(nil, valueTag, []byte(name))
		value = protowire.AppendTag(value, valueNumber, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(p.Values[name])))
		summary = bytesField(summary, summaryValue, value)
	}
	event := varintField(timeOf(nil, p.Time), eventStep, uint64(p.Step))
	return bytesField(event, eventSummary, summary)
}

// timeOf appends an Event's time, in seconds.
func timeOf(b []byte, t time.Time) []byte {
	b = protowire.AppendTag(b, eventTime, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(float64(t.UnixNano())/1e9))
}

// tfRecord appends a TFRecord: length, its checksum, the data, its checksum.
func tfRecord(b, data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(append(b, length...), maskedCRC(length))
	return binary.LittleEndian.AppendUint32(append(b, data...), maskedCRC(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is TFRecord's checksum.
func maskedCRC(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// bytesField appends a field of bytes, text or a message; varintField one of a whole number or a truth.
func bytesField(b []byte, field protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), value)
}

func varintField(b []byte, field protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), value)
}
