package httpx

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestUnread sends the beginning of a body that nobody wants, and no more: the answer
// comes, and the connection ends, although the server has no timeout.
func TestUnread(t *testing.T) {
	s := httptest.NewServer(Mux([]Route{Post("/refused", func(w http.ResponseWriter, _ *http.Request) {
		WriteError(w, http.StatusUnauthorized, &Error{Code: CodeUnknown, Message: "say who asks"})
	})}))
	t.Cleanup(s.Close)
	for _, tt := range []struct {
		what   string
		status int
	}{
		{"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345", http.StatusUnauthorized},
		{"POST /refused HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12", http.StatusUnauthorized},
		{"POST /refused HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", http.StatusUnauthorized},
		{"PUT /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", http.StatusMethodNotAllowed},
		{"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", http.StatusNotFound},
		{"GET /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", http.StatusNotFound},
	} {
		t.Run(fmt.Sprintf("%.40q", tt.what), func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.WriteString(c, tt.what); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(c)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Error(resp.Status)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Error(err)
			}
			if _, err := in.ReadByte(); err != io.EOF { //nolint:errorlint // as it is
				t.Errorf("the connection goes on: %v", err)
			}
		})
	}
}

// TestRead: a body that is read whole leaves the connection to the next request.
func TestRead(t *testing.T) {
	s := httptest.NewServer(Mux([]Route{Post("/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})}))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	for range 3 {
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n12"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "12" {
			t.Errorf("%q %v", b, err)
		}
		_ = resp.Body.Close()
	}
}
