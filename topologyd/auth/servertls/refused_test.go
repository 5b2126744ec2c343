package servertls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/proctest"
)

// TestRefused: what net/http says of handshakes that failed is counted by its reason,
// and the first one that shuts a client out is told.
func TestRefused(t *testing.T) {
	w := begin(t, func(w *world) { w.cfg.ClientRequired = true })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	debug := new(proctest.Buffer)
	srv := &http.Server{ReadHeaderTimeout: patience, TLSConfig: w.Config(), ErrorLog: w.ErrorLog(slog.NewTextHandler(debug, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = srv.Close(); <-ended })
	get := func(conf *tls.Config, client *tls.Certificate) {
		t.Helper()
		if conf == nil {
			conf = &tls.Config{RootCAs: w.ca.Pool()}
		}
		if client != nil {
			conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
		}
		tr := &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}
		defer tr.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+l.Addr().String(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := tr.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
			t.Error("it was let in")
		}
	}
	expired := w.users.Issue(t, certtest.Leaf{CommonName: "web-1", NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(-time.Minute)})
	stranger := certtest.NewCA(t, "another").Issue(t, certtest.Leaf{CommonName: "web-1"})
	server := w.users.Issue(t, certtest.Leaf{CommonName: "web-1", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	for _, tt := range []struct {
		reason string
		do     func()
	}{
		{refusedExpired, func() { get(nil, &expired) }},
		{refusedAuthority, func() { get(nil, &stranger) }},
		{refusedCert, func() { get(nil, &server) }},
		{refusedNone, func() { get(nil, nil) }},
		{refusedByClient, func() { get(&tls.Config{RootCAs: x509.NewCertPool()}, nil) }},
		{refusedOther, func() {
			c, err := net.Dial("tcp", l.Addr().String()) //nolint:noctx // a test
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprint(c, "SSH-2.0-x\r\n\r\n")
			_ = c.Close()
		}},
	} {
		tt.do()
		proctest.Eventually(t, patience, "it is counted as "+tt.reason, func() error {
			if n := testutil.ToFloat64(w.m.refused.WithLabelValues(tt.reason)); n != 1 {
				return fmt.Errorf("%v are; %s", n, debug.String())
			}
			return nil
		})
	}
	if s := w.log.String(); !strings.Contains(s, `level=WARN msg="a client was refused by its certificate" address=127.0.0.1:`) || !strings.Contains(s, "reason=expired") {
		t.Error(s)
	}
	if s := debug.String(); strings.Count(s, "level=DEBUG") != 6 {
		t.Error(s)
	}
}

// TestRefusedOften: who is refused again and again fills no log, and cannot say what
// stands there.
func TestRefusedOften(t *testing.T) {
	w := begin(t, nil)
	synctest.Test(t, func(t *testing.T) {
		s, log := &Server{m: w.m}, new(proctest.Buffer)
		s.log = slog.New(slog.NewTextHandler(log, nil))
		why := "tls: failed to verify certificate: x509: certificate is valid for x\nlevel=ERROR msg=forged" + strings.Repeat("é", 1000)
		for range 10_000 {
			s.Refused("192.0.2.1:5000", why)
		}
		time.Sleep(refusedEvery)
		s.Refused("192.0.2.1:5000", why)
		text := log.String()
		if strings.Count(text, "\n") != 2 || !strings.Contains(text, "refused_before=9999") || strings.Contains(text, "\nlevel=ERROR") || len(text) > 2000 {
			t.Errorf("%d bytes: %.3000s", len(text), text)
		}
	})
}
