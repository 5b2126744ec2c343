package servertls

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/proctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 60 * time.Second

// world is a server of lines: each is answered with the name of the client, as the
// server has it now, or with why it is nobody's.
type world struct {
	*Server
	dir, addr string
	cfg       Config
	log       *proctest.Buffer
	reg       *prometheus.Registry
	ca, users *certtest.CA // of the server's certificate, and of clients
	refused   chan string  // why handshakes failed
}

func begin(t *testing.T, change func(*world)) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), cfg: DefaultConfig(), log: new(proctest.Buffer), reg: prometheus.NewPedanticRegistry(), refused: make(chan string, 100),
		ca: certtest.NewCA(t, "servers"), users: certtest.NewCA(t, "clients")}
	w.cfg.Reload, w.cfg.Grace = 10*time.Millisecond, 100*time.Millisecond
	w.cfg.CertFile, w.cfg.KeyFile = certtest.Write(t, w.dir, "server", w.ca.Server(t))
	w.cfg.ClientCAFile = filepath.Join(w.dir, "clients.pem")
	w.users.Write(t, w.cfg.ClientCAFile)
	if change != nil {
		change(w)
	}
	var err error
	if w.Server, err = New(w.cfg, slog.New(slog.NewTextHandler(w.log, nil)), w.reg); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	l, err := tls.Listen("tcp", "127.0.0.1:0", w.Config())
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	ended := make(chan struct{})
	go func() { defer close(ended); w.serve(l) }()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return w
}

func (w *world) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			if err := c.(*tls.Conn).HandshakeContext(context.Background()); err != nil {
				w.refused <- err.Error()
				return
			}
			lines := bufio.NewScanner(c)
			for lines.Scan() {
				name := "nobody"
				if chain := c.(*tls.Conn).ConnectionState().PeerCertificates; len(chain) > 0 {
					name = chain[0].Subject.CommonName
					if err := w.Verify(chain); err != nil {
						name = err.Error()
					}
				}
				fmt.Fprintln(c, name)
			}
		}()
	}
}

// dial connects; client may be nil.
func (w *world) dial(t *testing.T, client *tls.Certificate, change func(*tls.Config)) (*tls.Conn, error) {
	t.Helper()
	conf := &tls.Config{RootCAs: w.ca.Pool()}
	if client != nil {
		// It is shown even if it is of no CA that the server asks for.
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
	}
	if change != nil {
		change(conf)
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: conf}
	c, err := d.DialContext(t.Context(), "tcp", w.addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*tls.Conn), nil
}

// ask sends a line on a connection and returns the answer.
func ask(c *tls.Conn) (string, error) {
	if _, err := fmt.Fprintln(c, "?"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}

// who connects and asks once; the answer is the server's error when it refuses.
func (w *world) who(t *testing.T, client *tls.Certificate) string {
	t.Helper()
	c, err := w.dial(t, client, nil)
	if err == nil {
		defer c.Close()
		var name string
		if name, err = ask(c); err == nil {
			return name
		}
	}
	select {
	case why := <-w.refused:
		return why
	case <-time.After(patience):
		return err.Error()
	}
}

// TestClients is the table of certificates that a client may show.
func TestClients(t *testing.T) {
	w := begin(t, nil)
	between := certtest.NewCA(t, "another")
	for name, tt := range map[string]struct {
		client *certtest.Leaf
		by     *certtest.CA
		want   string
	}{
		"none":        {nil, nil, "nobody"},
		"good":        {&certtest.Leaf{CommonName: "web-1"}, w.users, "web-1"},
		"another CA":  {&certtest.Leaf{CommonName: "web-1"}, between, "certificate signed by unknown authority"},
		"server's CA": {&certtest.Leaf{CommonName: "web-1"}, w.ca, "certificate signed by unknown authority"},
		"expired": {&certtest.Leaf{CommonName: "web-1", NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(-time.Minute)}, w.users,
			"certificate has expired or is not yet valid"},
		"not yet":    {&certtest.Leaf{CommonName: "web-1", NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)}, w.users, "certificate has expired or is not yet valid"},
		"a server's": {&certtest.Leaf{CommonName: "web-1", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, w.users, "incompatible key usage"},
	} {
		var c *tls.Certificate
		if tt.client != nil {
			issued := tt.by.Issue(t, *tt.client)
			c = &issued
		}
		if got := w.who(t, c); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if _, err := w.dial(t, nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }); err == nil {
		t.Error("TLS 1.1 is taken")
	}
	if c, err := w.dial(t, nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }); err != nil || c.ConnectionState().Version != tls.VersionTLS12 {
		t.Error(err)
	}
	if c, err := w.dial(t, nil, func(c *tls.Config) { c.NextProtos = []string{"h2"} }); err != nil || c.ConnectionState().NegotiatedProtocol != "h2" {
		t.Error(err)
	}
	if err := w.Verify(nil); err == nil {
		t.Error("no chain is good")
	}
}

