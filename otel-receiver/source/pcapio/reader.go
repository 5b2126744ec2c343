package pcapio

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// MaxRecord is the longest frame that is read, as libpcap has it
// (MAXIMUM_SNAPLEN). A record that claims more is corrupt.
const MaxRecord = 256 << 10

// The errors of a Reader, apart from [io.EOF] and those of what it reads from.
var (
	// ErrFormat is wrapped by the error for what is no capture at all.
	ErrFormat = errors.New("neither pcap nor pcapng")
	// ErrCorrupt is wrapped by errors for what contradicts itself. Nothing can be
	// read after it.
	ErrCorrupt = errors.New("corrupt capture")
	// ErrTruncated is wrapped by the error for what ends in the middle of a
	// record, as a capture does whose writer was stopped.
	ErrTruncated = errors.New("capture ends in the middle of a record")
)

// Reader reads one capture. It is not for concurrent use.
type Reader struct {
	r     *bufio.Reader
	base  *counter
	order binary.ByteOrder
	read  func(*source.Frame) error
	buf   []byte
	head  [28]byte
	n     uint64 // records read
	err   error

	pcap pcapFile
	ng   ngFile
}

// counter counts what was read, for errors to tell where they are.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// NewReader reads the beginning of a capture. It returns [io.EOF] when there is
// nothing.
func NewReader(r io.Reader) (*Reader, error) {
	base := &counter{r: r}
	rd := &Reader{base: base, r: bufio.NewReaderSize(base, 64<<10)}
	magic, err := rd.r.Peek(2)
	if err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(rd.r)
		if err != nil {
			return nil, rd.wrap(err, 1)
		}
		base = &counter{r: z}
		rd.base, rd.r = base, bufio.NewReaderSize(base, 64<<10)
	}
	first, err := rd.r.Peek(4)
	if len(first) == 0 && errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil && len(first) < 4 {
		return nil, rd.wrap(err, len(first))
	}
	switch magic := binary.LittleEndian.Uint32(first); magic {
	case blockSection:
		rd.read = rd.readNG
		err = rd.startNG()
	default:
		err = rd.startPcap(magic)
	}
	if err != nil {
		return nil, err
	}
	return rd, nil
}

// Next reads the next frame. Its bytes are valid until the next call. The error
// is [io.EOF] at the end. After an error every call returns it.
func (r *Reader) Next(f *source.Frame) error {
	if r.err != nil {
		return r.err
	}
	if err := r.read(f); err != nil {
		r.err = err
		return err
	}
	r.n++
	return nil
}

// Records returns how many frames have been read.
func (r *Reader) Records() uint64 { return r.n }

// offset is how much of the (uncompressed) capture was used.
func (r *Reader) offset() int64 { return r.base.n - int64(r.r.Buffered()) }

// corrupt makes an error that says where.
func (r *Reader) corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: before byte %d, after %d frames: %s", ErrCorrupt, r.offset(), r.n, fmt.Sprintf(format, args...))
}

// wrap gives an error of reading its meaning; got is how many bytes of a record
// had been read before.
func (r *Reader) wrap(err error, got int) error {
	switch {
	case errors.Is(err, io.EOF) && got == 0:
		return io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w, at byte %d after %d frames", ErrTruncated, r.offset(), r.n)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), isFlate(err):
		return r.corrupt("%v", err)
	default:
		return fmt.Errorf("read capture: %w", err)
	}
}

// full reads len(b) bytes. got is how many bytes of a record had been read
// before: the capture may end only where that is 0.
func (r *Reader) full(b []byte, got int) error {
	n, err := io.ReadFull(r.r, b)
	if err != nil {
		return r.wrap(err, got+n)
	}
	return nil
}

// data reads n bytes of a frame, of which the reader owns the memory.
func (r *Reader) data(n int) ([]byte, error) {
	if cap(r.buf) < n {
		r.buf = make([]byte, max(n, 4096))
	}
	b := r.buf[:n]
	return b, r.full(b, 1)
}

// skip leaves n bytes out.
func (r *Reader) skip(n int) error {
	if _, err := r.r.Discard(n); err != nil {
		return r.wrap(err, 1)
	}
	return nil
}

// linkType returns the type that a file's number stands for: some systems write
// their own number for raw IP.
func linkType(n uint32) packet.LinkType {
	switch n &= 0xffff; n { // the rest is about frame check sequences
	case 12, 14:
		return packet.LinkRaw
	default:
		return packet.LinkType(n)
	}
}
