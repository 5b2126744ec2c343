package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// TLSOptions are the settings of TLS that people give. The zero value means
// the system's certificate authorities and no client certificate.
type TLSOptions struct {
	// CAFile holds the certificate authorities to trust, in PEM.
	CAFile string
	// CertFile and KeyFile hold the client's certificate, in PEM. They are read for
	// each connection.
	CertFile, KeyFile string
	// ServerName is expected in the server's certificate instead of the host
	// in its URL.
	ServerName string
	// InsecureSkipVerify trusts any server.
	InsecureSkipVerify bool
}

// Config reads the files and returns the configuration.
func (o TLSOptions) Config() (*tls.Config, error) {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: o.ServerName,
		InsecureSkipVerify: o.InsecureSkipVerify, //nolint:gosec // the user's explicit wish
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read certificate authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificate authorities: no certificate in %s", o.CAFile)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("a client certificate needs both its file and its key's file")
	}
	if o.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read client certificate: %w", err)
		}
		c := &certificate{cert: o.CertFile, key: o.KeyFile}
		c.last.Store(&cert)
		cfg.GetClientCertificate = c.get
	}
	return cfg, nil
}

// certificate is the client's, which is replaced while the client runs.
type certificate struct {
	cert, key string
	last      atomic.Pointer[tls.Certificate]
}

// get returns the certificate for one handshake: none, if the server would not
// believe it. Files that do not fit together, as for a moment while they are replaced,
// count as their last good versions.
func (c *certificate) get(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if next, err := tls.LoadX509KeyPair(c.cert, c.key); err == nil {
		c.last.Store(&next)
	}
	last := c.last.Load()
	if believed := info.SupportsCertificate(last) == nil; believed {
		return last, nil
	}
	return new(tls.Certificate), nil
}
