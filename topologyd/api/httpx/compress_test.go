package httpx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// unpack reads what a coding made.
func unpack(t testing.TB, coding string, r io.Reader) ([]byte, error) {
	t.Helper()
	switch coding {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return io.ReadAll(z)
	case "":
		return io.ReadAll(r)
	}
	return nil, fmt.Errorf("coding %q", coding)
}

func TestWriteBody(t *testing.T) {
	large := bytes.Repeat([]byte("topology "), 100_000)
	c := NewCompressors(1)
	for name, x := range map[string]struct {
		body           []byte
		method, accept string
		coding         string
	}{
		"small":         {[]byte("x"), "GET", "gzip", ""},
		"below a kB":    {large[:1023], "GET", "gzip, zstd", ""},
		"a kB":          {large[:1024], "GET", "gzip", "gzip"},
		"large":         {large, "GET", "br, gzip;q=0.5", "gzip"},
		"zstd":          {large, "POST", "gzip, deflate, br, zstd", "zstd"},
		"any":           {large, "GET", "*", "gzip"},
		"not gzip":      {large, "GET", "gzip;q=0", ""},
		"no coding":     {large, "GET", "", ""},
		"empty":         {nil, "GET", "gzip", ""},
		"head":          {large, "HEAD", "", ""},
		"head and gzip": {large, "HEAD", "gzip", "gzip"},
	} {
		r := request(x.method, "/", nil)
		if x.accept != "" {
			r.Header.Set("Accept-Encoding", x.accept)
		}
		w := httptest.NewRecorder()
		if err := c.WriteBody(w, r, 200, "text/plain", x.body, time.Second); err != nil {
			t.Fatal(err)
		}
		h := w.Header()
		if h.Get("Content-Encoding") != x.coding || h.Get("Vary") != "Accept-Encoding" || h.Get("Content-Type") != "text/plain" {
			t.Errorf("%s: %v", name, h)
		}
		if (h.Get("Content-Length") == fmt.Sprint(len(x.body))) != (x.coding == "") {
			t.Errorf("%s: length %s", name, h.Get("Content-Length"))
		}
		if x.method == "HEAD" {
			if w.Body.Len() > 0 {
				t.Errorf("%s: %d bytes", name, w.Body.Len())
			}
			continue
		}
		if b, err := unpack(t, x.coding, w.Body); err != nil || !bytes.Equal(b, x.body) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if c.InUse() != 0 {
		t.Error("a compressor was not given back")
	}
}

// failing takes so many bytes.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// noise is what does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// What went wrong for one client must not be seen by the next one that gets the
// same compressor.
func TestCompressorsAfterErrors(t *testing.T) {
	c := NewCompressors(1)
	text := []byte(strings.Repeat("a line of text\n", 1000))
	for range 5 {
		for _, coding := range []Coding{Gzip, Zstd} {
			z, err := c.Open(&failing{left: 100_000}, coding)
			if err != nil || z == nil {
				t.Fatal(z, err)
			}
			if other, err := c.Open(io.Discard, coding); other != nil || err != nil {
				t.Fatal("two compressors of one")
			}
			_, err = z.Write(noise(1 << 20))
			if err = errors.Join(err, z.Flush(), z.Close(true)); !errors.Is(err, errFull) {
				t.Errorf("%s: %v", coding, err)
			}
			var out bytes.Buffer
			if z, err = c.Open(&out, coding); err != nil || z == nil {
				t.Fatal(z, err)
			}
			if _, err := z.Write(text); err != nil {
				t.Fatal(err)
			}
			if err := z.Flush(); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(true); err != nil {
				t.Fatal(err)
			}
			if b, err := unpack(t, string(coding), &out); err != nil || !bytes.Equal(b, text) {
				t.Errorf("%s: %d bytes, %v", coding, len(b), err)
			}
		}
	}
	if c.InUse() != 0 {
		t.Error("a compressor was not given back")
	}
	if z, err := c.Open(io.Discard, Identity); z != nil || err != nil {
		t.Error(z, err)
	}
}

func TestCompressorsTogether(t *testing.T) {
	c := NewCompressors(4)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			text := []byte(strings.Repeat(fmt.Sprintf("client %d\n", i), 2000))
			for range 20 {
				r := request("GET", "/", nil)
				r.Header.Set("Accept-Encoding", []string{"gzip", "zstd"}[i%2])
				w := httptest.NewRecorder()
				if err := c.WriteBody(w, r, 200, "text/plain", text, time.Second); err != nil {
					t.Error(err)
				}
				if b, err := unpack(t, w.Header().Get("Content-Encoding"), w.Body); err != nil || !bytes.Equal(b, text) {
					t.Errorf("%d bytes, %v", len(b), err)
				}
			}
		})
	}
	all.Wait()
	if c.InUse() != 0 {
		t.Error("a compressor was not given back")
	}
}

func BenchmarkWriteBody(b *testing.B) {
	for _, coding := range []string{"", "gzip", "zstd"} {
		for _, n := range []int{2 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s-%d", coding, n), func(b *testing.B) {
				body := bytes.Repeat([]byte(`{"ID":"982f18da-5907-58c8-871c-baf656c21f18","Name":"eth0","MTU":1500},`), n/70)
				c := NewCompressors(1)
				r := request("GET", "/", nil)
				r.Header.Set("Accept-Encoding", coding)
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					w := httptest.NewRecorder()
					w.Body = nil
					if err := c.WriteBody(w, r, 200, "text/plain", body, time.Second); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkCompressorMemory tells what an open compressor holds.
func BenchmarkCompressorMemory(b *testing.B) {
	for _, coding := range []Coding{Gzip, Zstd} {
		b.Run(string(coding), func(b *testing.B) {
			text := noise(1 << 20)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			c := NewCompressors(b.N)
			open := make([]*Compressor, 0, b.N)
			for range b.N {
				z, err := c.Open(io.Discard, coding)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := z.Write(text); err != nil {
					b.Fatal(err)
				}
				open = append(open, z)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "B/compressor")
			for _, z := range open {
				_ = z.Close(true)
			}
		})
	}
}
