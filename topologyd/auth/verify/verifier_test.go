package verify

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 60 * time.Second

// The tokens of the tests.
const (
	viewerToken  = "skein_viewer-0123456789abcdefghijklmnopqrstuvwxyz"
	hostToken    = "skein_host-0123456789abcdefghijklmnopqrstuvwxyzab"
	expiredToken = "skein_expired-0123456789abcdefghijklmnopqrstuvwxy"
	otherToken   = "skein_other-0123456789abcdefghijklmnopqrstuvwxyza"
)

func rows(extra string) string {
	return fmt.Sprintf(`tokens:
  - name: grafana
    sha256: %s
    roles: [viewer]
    packets: true
  - {name: web-1, sha256: %s, roles: [host], hosts: [web-1, web-1b], expires: 2999-01-01T00:00:00Z}
  - {name: old, sha256: %s, roles: [admin], expires: 2001-01-01T00:00:00Z}
%s`, authfile.Hash(viewerToken), strings.ToUpper(authfile.Hash(hostToken)), authfile.Hash(expiredToken), extra)
}

// world is a verifier that follows a file.
type world struct {
	*Verifier
	path string
	log  *proctest.Buffer
	reg  *prometheus.Registry
}

// begin starts a verifier over a file of its own, which it looks at all the time.
func begin(t testing.TB, file string, change func(*Config, *Deps)) *world {
	t.Helper()
	w := &world{path: filepath.Join(t.TempDir(), "auth.yaml"), log: new(proctest.Buffer), reg: prometheus.NewPedanticRegistry()}
	w.write(t, file)
	cfg := DefaultConfig()
	cfg.File, cfg.Reload, cfg.KeysWithin = w.path, 10*time.Millisecond, 50*time.Millisecond
	deps := Deps{Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: w.reg}
	if change != nil {
		change(&cfg, &deps)
	}
	var err error
	if w.Verifier, err = New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

func (w *world) write(t testing.TB, file string) {
	t.Helper()
	certtest.Replace(t, w.path, []byte(file))
}

// reason returns why a header is refused, "" when it is not.
func (w *world) reason(header string) string {
	_, err := w.Identify(context.Background(), auth.Credentials{Authorization: header, Remote: netip.MustParseAddr("192.0.2.1")})
	return reasonOf(err)
}

func reasonOf(err error) string {
	var bad *InvalidError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &bad):
		return bad.Reason
	}
	return err.Error()
}

// is returns a condition for [proctest.Eventually].
func (w *world) is(header, reason string) func() error {
	return func() error {
		if got := w.reason(header); got != reason {
			return fmt.Errorf("refused for %q, want %q", got, reason)
		}
		return nil
	}
}

func TestTokens(t *testing.T) {
	w := begin(t, rows(""), nil)
	grafana := &auth.Identity{Name: "grafana", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer}, Packets: true}
	for _, tt := range []struct {
		header, reason string
		want           *auth.Identity
	}{
		{"Bearer " + viewerToken, "", grafana},
		{"bearer " + viewerToken, "", grafana},
		{"Token " + viewerToken, "", grafana}, // InfluxDB's clients
		{"Bearer   " + viewerToken + " ", "", grafana},
		{"Bearer " + hostToken, "", &auth.Identity{Name: "web-1", Method: auth.MethodToken, Roles: []auth.Role{auth.Host},
			Hosts: []string{"web-1", "web-1b"}, Expires: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"Bearer " + expiredToken, ReasonExpired, nil},
		{"Bearer " + otherToken, ReasonUnknown, nil},
		{"Bearer " + viewerToken[:20], ReasonUnknown, nil},
		{"Bearer " + viewerToken + "x", ReasonUnknown, nil},
		{"Bearer " + strings.ToUpper(viewerToken), ReasonUnknown, nil},
		{"Bearer " + authfile.Hash(viewerToken), ReasonUnknown, nil}, // who reads the file has no token
		{"Bearer eyJhbGciOiJub25lIn0.e30.x", ReasonUnknown, nil},
		{"Bearer " + strings.Repeat("x", authfile.MaxToken+1), ReasonUnknown, nil},
		{"Bearer " + strings.Repeat("x", maxJWT+1), ReasonMalformed, nil},
		{"Bearer", ReasonMalformed, nil},
		{"Bearer ", ReasonMalformed, nil},
		{"Bearer a b", ReasonMalformed, nil},
		{"Bearer a\tb", ReasonMalformed, nil},
		{"Bearer \u00e9", ReasonMalformed, nil},
		{"Basic Z3JhZmFuYTp4", ReasonMalformed, nil},
		{viewerToken, ReasonMalformed, nil},
		{" ", ReasonMalformed, nil},
	} {
		got, err := w.Identify(t.Context(), auth.Credentials{Authorization: tt.header})
		if reasonOf(err) != tt.reason || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %+v, %v", tt.header, got, err)
		}
	}
	if id, err := w.Identify(t.Context(), auth.Credentials{}); id != nil || !errors.Is(err, ErrNone) {
		t.Error(id, err)
	}
}

