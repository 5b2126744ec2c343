package flowstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/klauspost/compress/zstd"

	"github.com/skein-net/skein/internal/entity"
)

// Bounds of what is said to a VictoriaLogs.
const (
	maxInsert   = 8 << 20 // bytes of a request before compression
	maxLine     = 4 << 20 // of an answer
	maxMessage  = 2 << 10 // of an error
	linesABlock = 256
	firstPause  = 100 * time.Millisecond
	// maxRemoteQuery is less than what a VictoriaLogs allows by itself: it ends a
	// query after 30 s as if there were no more rows.
	maxRemoteQuery = 25 * time.Second
)

// remote keeps rows in a VictoriaLogs. Rows are in a stream for each host, as
// its own OTLP ingestion does it: the front of a cluster chooses a storage node
// by the stream.
type remote struct {
	cfg    Config
	log    *slog.Logger
	client *http.Client
	bufs   sync.Pool
}

func newRemote(cfg Config, log *slog.Logger) *remote { return &remote{cfg: cfg, log: log} }

func (r *remote) start(context.Context) error {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = r.cfg.Remote.TLS
	t.MaxIdleConnsPerHost = 8
	r.client = &http.Client{Transport: t}
	return nil
}

func (r *remote) stop() { r.client.CloseIdleConnections() }

// insert is a request that is being put together.
type insert struct {
	raw, packed []byte
	zip         *zstd.Encoder
}

func (r *remote) write(ctx context.Context, next func() (row, bool), _ func() []row) error {
	in, _ := r.bufs.Get().(*insert)
	if in == nil {
		zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return fmt.Errorf("make compressor: %w", err)
		}
		in = &insert{zip: zip}
	}
	defer r.bufs.Put(in)
	in.raw = in.raw[:0]
	for {
		x, ok := next()
		if ok {
			in.raw = appendLine(in.raw, &x)
		}
		if len(in.raw) > 0 && (!ok || len(in.raw) > maxInsert) {
			in.packed = in.zip.EncodeAll(in.raw, in.packed[:0])
			if err := r.insert(ctx, in.packed); err != nil {
				return err
			}
			in.raw = in.raw[:0]
		}
		if !ok {
			return nil
		}
	}
}

// appendLine writes a row as a line of JSON.
func appendLine(b []byte, x *row) []byte {
	b = append(b, `{"_time":"`...)
	b = time.Unix(0, x.time).UTC().AppendFormat(b, timeLayout)
	b = append(b, '"')
	for _, f := range x.fields {
		b = append(b, ',')
		b = entity.AppendJSONString(b, f.Name)
		b = append(b, ':')
		b = entity.AppendJSONString(b, f.Value)
	}
	return append(b, '}', '\n')
}

// insert sends rows, again when that may help. Rows that came twice are found
// once, but count twice in sums.
func (r *remote) insert(ctx context.Context, packed []byte) (err error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		var again bool
		if again, err = r.insertOnce(ctx, packed); err == nil || !again || attempt >= r.cfg.Remote.Attempts {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		case <-timer.C:
		}
		pause *= 3
	}
}

func (r *remote) insertOnce(ctx context.Context, packed []byte) (again bool, err error) {
	req, err := r.request(ctx, "/insert/jsonline?_time_field=_time&_stream_fields="+fieldEvent+","+fieldHost, bytes.NewReader(packed))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/stream+json")
	req.Header.Set("Content-Encoding", "zstd")
	resp, err := r.client.Do(req)
	if err != nil {
		return ctx.Err() == nil, fmt.Errorf("send rows: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxMessage))
		return false, err
	}
	return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests, answerError(resp)
}

// request makes a POST with what the configuration wants in it.
func (r *remote) request(ctx context.Context, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(r.cfg.URL, "/")+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	c := &r.cfg.Remote
	switch {
	case c.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.Token)
	case c.User != "" || c.Password != "":
		req.SetBasicAuth(c.User, c.Password)
	}
	if c.AccountID != 0 || c.ProjectID != 0 {
		req.Header.Set("AccountID", strconv.FormatUint(uint64(c.AccountID), 10))
		req.Header.Set("ProjectID", strconv.FormatUint(uint64(c.ProjectID), 10))
	}
	return req, nil
}

func answerError(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	return fmt.Errorf("VictoriaLogs answered %s: %s", resp.Status, bytes.TrimSpace(text))
}

func (r *remote) query(ctx context.Context, text string, handle func(*block) error) error {
	form := url.Values{"query": {text}}
	if deadline, ok := ctx.Deadline(); ok {
		// The answer of a query that VictoriaLogs itself ends is just cut short.
		form.Set("timeout", strconv.FormatInt(time.Until(deadline).Milliseconds()+5000, 10)+"ms")
	}
	req, err := r.request(ctx, "/select/logsql/query", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("send query: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answerError(resp)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	var rows rowBlock
	for lines.Scan() {
		if err := rows.add(lines.Bytes()); err != nil {
			return err
		}
		if rows.b.rows >= linesABlock {
			if err := handle(rows.block()); err != nil {
				return err
			}
			rows.reset()
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if rows.b.rows > 0 {
		return handle(rows.block())
	}
	return nil
}

// rowBlock collects rows as columns.
type rowBlock struct {
	b     block
	index map[string]int
}

// add adds a line of an answer. VictoriaLogs writes an error that it finds
// late behind the rows, as text.
func (rb *rowBlock) add(line []byte) error {
	if len(line) == 0 {
		return nil
	}
	if line[0] != '{' {
		return fmt.Errorf("VictoriaLogs broke off: %.500s", line)
	}
	p := logstorage.GetJSONParser()
	defer logstorage.PutJSONParser(p)
	if err := p.ParseLogMessage(line); err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if rb.index == nil {
		rb.index = make(map[string]int)
	}
	for _, f := range p.Fields {
		i, ok := rb.index[f.Name]
		if !ok {
			i = len(rb.b.columns)
			name := strings.Clone(f.Name)
			rb.index[name] = i
			rb.b.columns = append(rb.b.columns, logstorage.BlockColumn{Name: name})
		}
		c := &rb.b.columns[i]
		for len(c.Values) < rb.b.rows {
			c.Values = append(c.Values, "")
		}
		c.Values = append(c.Values, strings.Clone(f.Value))
	}
	rb.b.rows++
	return nil
}

// block returns what was collected, all columns of one length.
func (rb *rowBlock) block() *block {
	for i := range rb.b.columns {
		c := &rb.b.columns[i]
		for len(c.Values) < rb.b.rows {
			c.Values = append(c.Values, "")
		}
	}
	return &rb.b
}

func (rb *rowBlock) reset() {
	for i := range rb.b.columns {
		clear(rb.b.columns[i].Values)
		rb.b.columns[i].Values = rb.b.columns[i].Values[:0]
	}
	rb.b.rows = 0
}

func (r *remote) flush(ctx context.Context) error {
	req, err := r.request(ctx, "/internal/force_flush", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answerError(resp)
	}
	return nil
}

func (r *remote) stats(*Stats) {}
