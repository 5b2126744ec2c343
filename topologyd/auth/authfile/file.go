package authfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/topologyd/auth"
)

// Bounds of the file.
const (
	// MaxBytes is how many bytes it has at most, enough for 20,000 tokens.
	MaxBytes = 8 << 20
	// maxRows bounds each of its lists.
	maxRows = 100_000
	// maxText bounds names, host IDs and values, in bytes.
	maxText = 256
)

// File is what the file of --auth-file says (docs/security.md). It holds no secret.
type File struct {
	Tokens       []TokenRow       `yaml:"tokens"`
	Certificates []CertificateRow `yaml:"certificates"`
	OIDC         *OIDC            `yaml:"oidc"`
}

// Grant is what a row grants.
type Grant struct {
	Roles   []auth.Role `yaml:"roles"`
	Packets bool        `yaml:"packets"`
	// Hosts are the host IDs that the role host speaks for.
	Hosts []string `yaml:"hosts"`
}

// TokenRow is one token.
type TokenRow struct {
	Name string `yaml:"name"`
	// SHA256 is [Hash] of the token.
	SHA256  string    `yaml:"sha256"`
	Expires time.Time `yaml:"expires"`
	Grant   `yaml:",inline"`
}

// CertificateRow is for certificates with a name: one of CommonName, DNS and URI is
// set. DNS and CommonName may begin with "*.", which stands for one label; URI may end
// with "/*", which stands for one segment.
type CertificateRow struct {
	Name       string `yaml:"name"`
	CommonName string `yaml:"common_name"`
	DNS        string `yaml:"dns"`
	URI        string `yaml:"uri"`
	// HostsFrom takes the host IDs from the certificate instead: common_name, dns, or
	// uri for the last segment of its path.
	HostsFrom string `yaml:"hosts_from"`
	Grant     `yaml:",inline"`
}

// OIDC says which JWTs are taken, and what their claims mean.
type OIDC struct {
	// Issuer is the URL whose /.well-known/openid-configuration tells of the keys
	// (OpenID Connect Discovery 1.0), Audience what aud has to contain.
	Issuer   string `yaml:"issuer"`
	Audience string `yaml:"audience"`
	// CAFile has the CAs (PEM) that the issuer's certificate is checked with; "" for
	// the system's.
	CAFile string `yaml:"ca_file"`
	// NameClaim, RolesClaim and HostsClaim are names of claims, or paths with dots
	// into them. By default sub, groups, and none.
	NameClaim  string `yaml:"name_claim"`
	RolesClaim string `yaml:"roles_claim"`
	HostsClaim string `yaml:"hosts_claim"`
	// Roles are what values of RolesClaim mean, Packets those that grant packets.
	Roles   map[string][]auth.Role `yaml:"roles"`
	Packets []string               `yaml:"packets"`
}

