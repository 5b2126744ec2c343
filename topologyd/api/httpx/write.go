package httpx

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

// compressFrom is the size from which a body is worth compressing: what is
// smaller fits into one packet anyway.
const compressFrom = 1024

// pieceSize is how much is written at once.
const pieceSize = 256 << 10

// WriteBody answers with a body, compressed when the client likes that. The
// client has the given time to read all of it; after that the connection ends.
// It returns the error of writing, which concerns this client alone.
func (c *Compressors) WriteBody(w http.ResponseWriter, r *http.Request, code int, contentType string, body []byte, within time.Duration) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(within))
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h.Add("Vary", "Accept-Encoding")
	var z *Compressor
	if len(body) >= compressFrom {
		var err error
		if z, err = c.Open(w, AcceptCoding(r)); err != nil {
			return err
		}
	}
	if z == nil {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
		w.WriteHeader(code)
		if r.Method == http.MethodHead {
			return nil
		}
		return pieces(w, body)
	}
	h["Content-Encoding"] = []string{string(z.coding)}
	w.WriteHeader(code)
	if r.Method == http.MethodHead {
		return z.Close(false)
	}
	err := pieces(z, body)
	if closing := z.Close(err == nil); err == nil {
		err = closing
	}
	return err
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