// TestSecrets: what is sent or in the file is not in the log, nor in errors or
// metrics, whatever happens.
func TestSecrets(t *testing.T) {
	w := begin(t, rows(""), nil)
	var texts bytes.Buffer
	for _, token := range []string{viewerToken, expiredToken, otherToken, "sk in_" + otherToken} {
		if _, err := w.Identify(t.Context(), auth.Credentials{Authorization: "Bearer " + token}); err != nil {
			fmt.Fprintln(&texts, err)
		}
	}
	for _, wrong := range []string{
		"tokens: [{name: x, sha256: " + otherToken + ", roles: [viewer]}]", "tokens:\n - " + otherToken,
		otherToken + ": x", "tokens: [{name: x, roles: " + otherToken + "}]", "tokens: [{name: x, roles: [" + otherToken + "]}]",
		"tokens: [{name: x, hosts: {" + otherToken + ": 1}}]", otherToken, "tokens: *" + otherToken, "- '" + otherToken,
		"tokens: [{name: x, packets: " + otherToken + "}]", "tokens: [{name: x, expires: " + otherToken + "}]",
		"tokens: [{name: x, " + otherToken + ": 1, " + otherToken + ": 2}]",
	} {
		_, err := authfile.Parse([]byte(wrong))
		if err == nil {
			t.Errorf("%s is taken", wrong)
		}
		fmt.Fprintln(&texts, err)
	}
	w.write(t, "tokens: "+otherToken)
	proctest.Eventually(t, patience, "the file is told to be wrong", func() error {
		if !strings.Contains(w.log.String(), "cannot be used") {
			return errors.New(w.log.String())
		}
		return nil
	})
	texts.WriteString(w.log.String())
	families, err := w.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		texts.WriteString(f.String())
	}
	for _, secret := range []string{viewerToken, expiredToken, otherToken, otherToken[6:], authfile.Hash(viewerToken)} {
		if strings.Contains(texts.String(), secret) {
			t.Errorf("%s is in: %s", secret, texts.String())
		}
	}
}

// TestReload: what the file says counts within moments; a file that is wrong or
// gone changes nothing.
func TestReload(t *testing.T) {
	w := begin(t, rows(""), nil)
	changed := w.Changed()
	w.write(t, fmt.Sprintf("tokens: [{name: other, sha256: %s, roles: [operator]}]", authfile.Hash(otherToken)))
	proctest.Eventually(t, patience, "the new token is known", w.is("Bearer "+otherToken, ""))
	proctest.Eventually(t, patience, "the old one is not", w.is("Bearer "+viewerToken, ReasonUnknown))
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	metric := func(name string, want float64) func() error {
		return func() error {
			if got := value(t, w.reg, name); got != want {
				return fmt.Errorf("%s is %v, want %v", name, got, want)
			}
			return nil
		}
	}
	changed = w.Changed()
	w.write(t, "tokens: [{name: other}]")
	proctest.Eventually(t, patience, "the file is found to be wrong", metric("topologyd_auth_file_failed", 1))
	if reason := w.reason("Bearer " + otherToken); reason != "" {
		t.Error(reason)
	}
	if err := os.Remove(w.path); err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, patience, "the file is gone", func() error {
		if !strings.Contains(w.log.String(), "no such file") {
			return errors.New(w.log.String())
		}
		return nil
	})
	if reason := w.reason("Bearer " + otherToken); reason != "" {
		t.Error(reason)
	}
	select {
	case <-changed:
		t.Error("it is told of a change, and nothing is different")
	default:
	}
	w.write(t, rows(""))
	proctest.Eventually(t, patience, "the file is good again", w.is("Bearer "+otherToken, ReasonUnknown))
	proctest.Eventually(t, patience, "and this is told", metric("topologyd_auth_file_failed", 0))
	for name, want := range map[string]float64{"topologyd_auth_credentials": 3, "topologyd_auth_tokens_expired": 1, "topologyd_auth_keys": 0} {
		if err := metric(name, want)(); err != nil {
			t.Error(err)
		}
	}
	if n := testutil.ToFloat64(w.m.reloads.WithLabelValues("failed")); n < 2 {
		t.Errorf("%v failed reloads", n)
	}
}

