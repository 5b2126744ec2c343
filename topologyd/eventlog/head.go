package eventlog

import (
	"fmt"
	"time"

	"github.com/skein-net/skein/topologyd/wire"
)

// DecodeHead reads what a record says of all its events; its errors are those
// of [DecodeRecord].
func DecodeHead(b []byte) (Head, error) {
	r := wire.NewReader(b)
	h, _, err := readHead(r)
	return h, err
}

// readHead reads the version and the head of a record.
func readHead(r *wire.Reader) (h Head, version byte, err error) {
	version = r.Byte()
	if r.Err() == nil && (version == 0 || version > recordVersion) {
		return h, version, fmt.Errorf("record of version %d: this daemon reads versions 1 to %d; use a newer one", version, recordVersion)
	}
	h = Head{At: time.Unix(0, r.Int()), Revision: r.Uint()}
	if version > 1 {
		h.Origin, h.Batch = r.UUID(), r.Uint()
	}
	if err := r.Err(); err != nil {
		return h, version, fmt.Errorf("decode record: %w", err)
	}
	return h, version, nil
}

// Mode tells where the log is.
func (l *Log) Mode() Mode { return l.cfg.mode() }
