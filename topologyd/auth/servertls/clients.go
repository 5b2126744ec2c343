package servertls

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxChains is how many chains of clients are remembered as good.
const maxChains = 16384

// clients checks the certificates of clients by the CAs of one time.
type clients struct {
	certs []*x509.Certificate
	roots *x509.CertPool
	// good has until when chains are good, by the SHA-256 of their first certificate.
	good *lru.Cache[[sha256.Size]byte, time.Time]
}

func newClients(pem []byte) (*clients, error) {
	certs, err := parseCertificates(pem)
	if err != nil {
		return nil, err
	}
	c := &clients{certs: certs, roots: x509.NewCertPool()}
	for _, ca := range certs {
		c.roots.AddCert(ca)
	}
	if c.good, err = lru.New[[sha256.Size]byte, time.Time](maxChains); err != nil {
		return nil, fmt.Errorf("remember chains: %w", err)
	}
	return c, nil
}

// equal tells whether the CAs are the same.
func (c *clients) equal(o *clients) bool {
	return slices.EqualFunc(c.certs, o.certs, (*x509.Certificate).Equal)
}

// verify tells why a chain is not good at a time.
func (c *clients) verify(chain []*x509.Certificate, now time.Time) error {
	leaf := chain[0]
	key := sha256.Sum256(leaf.Raw)
	if until, ok := c.good.Get(key); ok && now.Before(until) && !now.Before(leaf.NotBefore) {
		return nil
	}
	between := x509.NewCertPool()
	for _, x := range chain[1:] {
		between.AddCert(x)
	}
	found, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}
	until := leaf.NotAfter
	for _, x := range found[0] {
		if x.NotAfter.Before(until) {
			until = x.NotAfter
		}
	}
	c.good.Add(key, until)
	return nil
}

// Verify tells why a chain that a client showed, its own certificate first, is not
// good now: the CAs may be others than at the handshake, and certificates end while
// connections go on. One that was good is remembered, and costs a microsecond.
// Call it after Start.
func (s *Server) Verify(chain []*x509.Certificate) error {
	c := s.now.Load().clients
	if len(chain) == 0 || c == nil {
		return errors.New("there is no certificate, or no CA to check it by")
	}
	return c.verify(chain, time.Now())
}
