package guard

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
)

// TestCertificateRefused: a connection ends whose certificate is not good any more, so
// that the client comes again with the one that it has by then; one with a token that
// is wrong goes on.
func TestCertificateRefused(t *testing.T) {
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config, _ *Deps) { c.FailureRate = 1 << 20 })
			ca, users := certtest.NewCA(t, "servers"), certtest.NewCA(t, "clients")
			var mu sync.Mutex
			from := make(map[string]int) // requests by connection
			s := httptest.NewUnstartedServer(w.Handler(w.Route(httpx.Route{Method: http.MethodGet, Path: "/", Needs: auth.Read}).Handler))
			inner := s.Config.Handler
			s.Config.Handler = http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
				mu.Lock()
				from[r.RemoteAddr]++
				mu.Unlock()
				inner.ServeHTTP(a, r)
			})
			s.EnableHTTP2 = h2
			s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Server(t)}, ClientCAs: users.Pool(), ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS12}
			s.StartTLS()
			defer s.Close()
			tr := &http.Transport{ForceAttemptHTTP2: h2, TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{users.Issue(t, certtest.Leaf{CommonName: "web-1"})}}}
			defer tr.CloseIdleConnections()
			// ask returns how many connections were used by now.
			ask := func(authorization string) int {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				if authorization != "" {
					req.Header.Set(bearer, authorization)
				}
				resp, err := tr.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusUnauthorized || resp.ProtoMajor == 2 != h2 {
					t.Fatal(resp.Status, resp.Proto)
				}
				mu.Lock()
				defer mu.Unlock()
				return len(from)
			}
			for range 3 {
				if n := ask("Bearer x"); n != 1 {
					t.Errorf("%d connections", n)
				}
			}
			proctest.Eventually(t, time.Minute, "the client comes again", func() error {
				if n := ask(""); n < 3 { // the first refusal is on the connection of before
					return fmt.Errorf("%d connections", n)
				}
				return nil
			})
		})
	}
}
