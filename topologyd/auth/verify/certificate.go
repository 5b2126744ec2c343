package verify

import (
	"crypto/x509"
	"path"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// maxNames bounds how many names of a certificate are looked at.
const maxNames = 64

// certificates finds rows by the names of certificates. It is immutable.
type certificates struct {
	// byName has the numbers of rows; of several with the same name the first.
	byName map[certName]int
	rows   []authfile.CertificateRow
}

// certName is a name as a row has it, wildcards included.
type certName struct{ kind, name string }

func newCertificates(rows []authfile.CertificateRow) certificates {
	c := certificates{byName: make(map[certName]int, len(rows)), rows: rows}
	for i := range rows {
		r := &rows[i]
		n := certName{authfile.CommonName, r.CommonName}
		switch {
		case r.DNS != "":
			n = certName{authfile.DNS, strings.ToLower(r.DNS)}
		case r.URI != "":
			n = certName{authfile.URI, r.URI}
		}
		if _, twice := c.byName[n]; !twice {
			c.byName[n] = i
		}
	}
	return c
}

// find returns the identity of a client's certificate, whose chain has been checked:
// that of the first row that it has a name of.
func (c certificates) find(cert *x509.Certificate, now time.Time) (*auth.Identity, *InvalidError) {
	switch {
	case now.After(cert.NotAfter):
		return nil, errCertExpired
	case now.Before(cert.NotBefore):
		return nil, errCertNotYet
	}
	first := len(c.rows)
	for n := range names(cert) {
		for _, pattern := range []certName{n, wildcard(n)} {
			if i, ok := c.byName[pattern]; ok && pattern.name != "" {
				first = min(first, i)
			}
		}
	}
	if first == len(c.rows) {
		return nil, errCertUnknown
	}
	r := &c.rows[first]
	id := &auth.Identity{Name: r.Name, Method: auth.MethodCertificate, Roles: r.Roles, Hosts: r.Hosts, Packets: r.Packets, Expires: cert.NotAfter}
	if r.HostsFrom != "" {
		id.Hosts = hosts(r, cert)
		if len(id.Hosts) > 0 {
			id.Name += "/" + id.Hosts[0] // one row may stand for a thousand hosts
		}
	}
	return id, nil
}

// names gives the names of a certificate, with what is no text left out.
func names(cert *x509.Certificate) func(func(certName) bool) {
	return func(yield func(certName) bool) {
		left := maxNames
		give := func(kind, name string) bool {
			left--
			return left < 0 || authfile.CheckText(name) != nil || yield(certName{kind, name})
		}
		if !give(authfile.CommonName, cert.Subject.CommonName) {
			return
		}
		for _, d := range cert.DNSNames {
			if !give(authfile.DNS, strings.ToLower(d)) {
				return
			}
		}
		for _, u := range cert.URIs {
			if !give(authfile.URI, u.String()) {
				return
			}
		}
	}
}

// wildcard is the pattern that a name is an example of, "" when there is none.
func wildcard(n certName) certName {
	if n.kind == authfile.URI {
		if i := strings.LastIndexByte(n.name, '/'); i > 0 && i+1 < len(n.name) {
			return certName{n.kind, n.name[:i] + "/*"}
		}
		return certName{kind: n.kind}
	}
	label, rest, found := strings.Cut(n.name, ".")
	if !found || label == "" || label == "*" {
		return certName{kind: n.kind}
	}
	return certName{n.kind, "*." + rest}
}

// hosts returns the host IDs that a certificate has, by the names that the row is
// about where it is about names of that kind.
func hosts(r *authfile.CertificateRow, cert *x509.Certificate) []string {
	var out []string
	for n := range names(cert) {
		if n.kind != r.HostsFrom {
			continue
		}
		pattern := map[string]string{authfile.CommonName: r.CommonName, authfile.DNS: strings.ToLower(r.DNS), authfile.URI: r.URI}[n.kind]
		if pattern != "" && pattern != n.name && pattern != wildcard(n).name {
			continue
		}
		host := n.name
		if n.kind == authfile.URI {
			host = path.Base(n.name)
		}
		if authfile.CheckHost(host) == nil {
			out = append(out, host)
		}
	}
	return out
}