// Parse reads the file. Errors say which row is wrong, never what a token or its
// hash is.
func Parse(b []byte) (*File, error) {
	f := new(File)
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document; write everything into one")
	}
	if err := f.validate(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) validate() error {
	if len(f.Tokens) == 0 && len(f.Certificates) == 0 && f.OIDC == nil {
		return errors.New("it has no tokens, no certificates and no oidc: nobody could do anything; add a token by topologyctl token new")
	}
	if max(len(f.Tokens), len(f.Certificates)) > maxRows {
		return fmt.Errorf("a list has more than %d rows", maxRows)
	}
	names := make(map[string]bool, len(f.Tokens)+len(f.Certificates))
	hashes := make(map[string]string, len(f.Tokens))
	for i := range f.Tokens {
		t := &f.Tokens[i]
		where, err := row("token", i, t.Name, names)
		if err != nil {
			return err
		}
		if err := t.validate(); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if other, twice := hashes[t.SHA256]; twice {
			return fmt.Errorf("%s: it is the same as that of %q; give each its own", where, other)
		}
		hashes[t.SHA256] = t.Name
	}
	for i := range f.Certificates {
		c := &f.Certificates[i]
		where, err := row("certificate", i, c.Name, names)
		if err != nil {
			return err
		}
		if err := c.validate(); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	if f.OIDC != nil {
		if err := f.OIDC.validate(); err != nil {
			return fmt.Errorf("oidc: %w", err)
		}
	}
	return nil
}

// row checks the name of a row, and returns what errors call it.
func row(kind string, i int, name string, seen map[string]bool) (string, error) {
	if name == "" {
		return "", fmt.Errorf("%s %d has no name; give it one, by which the audit record calls it", kind, i+1)
	}
	if err := CheckText(name); err != nil {
		return "", fmt.Errorf("name of %s %d: %w", kind, i+1, err)
	}
	if seen[name] {
		return "", fmt.Errorf("the name %q is there twice; give each row its own, tokens and certificates alike", name)
	}
	seen[name] = true
	return fmt.Sprintf("%s %q", kind, name), nil
}

// CheckText says why a text cannot be a name, a host ID or a value: these are shown to
// people, or compared with what others say.
func CheckText(s string) error {
	switch {
	case s == "":
		return errors.New("it is empty")
	case len(s) > maxText:
		return fmt.Errorf("it has more than %d bytes", maxText)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
		return errors.New("it has characters that cannot be printed")
	}
	return nil
}

// CheckHost says why a text cannot be the ID of a host that somebody speaks for: one
// with a slash is not told from what is of the host before the slash.
func CheckHost(s string) error {
	if err := CheckText(s); err != nil {
		return err
	}
	if strings.Contains(s, "/") {
		return errors.New("it has a slash, by which identities tell the host from what is on it; give the host a host.id without one")
	}
	return nil
}

// nothing is the hash of an empty token, which a script makes of a variable that is
// not set; newline that of one that was lost before echo.
var (
	nothing = Hash("")
	newline = Hash("\n")
)

func (t *TokenRow) validate() error {
	t.SHA256 = strings.ToLower(t.SHA256)
	if b, err := hex.DecodeString(t.SHA256); err != nil || len(b) != sha256.Size {
		return errors.New("sha256 is not 64 hexadecimal digits; topologyctl token hash makes them of a token")
	}
	if t.SHA256 == nothing || t.SHA256 == newline {
		return errors.New("sha256 is that of an empty token; topologyctl token new makes a token and its line")
	}
	return t.Grant.validate("")
}

func (g *Grant) validate(hostsFrom string) error {
	if len(g.Roles) == 0 {
		return fmt.Errorf("there are no roles; give for example roles: [%s]", auth.Viewer)
	}
	for _, r := range g.Roles {
		if _, err := auth.ParseRole(string(r)); err != nil {
			return errors.New("a role is not known; give some of host, viewer, operator and admin")
		}
	}
	for _, h := range g.Hosts {
		if err := CheckHost(h); err != nil {
			return fmt.Errorf("a host ID: %w", err)
		}
	}
	isHost := slices.Contains(g.Roles, auth.Host)
	switch given := len(g.Hosts) > 0 || hostsFrom != ""; {
	case isHost && !given:
		return errors.New("the role host speaks for hosts; list their IDs (host.id) in hosts")
	case !isHost && given:
		return errors.New("hosts are for the role host; add the role, or remove them")
	}
	return nil
}

// Kinds of names of certificates, from which host IDs may come.
const (
	CommonName = "common_name"
	DNS        = "dns"
	URI        = "uri"
)

func (c *CertificateRow) validate() error {
	given := 0
	for _, p := range []string{c.CommonName, c.DNS, c.URI} {
		if p == "" {
			continue
		}
		given++
		if err := CheckText(p); err != nil {
			return fmt.Errorf("the certificate's name: %w", err)
		}
	}
	if given != 1 {
		return errors.New("give one of common_name, dns and uri: how the certificate is known")
	}
	rest := strings.TrimPrefix(c.CommonName+c.DNS, "*.")
	if c.URI != "" {
		rest = strings.TrimSuffix(c.URI, "/*")
		if u, err := url.Parse(rest); err != nil || u.Scheme == "" || rest != c.URI && u.Host == "" {
			return errors.New("uri is no URI; give for example spiffe://example.org/host/web-1")
		}
	}
	if rest == "" || strings.Contains(rest, "*") {
		return errors.New(`a * stands for one label at the beginning ("*.agents.example.org"), in a URI for the last segment ("spiffe://example.org/host/*"), and nowhere else`)
	}
	if !slices.Contains([]string{"", CommonName, DNS, URI}, c.HostsFrom) {
		return errors.New("hosts_from is one of common_name, dns and uri")
	}
	if c.HostsFrom != "" && len(c.Hosts) > 0 {
		return errors.New("give hosts or hosts_from, not both")
	}
	return c.Grant.validate(c.HostsFrom)
}

func (o *OIDC) validate() error {
	if err := CheckURL(o.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if err := CheckText(o.Audience); err != nil {
		return fmt.Errorf("audience, which tells tokens for this topologyd from those for others: %w", err)
	}
	if o.NameClaim == "" {
		o.NameClaim = "sub"
	}
	if o.RolesClaim == "" {
		o.RolesClaim = "groups"
	}
	if len(o.Roles) == 0 {
		return errors.New("roles say what the values of roles_claim mean, and there are none; give for example roles: {netops: [operator]}")
	}
	for value, roles := range o.Roles {
		for _, r := range roles {
			if _, err := auth.ParseRole(string(r)); err != nil {
				return fmt.Errorf("roles of %q: %w", value, err)
			}
			if r == auth.Host && o.HostsClaim == "" {
				return fmt.Errorf("roles of %q: the role host speaks for hosts; hosts_claim says which claim has their IDs", value)
			}
		}
	}
	return nil
}

// CheckURL says why what is at a URL could not be believed: it takes https, and http
// on loopback.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return errors.New("it is no URL with scheme, host and path, for example https://login.example.org/realms/net")
	}
	if u.Scheme == "https" {
		return nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && (err == nil && addr.IsLoopback() || u.Hostname() == "localhost") {
		return nil
	}
	return errors.New("whoever is on the way could give keys of his own; use https")
}
