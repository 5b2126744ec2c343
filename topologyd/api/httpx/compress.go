package httpx

import (
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compressors are the compressors that answers share. There are at most so many
// at the same time; what comes when all are in use goes out as it is, so that
// slow clients cannot make them more. Its methods may be called by several
// goroutines at once.
type Compressors struct {
	slots chan struct{}
	gzip  sync.Pool // *gzip.Writer
	zstd  sync.Pool // *zstd.Encoder
}

// zstdWindow is how far back zstd looks. It bounds the memory of a compressor,
// to about 1 MB; more would gain little on answers, whose elements are alike.
const zstdWindow = 256 << 10

// NewCompressors returns compressors, at most so many in use at a time.
func NewCompressors(most int) *Compressors {
	return &Compressors{slots: make(chan struct{}, most)}
}

// InUse returns how many compressors are in use.
func (c *Compressors) InUse() int { return len(c.slots) }

// Open returns a compressor that writes to w, nil when the coding is none or
// all compressors are in use. It must be closed.
func (c *Compressors) Open(w io.Writer, coding Coding) (*Compressor, error) {
	if coding == Identity {
		return nil, nil
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return nil, nil
	}
	z, err := c.take(w, coding)
	if err != nil {
		<-c.slots
		return nil, err
	}
	return &Compressor{of: c, enc: z, coding: coding}, nil
}

// encoder is what both compressors are.
type encoder interface {
	io.WriteCloser
	Flush() error
}

func (c *Compressors) take(w io.Writer, coding Coding) (encoder, error) {
	if coding == Zstd {
		if z, ok := c.zstd.Get().(*zstd.Encoder); ok {
			z.Reset(w)
			return z, nil
		}
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, fmt.Errorf("make zstd compressor: %w", err)
		}
		return z, nil
	}
	if z, ok := c.gzip.Get().(*gzip.Writer); ok {
		z.Reset(w)
		return z, nil
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("make gzip compressor: %w", err)
	}
	return z, nil
}

// Compressor compresses one answer. It belongs to one goroutine.
type Compressor struct {
	of     *Compressors
	enc    encoder
	coding Coding
}

// Write implements [io.Writer].
func (z *Compressor) Write(p []byte) (int, error) { return z.enc.Write(p) }

// Flush writes out all that was given so far.
func (z *Compressor) Flush() error { return z.enc.Flush() }

// Close ends the compressed data, whole when the answer is, and gives the
// compressor back.
func (z *Compressor) Close(whole bool) error {
	var err error
	if whole {
		err = z.enc.Close()
	}
	switch enc := z.enc.(type) { // it must not hold on to the request
	case *zstd.Encoder:
		enc.Reset(io.Discard)
		z.of.zstd.Put(enc)
	case *gzip.Writer:
		enc.Reset(io.Discard)
		z.of.gzip.Put(enc)
	}
	<-z.of.slots
	return err
}
