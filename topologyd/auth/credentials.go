package auth

import (
	"crypto/x509"
	"errors"
	"net/netip"
)

// ErrEnded is the cause of a context that ends because the credentials of who asked
// do not hold any more.
var ErrEnded = errors.New("the credentials do not hold any more")

// Credentials are what a request brings to prove who asks. They hold a secret: they
// are not logged, not kept longer than the request or the connection lives, and not
// put into errors.
type Credentials struct {
	// Authorization is the value of that header, as it came ("Bearer …"), or of the
	// metadata of that name in gRPC. "": none.
	Authorization string
	// Certificates are those that the client proved to hold the key of, its own
	// first, verified against the CAs of clients. Empty: none.
	Certificates []*x509.Certificate
	// Remote is the address that it comes from.
	Remote netip.Addr
}

// None tells whether there is nothing that could prove anything.
func (c *Credentials) None() bool { return c.Authorization == "" && len(c.Certificates) == 0 }

// String says what kinds of credentials there are, never their content: so that
// one printed by mistake tells nothing.
func (c Credentials) String() string {
	s := "none"
	switch {
	case c.Authorization != "" && len(c.Certificates) > 0:
		s = "authorization and certificate"
	case c.Authorization != "":
		s = "authorization"
	case len(c.Certificates) > 0:
		s = "certificate"
	}
	return s + " from " + c.Remote.String()
}

// GoString is [Credentials.String].
func (c Credentials) GoString() string { return c.String() }
