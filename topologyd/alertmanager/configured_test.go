package alertmanager

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// write puts a file in place as careful people do, in one step.
func write(t testing.TB, path string, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// known waits until exactly these Alertmanagers are told.
func (w *world) known(urls ...string) {
	w.t.Helper()
	proctest.Eventually(w.t, patience, "Alertmanagers are known", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, u := range urls {
			if w.byURL[u] == nil {
				return fmt.Errorf("%s is not", u)
			}
		}
		if len(w.byURL) != len(urls) {
			return fmt.Errorf("%d are", len(w.byURL))
		}
		return nil
	})
}

func TestFileIsFollowed(t *testing.T) {
	a, b := plainFake(t), plainFake(t)
	path := filepath.Join(t.TempDir(), "alertmanagers.yml")
	text := func(f *fake) string {
		return fmt.Sprintf("external_labels: {site: west}\nalertmanagers:\n  - static_configs:\n      - targets: [%q]\n", f.Listener.Addr())
	}
	w := start(t, func(c *Config) { c.File = path })
	w.is(w.n.failed, 1) // a file that is named has to be there
	w.send(fires("early"), fires("over"))
	w.send(ended("over"))

	write(t, path, text(a))
	w.known(a.URL)
	a.hears("early firing") // an Alertmanager that comes later is told what fires
	w.is(w.n.failed, 0)
	require.Equal(t, map[string]string{"site": "west"}, w.ExternalLabels())
	w.send(fires("x"))
	a.hears("early firing", "x firing")
	require.Equal(t, "west", a.get("x").Labels["site"])

	write(t, path, text(b)+"  - schema: https\n")
	w.is(w.n.failed, 1)
	require.Contains(t, w.out.String(), "line 5: field schema not found")
	w.known(a.URL)
	w.send(ended("x"))
	a.hears("early firing", "x firing", "x resolved")

	write(t, path, text(b))
	w.known(b.URL)
	w.is(w.n.failed, 0)
	b.hears("early firing")
	require.Equal(t, "1", gathered(t, w, "topologyd_notifications_sent_total"), "a metric of the one that is there")
	require.NoError(t, os.Remove(path))
	w.is(w.n.failed, 1)
	w.known(b.URL)
}

// gathered returns the number of series of a metric as a text.
func gathered(t testing.TB, w *world, name string) string {
	t.Helper()
	n := -1
	proctest.Eventually(t, patience, name, func() error {
		families, err := w.reg.Gather()
		for _, f := range families {
			if f.GetName() == name {
				n = len(f.GetMetric())
			}
		}
		if n != 1 {
			return fmt.Errorf("%d series", n)
		}
		return err
	})
	return fmt.Sprint(n)
}

func TestFoundByFiles(t *testing.T) {
	a, b := plainFake(t), plainFake(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "alertmanagers.yml")
	targets := func(fakes ...*fake) (text string) {
		text = "[{targets: ["
		for _, f := range fakes {
			text += fmt.Sprintf("%q,", f.Listener.Addr())
		}
		return text + "]}]"
	}
	write(t, filepath.Join(dir, "found-a.yml"), targets(a))
	write(t, path, "alertmanagers: [{file_sd_configs: [{files: ['found-*.yml'], refresh_interval: 100ms}]}]")
	w := start(t, func(c *Config) { c.File, c.MaxAlertmanagers = path, 2 })
	w.known(a.URL)
	w.send(fires("x"))
	a.hears("x firing")

	write(t, filepath.Join(dir, "found-b.yml"), targets(b))
	w.known(a.URL, b.URL)
	b.hears("x firing")
	require.NoError(t, os.Remove(filepath.Join(dir, "found-a.yml")))
	w.known(b.URL)
	w.send(ended("x"))
	b.hears("x firing", "x resolved")

	// What else the file says changes nothing about what was found.
	write(t, path, "alertmanagers: [{timeout: 5s, file_sd_configs: [{files: ['found-*.yml'], refresh_interval: 100ms}]}]")
	w.send(fires("y"))
	b.hears("x firing", "x resolved", "y firing")
	w.known(b.URL)

	// What is no address is passed over, and more than the limit too.
	write(t, filepath.Join(dir, "found-b.yml"), fmt.Sprintf("[{targets: ['http://user:secret@x/', %q, '127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']}]", b.Listener.Addr()))
	w.is(w.n.over, 3)
	require.NotContains(t, w.out.String(), "secret")
}

func TestCredentials(t *testing.T) {
	// The server's certificate, with which the client proves who it is, too.
	f := newFake(t, nil, func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			if string(raw[0]) != string(s.TLS.Certificates[0].Certificate[0]) {
				return errors.New("another certificate")
			}
			return nil
		}}
		s.StartTLS()
	})
	dir := t.TempDir()
	pair := f.TLS.Certificates[0]
	keyDER, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
	write(t, filepath.Join(dir, "token"), "old-secret\n")
	f.setAnswer(func(r *http.Request, _ models.PostableAlerts) int {
		if r.Header.Get("Authorization") != "Bearer new-secret" {
			return http.StatusUnauthorized
		}
		return 0
	})
	path := filepath.Join(dir, "alertmanagers.yml")
	write(t, path, fmt.Sprintf(`
alertmanagers:
  - scheme: https
    tls_config: {ca_file: cert.pem, cert_file: cert.pem, key_file: key.pem}
    authorization: {credentials_file: token}
    static_configs: [{targets: [%q]}]
`, f.Listener.Addr()))
	w := start(t, func(c *Config) { c.File = path })
	w.is(w.n.failed, 1) // there is no key yet
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	w.known(f.URL)
	w.is(w.n.failed, 0)

	w.send(fires("x"))
	proctest.Eventually(t, patience, "the old token is refused", func() error {
		if !strings.Contains(w.out.String(), "401") {
			return errors.New("not yet")
		}
		return nil
	})
	require.Empty(t, f.told())
	write(t, filepath.Join(dir, "token"), "new-secret\n")
	f.hears("x firing")
	require.NotContains(t, w.out.String(), "-secret")
}
