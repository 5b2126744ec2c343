package orders

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTLS: the endpoint has to prove who it is, and the host does.
func TestTLS(t *testing.T) {
	d := &topologyd{}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(d.serve))
	var peers []int
	d.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		peers = append(peers, len(r.TLS.PeerCertificates))
		return false
	}
	d.Server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} //nolint:gosec // a test
	d.Server.StartTLS()
	t.Cleanup(d.end)

	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", "CERTIFICATE", d.Server.Certificate().Raw)
	own := d.Server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, keyFile := write("cert.pem", "CERTIFICATE", own.Certificate[0]), write("key.pem", "PRIVATE KEY", key)

	for _, good := range []TLS{{CAFile: ca}, {InsecureSkipVerify: true}, {CAFile: ca, CertFile: cert, KeyFile: keyFile}} {
		before := len(d.hellos)
		cfg := testConfig(d.URL)
		cfg.TLS = good
		s := begin(t, cfg, Deps{Captures: newCaptures()})
		d.sessions(t, before+1)
		finish(t, s)
	}
	if want := []int{0, 0, 1}; len(peers) != 3 || peers[2] != want[2] || peers[0] != want[0] {
		t.Errorf("certificates of the host: %v", peers)
	}
	for want, bad := range map[string]TLS{
		"certificate": {}, "has none": {CAFile: keyFile}, "read certificates of authorities": {CAFile: filepath.Join(dir, "none")},
		"read the host's certificate": {CertFile: keyFile, KeyFile: keyFile},
	} {
		cfg := testConfig(d.URL)
		cfg.TLS = bad
		errs := make(chan error, 100)
		s := begin(t, cfg, Deps{Captures: newCaptures(), Status: func(err error) {
			select {
			case errs <- err:
			default:
			}
		}})
		if err := <-errs; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", bad, err, want)
		}
		finish(t, s)
	}
}
