package servertls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/confile"
)

// Config says where the files are. All are PEM.
type Config struct {
	// CertFile has the certificate, and those between it and its CA; KeyFile its key.
	CertFile, KeyFile string
	// ClientCAFile has the CAs that sign clients' certificates; "": clients are not
	// asked for any. ClientRequired refuses those that show none.
	ClientCAFile   string
	ClientRequired bool
	// Reload is how often the files are looked at, Grace how long they may not fit
	// together before that is told.
	Reload, Grace time.Duration
}

// DefaultConfig returns the defaults, without files.
func DefaultConfig() Config { return Config{Reload: 2 * time.Second, Grace: 10 * time.Second} }

// Validate tells what is wrong.
func (c *Config) Validate() error {
	switch {
	case c.CertFile == "" || c.KeyFile == "":
		return errors.New("TLS needs a certificate and its key; give --tls-cert and --tls-key")
	case c.ClientRequired && c.ClientCAFile == "":
		return errors.New("nobody's certificate would be good; give --tls-client-ca too")
	case strings.ContainsAny(c.CertFile+c.KeyFile+c.ClientCAFile, `*?[\`):
		return errors.New("each file of TLS is one file; give its path without wildcards")
	case c.Reload <= 0 || c.Grace < 0:
		return errors.New("the files have to be looked at from time to time")
	}
	return nil
}

// maxFile bounds each file, in bytes.
const maxFile = 1 << 20

// Server holds the TLS of listeners. Its methods may be called concurrently.
type Server struct {
	cfg   Config
	log   *slog.Logger
	files *confile.Files[[]byte] // of the goroutine of run, and of Start before
	m     *metrics
	now   atomic.Pointer[generation]

	refusals refusals

	mu      sync.Mutex
	changed chan struct{}

	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// generation is what the files said at a time.
type generation struct {
	conf    *tls.Config
	clients *clients // nil: there are no CAs of clients
	leaf    *x509.Certificate
	// told is how far its end has been told: 0 not, 1 that it is near, 2 that it
	// came. It is of the goroutine of run.
	told int
}

// New returns a server without a certificate. reg may be nil.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, changed: make(chan struct{})}
	paths := []string{cfg.CertFile, cfg.KeyFile}
	if cfg.ClientCAFile != "" {
		paths = append(paths, cfg.ClientCAFile)
	}
	var err error
	if s.files, err = confile.New(paths, maxFile, func(_ string, b []byte) ([]byte, error) { return b, nil }); err != nil {
		return nil, fmt.Errorf("follow files of TLS: %w", err)
	}
	s.files.What, s.files.Log = "TLS", log
	if s.m, err = newMetrics(s, reg); err != nil {
		return nil, err
	}
	return s, nil
}

// Start reads the files, and follows them until Stop. Files that cannot be used are an
// error; a certificate that is expired is told in the log.
func (s *Server) Start(context.Context) error {
	now := time.Now()
	s.files.Read(now)
	for _, f := range s.files.List() {
		if !f.Good {
			return fmt.Errorf("read %s: %s", f.Path, f.Problem)
		}
	}
	g, err := s.load()
	if err != nil {
		return err
	}
	s.now.Store(g)
	s.tellKey()
	s.tellEnd(now)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.ended.Go(func() { s.run(ctx) })
	return nil
}

// Stop ends following the files. What [Server.Config] returned stays usable.
func (s *Server) Stop() {
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.ended.Wait()
}

// Config returns the configuration of a listener for HTTP and gRPC, with which each
// handshake is made by the files as they are then. It is of use after Start.
func (s *Server) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.now.Load().conf, nil },
	}
}

// protocols are those of the listeners (RFC 7301).
func protocols() []string { return []string{"h2", "http/1.1"} }

// Changed returns a channel that is closed when other CAs of clients are trusted.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// load makes a generation of the files as they were last read.
func (s *Server) load() (*generation, error) {
	data := make(map[string][]byte)
	for _, f := range s.files.List() {
		data[f.Path] = f.Value
	}
	pair, err := tls.X509KeyPair(data[s.cfg.CertFile], data[s.cfg.KeyFile])
	if err != nil {
		return nil, fmt.Errorf("use %s with %s: %w", s.cfg.CertFile, s.cfg.KeyFile, err)
	}
	g := &generation{leaf: pair.Leaf, conf: &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols(), Certificates: []tls.Certificate{pair},
	}}
	if s.cfg.ClientCAFile == "" {
		return g, nil
	}
	if g.clients, err = newClients(data[s.cfg.ClientCAFile]); err != nil {
		return nil, fmt.Errorf("use %s: %w", s.cfg.ClientCAFile, err)
	}
	g.conf.ClientCAs = g.clients.roots
	g.conf.ClientAuth = tls.VerifyClientCertIfGiven
	if s.cfg.ClientRequired {
		g.conf.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// A session that is taken up again would bring a certificate along that was
	// checked by CAs of before.
	g.conf.SessionTicketsDisabled = true
	return g, nil
}

func (s *Server) tell(level slog.Level, msg string, args ...any) {
	if s.log != nil {
		s.log.Log(context.Background(), level, msg, args...)
	}
}

// parseCertificates reads all certificates of a PEM file.
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read certificate %d: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("it has no certificate in PEM")
	}
	return out, nil
}
