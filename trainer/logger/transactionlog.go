package logger

import (
	"encoding/binary"
	"hash/crc32"
)

// transactionLog writes the log of Weights & Biases' client: LevelDB's, but that it begins with a header,
// which counts as part of the first block, and that checksums are zlib's CRC-32 and not masked.
type transactionLog struct{ file grown }

const (
	logBlock  = 32 << 10 // bytes
	logHeader = 7        // of a chunk: checksum, length, kind
)

// Kinds of chunks.
const (
	chunkFull = iota + 1
	chunkFirst
	chunkMiddle
	chunkLast
)

// begin writes the file's header: name, a magic number and the version 0.
func (l *transactionLog) begin() error { return l.file.write([]byte(":W&B\xe1\xbe\x00")) }

// write adds a record, in chunks that end where a block does.
func (l *transactionLog) write(record []byte) error {
	var out []byte
	for first := true; ; first = false {
		room := logBlock - (int(l.file.size)+len(out))%logBlock
		if room < logHeader {
			out = append(out, make([]byte, room)...)
			room = logBlock
		}
		n := min(len(record), room-logHeader)
		kind := byte(chunkMiddle)
		switch last := n == len(record); {
		case first && last:
			kind = chunkFull
		case first:
			kind = chunkFirst
		case last:
			kind = chunkLast
		}
		sum := crc32.Update(crc32.ChecksumIEEE([]byte{kind}), crc32.IEEETable, record[:n])
		out = binary.LittleEndian.AppendUint32(out, sum)
		out = binary.LittleEndian.AppendUint16(out, uint16(n))
		out = append(append(out, kind), record[:n]...)
		if record = record[n:]; len(record) == 0 {
			return l.file.write(out)
		}
	}
}
