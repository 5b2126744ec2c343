package eventlog

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// packed is the first byte of a message whose rest is a record as one S2 block.
// A message that is a record as it is begins with the record's version, which
// never becomes that high.
//
// A record of 1,000 interfaces becomes less than a quarter, for half a
// microsecond an event (BenchmarkPack). zstd at its fastest made another third
// less of it, for seven times the time. The stream's own compression does
// nothing for what is sent to replicas, for Raft's log, or for a block that is
// not full yet.
const packed = 'S'

// packFrom is the least size that is worth packing.
const packFrom = 256

// pack returns the message for a record, which may be the record itself.
func pack(record []byte) []byte {
	if len(record) < packFrom {
		return record
	}
	b := make([]byte, 1+s2.MaxEncodedLen(len(record)))
	b[0] = packed
	b = b[:1+len(s2.Encode(b[1:], record))]
	if len(b) >= len(record) {
		return record
	}
	return append(make([]byte, 0, len(b)), b...) // the bound was for the worst
}

var errTooLong = errors.New("longer than a record can be")

// unpack is the reverse of pack. It allocates at most [MaxRecord].
func unpack(message []byte) ([]byte, error) {
	if len(message) == 0 || message[0] != packed {
		return message, nil
	}
	n, err := s2.DecodedLen(message[1:])
	if err == nil && n > MaxRecord {
		err = errTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("unpack record: %w", err)
	}
	record, err := s2.Decode(nil, message[1:])
	if err != nil {
		return nil, fmt.Errorf("unpack record: %w", err)
	}
	return record, nil
}
