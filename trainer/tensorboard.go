package trainer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// eventWriter writes scalars as TensorBoard reads them: TFRecords of Event
// messages. Only the few fields that scalars need are written, by hand, rather
// than bringing in TensorFlow's protocol definitions.
type eventWriter struct {
	dir  string
	file *os.File
}

// write adds a step's metrics. The file is made at the first step of a session; a
// resumed run begins another, and TensorBoard shows the later values of a step
// that was taken again.
func (w *eventWriter) write(step int, seconds float64, m Metrics) error {
	if w.file == nil {
		// TensorBoard wants "tfevents" in the name and reads files in its order.
		name := filepath.Join(w.dir, fmt.Sprintf("events.out.tfevents.%010d.stele", step))
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		w.file = f
		version := appendBytes(appendDouble(nil, 1, seconds), 3, []byte("brain.Event:2"))
		if err := w.record(version); err != nil {
			return err
		}
	}
	var summary []byte
	for _, tag := range slices.Sorted(maps.Keys(m)) {
		if tag == "step" || math.IsNaN(m[tag]) {
			continue
		}
		value := appendBytes(nil, 1, []byte(tag))
		value = binary.LittleEndian.AppendUint32(append(value, 2<<3|5), math.Float32bits(float32(m[tag])))
		summary = appendBytes(summary, 1, value)
	}
	event := appendDouble(nil, 1, seconds)                          // wall_time
	event = binary.AppendUvarint(append(event, 2<<3), uint64(step)) // step, a varint
	return w.record(appendBytes(event, 5, summary))
}

// record writes one TFRecord: length, its checksum, the data, its checksum.
func (w *eventWriter) record(data []byte) error {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out := binary.LittleEndian.AppendUint32(length, maskedCRC(length))
	out = append(out, data...)
	out = binary.LittleEndian.AppendUint32(out, maskedCRC(data))
	_, err := w.file.Write(out)
	return err
}

func (w *eventWriter) close() error {
	if w.file == nil {
		return nil
	}
	return errors.Join(w.file.Sync(), w.file.Close())
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is TFRecord's checksum.
func maskedCRC(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// appendBytes appends a length-delimited field, appendDouble a double one.
func appendBytes(b []byte, field int, value []byte) []byte {
	b = binary.AppendUvarint(append(b, byte(field<<3|2)), uint64(len(value)))
	return append(b, value...)
}

func appendDouble(b []byte, field int, value float64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, byte(field<<3|1)), math.Float64bits(value))
}