// value returns the sum of a metric.
func value(t testing.TB, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// TestExpiry: a token ends while it is used, and who holds something open is told.
func TestExpiry(t *testing.T) {
	ends := time.Now().Add(2 * time.Second)
	w := begin(t, fmt.Sprintf("tokens: [{name: brief, sha256: %s, roles: [viewer], expires: %s}]", authfile.Hash(otherToken), ends.UTC().Format(time.RFC3339Nano)), nil)
	changed := w.Changed()
	if reason := w.reason("Bearer " + otherToken); reason != "" && time.Now().Before(ends) {
		t.Fatal(reason)
	}
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	if reason := w.reason("Bearer " + otherToken); reason != ReasonExpired {
		t.Error(reason)
	}
	if !strings.Contains(w.log.String(), "token expires soon") {
		t.Error(w.log.String())
	}
}

// chains is a [Chains] that may be told what to say.
type chains struct {
	mu      sync.Mutex
	err     error
	changed chan struct{}
}

func (c *chains) Verify([]*x509.Certificate) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *chains) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *chains) set(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.changed)
	c.changed = make(chan struct{})
}

const certRows = `
certificates:
  - {name: exact, common_name: web-1, roles: [host], hosts: [id-1]}
  - {name: all-cn, common_name: '*.agents.example.org', roles: [host], hosts_from: common_name}
  - {name: all-dns, dns: '*.Hosts.example.org', roles: [host], hosts_from: dns}
  - {name: spiffe, uri: spiffe://example.org/host/*, roles: [host], hosts_from: uri}
  - {name: one-uri, uri: spiffe://example.org/grafana, roles: [viewer], packets: true}
  - {name: dns-of-cn, common_name: gateway, roles: [host], hosts_from: dns}
  - {name: second, common_name: web-1, roles: [admin]}
`

func TestCertificates(t *testing.T) {
	ca := certtest.NewCA(t, "clients")
	c := &chains{changed: make(chan struct{})}
	w := begin(t, rows(certRows), func(_ *Config, d *Deps) { d.Chains = c })
	for _, tt := range []struct {
		leaf         certtest.Leaf
		name, reason string
		hosts        []string
	}{
		{certtest.Leaf{CommonName: "web-1"}, "exact", "", []string{"id-1"}},
		{certtest.Leaf{CommonName: "x", DNS: []string{"web-1"}}, "", ReasonUnknown, nil}, // another kind of name
		{certtest.Leaf{CommonName: "a.agents.example.org"}, "all-cn/a.agents.example.org", "", []string{"a.agents.example.org"}},
		{certtest.Leaf{CommonName: "a.b.agents.example.org"}, "", ReasonUnknown, nil}, // one label
		{certtest.Leaf{CommonName: "agents.example.org"}, "", ReasonUnknown, nil},
		{certtest.Leaf{CommonName: ".agents.example.org"}, "", ReasonUnknown, nil},
		{certtest.Leaf{CommonName: "*.agents.example.org"}, "all-cn/*.agents.example.org", "", []string{"*.agents.example.org"}},
		{certtest.Leaf{DNS: []string{"A.hosts.example.org", "other.example.org"}}, "all-dns/a.hosts.example.org", "", []string{"a.hosts.example.org"}},
		{certtest.Leaf{DNS: []string{"b.hosts.example.org", "a.hosts.example.org"}}, "all-dns/b.hosts.example.org", "", []string{"b.hosts.example.org", "a.hosts.example.org"}},
		{certtest.Leaf{URIs: []string{"spiffe://example.org/host/web-7"}}, "spiffe/web-7", "", []string{"web-7"}},
		{certtest.Leaf{URIs: []string{"spiffe://example.org/host/a/b"}}, "", ReasonUnknown, nil},
		{certtest.Leaf{URIs: []string{"spiffe://other.org/host/web-7"}}, "", ReasonUnknown, nil},
		{certtest.Leaf{URIs: []string{"spiffe://example.org/host/"}}, "", ReasonUnknown, nil},
		{certtest.Leaf{URIs: []string{"spiffe://example.org/grafana"}}, "one-uri", "", nil},
		{certtest.Leaf{CommonName: "gateway", DNS: []string{"g1", "g2"}}, "dns-of-cn/g1", "", []string{"g1", "g2"}},
		{certtest.Leaf{CommonName: "gateway"}, "dns-of-cn", "", nil}, // speaks for nobody
		{certtest.Leaf{}, "", ReasonUnknown, nil},
		{certtest.Leaf{CommonName: "web-1", NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}, "", ReasonExpired, nil},
		{certtest.Leaf{CommonName: "web-1", NotBefore: time.Now().Add(time.Minute)}, "", ReasonNotYet, nil},
	} {
		leaf := ca.Issue(t, tt.leaf).Leaf
		id, err := w.Identify(t.Context(), auth.Credentials{Certificates: []*x509.Certificate{leaf}})
		if reasonOf(err) != tt.reason {
			t.Errorf("%+v: %v", tt.leaf, err)
		}
		if err != nil {
			continue
		}
		if id.Name != tt.name || id.Method != auth.MethodCertificate || !reflect.DeepEqual(id.Hosts, tt.hosts) || !id.Expires.Equal(leaf.NotAfter) {
			t.Errorf("%+v: %+v", tt.leaf, id)
		}
	}
	good := auth.Credentials{Certificates: []*x509.Certificate{ca.Issue(t, certtest.Leaf{CommonName: "web-1"}).Leaf}}
	// A header decides, even when it is wrong.
	both := good
	both.Authorization = "Bearer " + viewerToken
	if id, err := w.Identify(t.Context(), both); err != nil || id.Name != "grafana" {
		t.Error(id, err)
	}
	both.Authorization = "Bearer " + otherToken
	if _, err := w.Identify(t.Context(), both); reasonOf(err) != ReasonUnknown {
		t.Error(err)
	}
	// A CA that is not trusted any more counts at once.
	changed := w.Changed()
	c.set(x509.UnknownAuthorityError{})
	if _, err := w.Identify(t.Context(), good); reasonOf(err) != ReasonChain {
		t.Error(err)
	}
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	c.set(x509.CertificateInvalidError{Reason: x509.Expired})
	if _, err := w.Identify(t.Context(), good); reasonOf(err) != ReasonExpired {
		t.Error(err)
	}
}