func TestRequired(t *testing.T) {
	w := begin(t, func(w *world) { w.cfg.ClientRequired = true })
	if got := w.who(t, nil); !strings.Contains(got, "didn't provide a certificate") {
		t.Error(got)
	}
	client := w.users.Issue(t, certtest.Leaf{CommonName: "web-1"})
	if got := w.who(t, &client); got != "web-1" {
		t.Error(got)
	}
}

func TestWithoutClients(t *testing.T) {
	w := begin(t, func(w *world) { w.cfg.ClientCAFile = "" })
	client := w.users.Issue(t, certtest.Leaf{CommonName: "web-1"})
	if got := w.who(t, &client); got != "nobody" { // it is not asked for one
		t.Error(got)
	}
	if err := w.Verify([]*x509.Certificate{client.Leaf}); err == nil {
		t.Error("a chain is good without a CA")
	}
}

// TestRotate replaces the certificate while a connection goes on, one file after the
// other.
func TestRotate(t *testing.T) {
	w := begin(t, nil)
	open, err := w.dial(t, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	old := open.ConnectionState().PeerCertificates[0]
	next := w.ca.Server(t)
	certtest.Write(t, w.dir, "server", next)
	proctest.Eventually(t, patience, "the new certificate is shown", func() error {
		c, err := w.dial(t, nil, nil)
		if err != nil {
			t.Fatal(err) // at no time is there none
		}
		defer c.Close()
		if c.ConnectionState().PeerCertificates[0].Equal(old) {
			return errors.New("it is the old one")
		}
		return nil
	})
	if name, err := ask(open); name != "nobody" || err != nil {
		t.Error(name, err)
	}
	// A key of another certificate is told, and changes nothing.
	der, err := x509.MarshalPKCS8PrivateKey(w.ca.Server(t).PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(w.cfg.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	for what, key := range map[string][]byte{"do not fit together": pemKey(der), "failed to find any PEM data": []byte("x")} {
		certtest.Replace(t, w.cfg.KeyFile, key)
		w.eventually(t, what, 1)
	}
	if c, err := w.dial(t, nil, nil); err != nil || !c.ConnectionState().PeerCertificates[0].Equal(next.Leaf) {
		t.Error(err)
	}
	certtest.Replace(t, w.cfg.KeyFile, good)
	w.eventually(t, "certificate was read again", 0)
	if strings.Contains(w.log.String(), "PRIVATE") {
		t.Error("a key is in the log")
	}
}

// TestRotateChain: a certificate between the server's and its CA is replaced, or added
// because it was forgotten, while the server's own stays.
func TestRotateChain(t *testing.T) {
	w := begin(t, nil)
	shown := func() int {
		c, err := w.dial(t, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return len(c.ConnectionState().PeerCertificates)
	}
	if n := shown(); n != 1 {
		t.Fatalf("%d certificates are shown", n)
	}
	leaf, err := os.ReadFile(w.cfg.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	certtest.Replace(t, w.cfg.CertFile, append(leaf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.Cert.Raw})...))
	proctest.Eventually(t, patience, "the whole chain is shown", func() error {
		if n := shown(); n != 2 {
			return fmt.Errorf("%d certificates are shown", n)
		}
		return nil
	})
}

// eventually waits until the log and the metric of failure say something.
func (w *world) eventually(t *testing.T, text string, failed float64) {
	t.Helper()
	proctest.Eventually(t, patience, text, func() error {
		if log := w.log.String(); !strings.Contains(log, text) {
			return errors.New(log)
		}
		if got := w.value(t, "topologyd_tls_files_failed", ""); got != failed {
			return fmt.Errorf("topologyd_tls_files_failed is %v", got)
		}
		return nil
	})
}

func (w *world) value(t *testing.T, name, label string) float64 {
	t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// TestOtherCA replaces the CA of clients: those of the old one are refused, on
// connections that are open and by sessions that are taken up again, too.
func TestOtherCA(t *testing.T) {
	w := begin(t, nil)
	client := w.users.Issue(t, certtest.Leaf{CommonName: "web-1"})
	open, err := w.dial(t, &client, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name, err := ask(open); name != "web-1" || err != nil {
		t.Fatal(name, err)
	}
	sessions := tls.NewLRUClientSessionCache(4)
	withSession := func(c *tls.Config) { c.ClientSessionCache = sessions }
	for range 2 {
		c, err := w.dial(t, &client, withSession)
		if err != nil {
			t.Fatal(err)
		}
		if name, err := ask(c); name != "web-1" || err != nil || c.ConnectionState().DidResume {
			t.Fatal(name, err)
		}
	}
	next := certtest.NewCA(t, "next")
	changed := w.Changed()
	next.Write(t, w.cfg.ClientCAFile, w.users) // both
	wait(t, changed)
	other := next.Issue(t, certtest.Leaf{CommonName: "web-2"})
	if a, b := w.who(t, &client), w.who(t, &other); a != "web-1" || b != "web-2" {
		t.Error(a, b)
	}
	changed = w.Changed()
	next.Write(t, w.cfg.ClientCAFile) // the new one alone
	wait(t, changed)
	if name, err := ask(open); !strings.Contains(name, "unknown authority") || err != nil {
		t.Error(name, err)
	}
	if c, err := w.dial(t, &client, withSession); err == nil {
		if name, err := ask(c); err == nil {
			t.Error(name)
		}
	}
	if got := w.who(t, &other); got != "web-2" {
		t.Error(got)
	}
	// A file without a CA is told, and changes nothing.
	certtest.Replace(t, w.cfg.ClientCAFile, []byte("none"))
	w.eventually(t, "it has no certificate in PEM", 1)
	if got := w.who(t, &other); got != "web-2" {
		t.Error(got)
	}
}

func wait(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
}

// TestEnds: a certificate of a client ends while its connection goes on, and that of
// the server is told before and after it does.
func TestEnds(t *testing.T) {
	ends := time.Now().Add(3 * time.Second)
	w := begin(t, func(w *world) {
		certtest.Write(t, w.dir, "server", w.ca.Issue(t, certtest.Leaf{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: ends.Add(-10 * time.Minute), NotAfter: ends}))
	})
	client := w.users.Issue(t, certtest.Leaf{CommonName: "brief", NotAfter: ends})
	if err := w.Verify([]*x509.Certificate{client.Leaf}); err != nil && time.Now().Before(ends.Truncate(time.Second)) {
		t.Fatal(err)
	}
	w.eventually(t, "expires soon", 0)
	w.eventually(t, "certificate is expired", 0)
	proctest.Eventually(t, patience, "the client's ends", func() error {
		var invalid x509.CertificateInvalidError
		if err := w.Verify([]*x509.Certificate{client.Leaf}); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
			return fmt.Errorf("it is good: %w", err)
		}
		return nil
	})
	if n := strings.Count(w.log.String(), "expires soon"); n != 1 {
		t.Errorf("told %d times", n)
	}
	for label, want := range map[string]time.Time{"server": ends, "client_ca": w.users.Cert.NotAfter} {
		if got := w.value(t, "topologyd_tls_certificate_expiry_timestamp_seconds", label); got != float64(want.Unix()) {
			t.Errorf("%s: %v", label, got)
		}
	}
}

// TestHTTP: HTTP/2 is spoken, and a WebSocket's upgrade comes by HTTP/1.1.
func TestHTTP(t *testing.T) {
	w := begin(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: patience, TLSConfig: w.Config(), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(rw, "%s %d", r.Proto, len(r.TLS.PeerCertificates))
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = srv.Close(); <-ended })
	client := w.users.Issue(t, certtest.Leaf{CommonName: "web-1"})
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.ca.Pool(), Certificates: []tls.Certificate{client}}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	for upgrade, want := range map[string]string{"": "HTTP/2.0 1", "websocket": "HTTP/1.1 1"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if upgrade != "" {
			req.Header.Set("Connection", "Upgrade")
			req.Header.Set("Upgrade", upgrade)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := bufio.NewReader(resp.Body).ReadString(0)
		_ = resp.Body.Close()
		if b != want {
			t.Errorf("%q: %s, want %s", upgrade, b, want)
		}
	}
}

func TestStart(t *testing.T) {
	dir := t.TempDir()
	ca := certtest.NewCA(t, "CA")
	cert, key := certtest.Write(t, dir, "a", ca.Server(t))
	_, otherKey := certtest.Write(t, dir, "b", ca.Server(t))
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"":                   func(*Config) {},
		"no such file":       func(c *Config) { c.CertFile = filepath.Join(dir, "none") },
		"does not match":     func(c *Config) { c.KeyFile = otherKey },
		"has no certificate": func(c *Config) { c.ClientCAFile = key },
		"--tls-cert":         func(c *Config) { c.CertFile = "" },
		"--tls-client-ca":    func(c *Config) { c.ClientRequired = true },
		"wildcards":          func(c *Config) { c.KeyFile = "*" },
		"from time to time":  func(c *Config) { c.Reload = 0 },
		"is no file":         func(c *Config) { c.KeyFile = dir },
	} {
		cfg := DefaultConfig()
		cfg.CertFile, cfg.KeyFile = cert, key
		change(&cfg)
		log := new(proctest.Buffer)
		s, err := New(cfg, slog.New(slog.NewTextHandler(log, nil)), nil)
		if err == nil {
			err = s.Start(context.Background())
			s.Stop()
		}
		if want == "" && err == nil {
			if !strings.Contains(log.String(), "can be read by everybody") {
				t.Error(log.String())
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	ca := certtest.NewCA(b, "clients")
	leaf := ca.Issue(b, certtest.Leaf{CommonName: "web-1"}).Leaf
	path := filepath.Join(b.TempDir(), "ca.pem")
	ca.Write(b, path)
	pem, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	c, err := newClients(pem)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.verify([]*x509.Certificate{leaf}, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

func pemKey(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
