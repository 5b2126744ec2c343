package httpx

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// gzipFrom is the size from which a body is worth compressing: what fits into
// one packet is not.
const gzipFrom = 1400

// pieceSize is how much is written under one deadline.
const pieceSize = 256 << 10

// WriteBody answers with a body, compressed when the client takes gzip. The
// client has the given time to read all of it; after that the connection ends.
// It returns the error of writing, which concerns this client alone.
func WriteBody(w http.ResponseWriter, r *http.Request, code int, contentType string, body []byte, within time.Duration) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(within))
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Add("Vary", "Accept-Encoding")
	if len(body) < gzipFrom || !TakesGzip(r) {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(code)
		if r.Method == http.MethodHead {
			return nil
		}
		return pieces(w, body)
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(code)
	if r.Method == http.MethodHead {
		return nil
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := pieces(z, body); err != nil {
		return err
	}
	return z.Close()
}

// pieces writes in parts, so that no single write copies a large body.
func pieces(w io.Writer, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), pieceSize)
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// TakesGzip reports whether a request accepts a compressed answer (RFC 9110,
// 12.5.3).
func TakesGzip(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			name, q := weight(part)
			if (strings.EqualFold(name, "gzip") || name == "*") && q > 0 {
				return true
			}
		}
	}
	return false
}

// weight splits "gzip;q=0.5" into its name and its weight.
func weight(part string) (name string, q float64) {
	name, params, _ := strings.Cut(part, ";")
	q = 1
	for p := range strings.SplitSeq(params, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				f = 0
			}
			q = f
		}
	}
	return strings.ToLower(strings.TrimSpace(name)), q
}

// Accept picks from offers the media type that a request prefers (RFC 9110,
// 12.5.1), the first offer when it has no preference, and "" when it takes
// none of them.
func Accept(r *http.Request, offers ...string) string {
	lines := r.Header.Values("Accept")
	if len(lines) == 0 {
		return offers[0]
	}
	best, bestQ, bestRank := "", 0.0, 0
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name, q := weight(part)
		for _, o := range offers {
			rank := 0
			switch {
			case name == o:
				rank = 3
			case strings.HasSuffix(name, "/*") && strings.HasPrefix(o, strings.TrimSuffix(name, "*")) && name != "*/*":
				rank = 2
			case name == "*/*":
				rank = 1
			}
			if rank > 0 && (q > bestQ || q == bestQ && rank > bestRank) && q > 0 {
				best, bestQ, bestRank = o, q, rank
			}
		}
	}
	return best
}
