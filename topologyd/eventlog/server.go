package eventlog

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is the NATS server inside the daemon. It can be replaced by a new
// one over the same files, since a server that could not write once never
// writes again.
type embedded struct {
	opts    server.Options
	logger  *natsLogger
	timeout time.Duration

	mu     sync.Mutex
	server *server.Server
	closed bool
}

var errShut = errors.New("the event log is closed")

func newEmbedded(cfg *Config, log *slog.Logger) (*embedded, error) {
	e := &embedded{logger: &natsLogger{log: log, failed: make(chan struct{}, 1)}, timeout: cfg.Timeout}
	e.opts = server.Options{
		ServerName: "topologyd", DontListen: true, NoSigs: true, NoLog: false,
		JetStream: true, StoreDir: cfg.Dir,
		// The stream takes MaxBytes; the rest is for buckets and objects.
		JetStreamMaxStore: 2*cfg.MaxBytes + 4<<30,
		MaxPayload:        maxMessage,
		SyncAlways:        cfg.Durability == Sync, SyncInterval: cfg.SyncInterval,
	}
	if cfg.mode() == Clustered {
		if err := e.clusterOptions(&cfg.Cluster); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *embedded) clusterOptions(c *Cluster) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("set up event log: cluster address: %w", err)
	}
	o := &e.opts
	o.ServerName = c.NodeName
	o.Cluster.Name, o.Cluster.Host = c.Name, host
	if o.Cluster.Port, err = strconv.Atoi(port); err != nil {
		return fmt.Errorf("set up event log: cluster address: port %q is not a number", port)
	}
	// Routes are started by the accept loop for clients (Server.Start), so there
	// has to be one: on loopback, with a password that nobody knows.
	o.DontListen, o.Host, o.Port = false, "127.0.0.1", server.RANDOM_PORT
	o.Username, o.Password = "topologyd", rand.Text()
	o.Cluster.NoAdvertise = true
	o.Cluster.ConnectRetries = 1 << 30
	o.ReconnectErrorReports = 300 // of so many tries one is logged
	// A daemon that was cut off is noticed, and reached again, within seconds.
	o.Cluster.PingInterval, o.Cluster.MaxPingsOut = 2*time.Second, 3
	o.Cluster.Compression.Mode = server.CompressionS2Fast
	secret := c.Secret
	if c.SecretFile != "" {
		b, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return fmt.Errorf("set up event log: read secret of the cluster: %w", err)
		}
		if secret = strings.TrimSpace(string(b)); secret == "" {
			return fmt.Errorf("set up event log: %s, which should hold the secret of the cluster, is empty", c.SecretFile)
		}
	}
	var user *url.Userinfo
	if secret != "" {
		o.Cluster.Username, o.Cluster.Password = "skein", secret
		user = url.UserPassword("skein", secret)
	}
	for _, p := range c.Peers {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", User: user, Host: p})
	}
	if c.CA+c.Cert+c.Key != "" {
		t, err := tlsConfig(c.CA, c.Cert, c.Key)
		if err != nil {
			return fmt.Errorf("set up event log: cluster: %w", err)
		}
		t.ClientAuth, t.ClientCAs = tls.RequireAndVerifyClientCert, t.RootCAs
		o.Cluster.TLSConfig, o.Cluster.TLSTimeout = t, 5
	}
	return nil
}

// tlsConfig reads the files, each of which may be missing.
func tlsConfig(ca, cert, key string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read CA: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read CA: %s holds no certificate in PEM form", ca)
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// start starts a server and returns when it takes connections.
func (e *embedded) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errShut
	}
	if err := writable(e.opts.StoreDir); err != nil {
		return err
	}
	opts := e.opts // the server fills in defaults
	s, err := server.NewServer(&opts)
	if err != nil {
		return fmt.Errorf("set up event log: %w", err)
	}
	s.SetLogger(e.logger, false, false)
	e.logger.reset()
	s.Start()
	if !s.ReadyForConnections(e.timeout) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return fmt.Errorf("start event log: %s", e.logger.reason("not ready within "+e.timeout.String()))
	}
	e.server = s
	return nil
}

// stop ends the server.
func (e *embedded) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
		e.server = nil
	}
}

// close ends it for good.
func (e *embedded) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.stop()
}

// InProcessConn implements nats.InProcessConnProvider.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	s := e.server
	e.mu.Unlock()
	if s == nil {
		return nil, errors.New("the embedded server does not run")
	}
	return s.InProcessConn()
}

// broken tells why the server cannot write any more, nil when it can.
func (e *embedded) broken() error {
	e.mu.Lock()
	s := e.server
	e.mu.Unlock()
	if s == nil {
		return nil
	}
	if !s.JetStreamEnabled() {
		return fmt.Errorf("the event log was switched off: %s", e.logger.reason("unknown reason"))
	}
	var w memoryResponse
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/healthz?details=true", nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	s.HandleHealthz(&w, r)
	var health struct {
		Errors []struct{ Error string } `json:"errors"`
	}
	// Another answer is not that of a server that is broken.
	_ = json.Unmarshal([]byte(w.body.String()), &health)
	for _, h := range health.Errors {
		if strings.Contains(h.Error, "write error") {
			return fmt.Errorf("the event log cannot write: %s", h.Error)
		}
	}
	return nil
}

// memoryResponse keeps what an HTTP handler says.
type memoryResponse struct {
	header http.Header
	body   strings.Builder
}

func (m *memoryResponse) Header() http.Header {
	if m.header == nil {
		m.header = http.Header{}
	}
	return m.header
}

func (m *memoryResponse) Write(b []byte) (int, error) { return m.body.Write(b) }
func (m *memoryResponse) WriteHeader(int)             {}

// leastRoom is how much has to fit onto the disk before a server is started.
const leastRoom = 1 << 20

// writable makes sure that files can be made in a directory, which is locked.
func writable(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, ".writable"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return fmt.Errorf("write to data directory: %w; make it writable for this user, or give another with --data-dir", err)
	}
	_, err = f.Write(make([]byte, leastRoom))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("write to data directory: %w; make room, or give another with --data-dir", err)
	}
	return nil
}
