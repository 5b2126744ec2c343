package orders

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// Config says where topologyd is and who the host is.
type Config struct {
	// Endpoints are the addresses of topologyd's replicas, which are tried in turn:
	// http, https, ws or wss, with the path in front of /api/v1 if there is one.
	Endpoints []string
	// TokenFile holds the bearer token; it is read again for each session. ""
	// sends none.
	TokenFile string
	// TLS is for endpoints with https or wss.
	TLS TLS
	// Storage is the file in which the last list is kept; "" keeps none.
	Storage string
	// Hello is what the host says of itself. Have is filled in; Describe, when it is
	// not nil, fills in what takes time to find out. It is called for each session.
	Hello    order.Hello
	Describe func(*order.Hello)
	// Handshake bounds the opening of a session, Silence how long nothing may be
	// heard in one, Write how long a message may take to be sent.
	Handshake, Silence, Write time.Duration
	// MinWait and MaxWait bound the time between two rounds of attempts.
	MinWait, MaxWait time.Duration
	// Gather is how long a change of state waits for others, Counters how often
	// counters are told.
	Gather, Counters time.Duration
	// MaxFetches is how many requests for packets are answered at a time.
	MaxFetches int
}

// TLS says how endpoints prove who they are, and the host who it is. Files are
// PEM, and read again for each session.
type TLS struct {
	// CAFile has the certificates that sign those of endpoints; "" is the
	// system's.
	CAFile string
	// CertFile and KeyFile are the host's own, both or none.
	CertFile, KeyFile string
	// InsecureSkipVerify takes any certificate.
	InsecureSkipVerify bool
}

// DefaultConfig returns the defaults, without endpoints and without a host.
func DefaultConfig() Config {
	return Config{
		Handshake: 3 * time.Second, Silence: 5 * time.Second, Write: 5 * time.Second,
		MinWait: 200 * time.Millisecond, MaxWait: 5 * time.Second,
		Gather: 20 * time.Millisecond, Counters: 5 * time.Second,
		MaxFetches: 8,
	}
}

// Validate tells what is wrong.
func (c *Config) Validate() error {
	if len(c.Endpoints) == 0 {
		return errors.New("endpoints: there is none; add one, for example http://127.0.0.1:4280")
	}
	for _, e := range c.Endpoints {
		if _, err := base(e); err != nil {
			return err
		}
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return errors.New("tls: cert_file and key_file go together; set both or none")
	}
	if c.Hello.HostID == "" {
		return errors.New("the host has no ID")
	}
	for name, d := range map[string]time.Duration{
		"handshake": c.Handshake, "silence": c.Silence, "write": c.Write, "shortest wait": c.MinWait,
		"longest wait": c.MaxWait - c.MinWait + 1, "gather": c.Gather, "counters": c.Counters,
	} {
		if d <= 0 {
			return fmt.Errorf("%s: %v is too short", name, d)
		}
	}
	if c.MaxFetches < 1 {
		return fmt.Errorf("fetches: %d at a time are too few", c.MaxFetches)
	}
	return nil
}

// base parses an endpoint.
func base(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return nil, fmt.Errorf("endpoints: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ws" && u.Scheme != "wss", u.Host == "":
		return nil, fmt.Errorf("endpoints: %q is no address of topologyd; want for example http://127.0.0.1:4280", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, fmt.Errorf("endpoints: %q has more than scheme, host and path; put a token into token_file", u.Redacted())
	}
	return u, nil
}

// address returns what is dialled at an endpoint for a host.
func address(endpoint, hostID string) (string, error) {
	u, err := base(endpoint)
	if err != nil {
		return "", err
	}
	return strings.TrimRight(u.String(), "/") + order.Path(hostID), nil
}

// maxToken bounds what is read of a token's file.
const maxToken = 64 << 10

// token reads the bearer token.
func (c *Config) token() (string, error) {
	if c.TokenFile == "" {
		return "", nil
	}
	b, err := readAtMost(c.TokenFile, maxToken)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	t := strings.TrimSpace(string(b))
	if t == "" || strings.ContainsAny(t, " \t\r\n") {
		return "", fmt.Errorf("read token: %s does not hold one word", c.TokenFile)
	}
	return t, nil
}

// config makes the configuration of the connection.
func (t TLS) config() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.InsecureSkipVerify} //nolint:gosec // as configured
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read certificates of authorities: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificates of authorities: %s has none", t.CAFile)
		}
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the host's certificate: %w", err)
		}
		out.Certificates = []tls.Certificate{cert}
	}
	return out, nil
}