func TestStart(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.yaml")
	certtest.Replace(t, empty, nil)
	for path, want := range map[string]string{filepath.Join(dir, "none"): "no such file", empty: "nobody could do anything", dir: "is no file"} {
		cfg := DefaultConfig()
		cfg.File = path
		v, err := New(cfg, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Start(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
		v.Stop()
		if id, err := v.Identify(t.Context(), auth.Credentials{Authorization: "Bearer x"}); id != nil || reasonOf(err) != ReasonUnknown {
			t.Error(id, err)
		}
	}
	for want, change := range map[string]func(*Config){
		"--auth-file": func(c *Config) { c.File = "" }, "wildcards": func(c *Config) { c.File = "*.yaml" },
		"skew": func(c *Config) { c.ClockSkew = 0 }, "rate": func(c *Config) { c.FailureRate = 0 },
	} {
		cfg := DefaultConfig()
		cfg.File = "x"
		change(&cfg)
		if _, err := New(cfg, Deps{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// manyTokens is a file of so many tokens besides the usual ones.
func manyTokens(n int) string {
	var b strings.Builder
	b.WriteString(rows(""))
	for i := range n {
		fmt.Fprintf(&b, "  - {name: t%d, sha256: %s, roles: [host], hosts: [h%d]}\n", i, authfile.Hash(fmt.Sprint("token", i)), i)
	}
	return b.String()
}

// TestCost: proving by a token, and refusing one, allocates nothing.
func TestCost(t *testing.T) {
	w := begin(t, manyTokens(10_000), func(c *Config, _ *Deps) { c.Reload = time.Hour })
	for name, c := range map[string]auth.Credentials{
		"good": {Authorization: "Bearer " + viewerToken}, "unknown": {Authorization: "Bearer " + otherToken},
		"expired": {Authorization: "Bearer " + expiredToken}, "malformed": {Authorization: "Bearer"},
	} {
		if n := testing.AllocsPerRun(100, func() { _, _ = w.Identify(context.Background(), c) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkIdentify(b *testing.B) {
	w := begin(b, manyTokens(10_000)+certRows, func(c *Config, _ *Deps) { c.Reload = time.Hour })
	leaf := certtest.NewCA(b, "clients").Issue(b, certtest.Leaf{CommonName: "a.agents.example.org"}).Leaf
	for name, c := range map[string]auth.Credentials{
		"good": {Authorization: "Bearer " + viewerToken}, "unknown": {Authorization: "Bearer " + otherToken},
		"certificate": {Certificates: []*x509.Certificate{leaf}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = w.Identify(b.Context(), c)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	file := []byte(manyTokens(10_000))
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		f, err := authfile.Parse(file)
		if err != nil {
			b.Fatal(err)
		}
		newTokens(f.Tokens)
	}
}
