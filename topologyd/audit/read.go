package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"
)

// Query chooses records. What is zero chooses all.
type Query struct {
	// Since and Before bound their times: not before the one, before the other.
	Since, Before time.Time
	// User and Outcome are as in the record. Action is too, or its part up to a dot,
	// with the dot: "packets.".
	User, Action, Outcome string
	// Limit is how many records are returned at most; it must be more than zero.
	Limit int
}

func (q *Query) wants(r *Record) bool {
	switch {
	case !q.Before.IsZero() && !r.Time.Before(q.Before),
		q.User != "" && r.User != q.User,
		q.Outcome != "" && r.Outcome != q.Outcome:
		return false
	}
	return q.Action == "" || r.Action == q.Action || strings.HasSuffix(q.Action, ".") && strings.HasPrefix(r.Action, q.Action)
}

// slack is how far records may be out of order because the clock was set back.
const slack = time.Hour

// Read returns the newest records that a query chooses, the newest first, and
// whether there are more. Lines that are no records are passed over. It reads the
// files from their ends, all of them when it has to, and may be called while records
// are written.
func (l *Log) Read(ctx context.Context, q Query) (out []Record, more bool, err error) {
	files, err := l.files()
	if err != nil {
		return nil, false, fmt.Errorf("read audit log: %w", err)
	}
	defer func() {
		for _, f := range files {
			_ = f.Close() // it was only read
		}
	}()
	for _, f := range files {
		for line, err := range backwards(f, f.size) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, false, fmt.Errorf("read audit log: %w", err)
			}
			var r Record
			if json.Unmarshal(line, &r) != nil || r.Time.IsZero() {
				continue
			}
			switch {
			case r.Time.Before(q.Since.Add(-slack)) && !q.Since.IsZero():
				return out, false, nil
			case r.Time.Before(q.Since) || !q.wants(&r):
			case len(out) >= q.Limit:
				return out, true, nil
			default:
				out = append(out, r)
			}
		}
	}
	return out, false, nil
}

// openFile is a file of the log as it was when it was opened.
type openFile struct {
	*os.File
	size int64
}

// files opens the files of the log, the newest first: under the lock, so that none
// is renamed meanwhile.
func (l *Log) files() (out []openFile, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fail := func(err error) ([]openFile, error) {
		for _, f := range out {
			_ = f.Close()
		}
		return nil, err
	}
	for n := 0; n <= l.cfg.Keep; n++ {
		f, err := os.Open(l.name(n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fail(err)
		}
		info, err := f.Stat()
		out = append(out, openFile{f, 0})
		if err != nil {
			return fail(err)
		}
		out[len(out)-1].size = info.Size()
	}
	return out, nil
}

const (
	// readPiece is how much is read at once.
	readPiece = 64 << 10
	// maxLine bounds a line; what is longer was not written by a [Log].
	maxLine = 1 << 20
)

// backwards yields the lines of a file, the last one first, without empty ones and
// those that are too long. A line is valid until the next one.
func backwards(f io.ReaderAt, size int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var rest []byte   // the end of a line whose beginning was not read yet
		skipping := false // that line is too long
		for end := size; end > 0; {
			n := min(end, readPiece)
			end -= n
			b := make([]byte, n, n+int64(len(rest)))
			if _, err := f.ReadAt(b, end); err != nil && !errors.Is(err, io.EOF) {
				yield(nil, err)
				return
			}
			b = append(b, rest...)
			for {
				i := bytes.LastIndexByte(b, '\n')
				if i < 0 {
					break
				}
				if line := b[i+1:]; len(line) > 0 && !skipping && !yield(line, nil) {
					return
				}
				b, skipping = b[:i], false
			}
			if rest = b; len(rest) > maxLine || skipping {
				rest, skipping = nil, true
			}
		}
		if len(rest) > 0 {
			yield(rest, nil)
		}
	}
}
