package verify

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/auth"
)

// provider is an issuer in this process.
type provider struct {
	*httptest.Server

	mu      sync.Mutex
	keys    []any  // of the key set
	issuer  string // what it says it is; "": its URL
	keysAt  string // where it says its keys are; "": its URL
	broken  bool   // answers with errors
	fetches int    // how often the key set was asked for
}

func newProvider(t testing.TB, withTLS bool) *provider {
	t.Helper()
	p := new(provider)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		issuer := p.issuer
		if issuer == "" {
			issuer = p.URL
		}
		at := p.keysAt
		if at == "" {
			at = p.URL
		}
		p.answer(w, map[string]string{"issuer": issuer, "jwks_uri": at + "/keys", "authorization_endpoint": p.URL + "/a", "token_endpoint": p.URL + "/t"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetches++
		p.answer(w, map[string]any{"keys": p.keys})
	})
	p.Server = httptest.NewUnstartedServer(mux)
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of handshakes
	if withTLS {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

// answer is called with the lock.
func (p *provider) answer(w http.ResponseWriter, v any) {
	if p.broken {
		http.Error(w, strings.Repeat("broken\n", 1000), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// set replaces the keys.
func (p *provider) set(keys ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

func (p *provider) setBroken(broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = broken
}

// file is a file that takes its JWTs.
func (p *provider) file(extra string) string {
	return rows(fmt.Sprintf(`
oidc:
  issuer: %s
  audience: skein
  roles: {netops: [operator], oncall: [viewer], agents: [host], boss: [admin, viewer]}
  packets: [netsec]
  hosts_claim: skein.hosts
%s`, p.URL, extra))
}

// signer signs JWTs.
type signer struct {
	alg jose.SignatureAlgorithm
	kid string
	key any
}

func (s signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.(crypto.Signer).Public(), KeyID: s.kid, Algorithm: string(s.alg), Use: "sig"}
}

func (s signer) sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	opts := new(jose.SignerOptions).WithType("JWT")
	if s.kid != "" {
		opts = opts.WithHeader("kid", s.kid)
	}
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: s.alg, Key: s.key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := by.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ecSigner(t testing.TB, kid string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{jose.ES256, kid, key}
}

// claimsOf are those of a good JWT, with changes; nil removes one.
func (p *provider) claimsOf(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"iss": p.URL, "aud": "skein", "sub": "alice", "iat": now, "exp": now + 600, "groups": []string{"oncall"}}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func TestJWT(t *testing.T) {
	p := newProvider(t, false)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, rs, ed := ecSigner(t, "ec"), signer{jose.RS256, "rsa", rsaKey}, signer{jose.EdDSA, "ed", edKey}
	encrypting := ecSigner(t, "enc")
	enc := encrypting.public()
	enc.Use = "enc"
	shared := jose.JSONWebKey{Key: []byte(strings.Repeat("s", 32)), KeyID: "shared", Algorithm: "HS256"}
	p.set(ec.public(), rs.public(), ed.public(), enc, shared, map[string]string{"kty": "later"})
	w := begin(t, p.file(""), func(c *Config, _ *Deps) { c.FailureRate = 1000 })
	rsaPublic := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: func() []byte { b, _ := x509.MarshalPKIXPublicKey(rsaKey.Public()); return b }()})
	now := time.Now().Unix()
	none := func(c map[string]any) string {
		b, _ := json.Marshal(c)
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(b) + "."
	}
	good := ec.sign(t, p.claimsOf(nil))
	part := strings.Split(good, ".")
	for name, tt := range map[string]struct {
		token, reason string
		want          auth.Identity
	}{
		"ES256":             {good, "", auth.Identity{Name: "alice", Roles: []auth.Role{auth.Viewer}}},
		"RS256":             {rs.sign(t, p.claimsOf(nil)), "", auth.Identity{Name: "alice", Roles: []auth.Role{auth.Viewer}}},
		"EdDSA":             {ed.sign(t, p.claimsOf(nil)), "", auth.Identity{Name: "alice", Roles: []auth.Role{auth.Viewer}}},
		"without kid":       {signer{ec.alg, "", ec.key}.sign(t, p.claimsOf(nil)), "", auth.Identity{Name: "alice", Roles: []auth.Role{auth.Viewer}}},
		"several audiences": {ec.sign(t, p.claimsOf(map[string]any{"aud": []string{"x", "skein"}})), "", auth.Identity{Name: "alice", Roles: []auth.Role{auth.Viewer}}},
		"several groups": {ec.sign(t, p.claimsOf(map[string]any{"groups": []string{"netops", "boss", "netsec", "other", "oncall"}})), "",
			auth.Identity{Name: "alice", Roles: []auth.Role{auth.Operator, auth.Admin, auth.Viewer}, Packets: true}},
		"one group": {ec.sign(t, p.claimsOf(map[string]any{"groups": "netops"})), "", auth.Identity{Name: "alice", Roles: []auth.Role{auth.Operator}}},
		"host": {ec.sign(t, p.claimsOf(map[string]any{"groups": "agents", "skein": map[string]any{"hosts": []string{"h1", "h1/scope", "h2"}}})), "",
			auth.Identity{Name: "alice", Roles: []auth.Role{auth.Host}, Hosts: []string{"h1", "h2"}}},
		"hosts of a viewer": {ec.sign(t, p.claimsOf(map[string]any{"skein.hosts": "h1"})), "", auth.Identity{Name: "alice", Roles: []auth.Role{auth.Viewer}}},
		"no group":          {ec.sign(t, p.claimsOf(map[string]any{"groups": nil})), "", auth.Identity{Name: "alice"}},
		"odd groups":        {ec.sign(t, p.claimsOf(map[string]any{"groups": map[string]int{"netops": 1}})), "", auth.Identity{Name: "alice"}},
		"clock a bit off":   {ec.sign(t, p.claimsOf(map[string]any{"exp": now - 20, "nbf": now - 600})), "", auth.Identity{Name: "alice", Roles: []auth.Role{auth.Viewer}}},

		"expired":           {ec.sign(t, p.claimsOf(map[string]any{"exp": now - 120})), ReasonExpired, auth.Identity{}},
		"never expires":     {ec.sign(t, p.claimsOf(map[string]any{"exp": nil})), ReasonExpired, auth.Identity{}},
		"odd expiry":        {ec.sign(t, p.claimsOf(map[string]any{"exp": "tomorrow"})), ReasonMalformed, auth.Identity{}},
		"not yet":           {ec.sign(t, p.claimsOf(map[string]any{"nbf": now + 120})), ReasonNotYet, auth.Identity{}},
		"issued later":      {ec.sign(t, p.claimsOf(map[string]any{"iat": now + 120})), ReasonNotYet, auth.Identity{}},
		"another issuer":    {ec.sign(t, p.claimsOf(map[string]any{"iss": "https://other.example.org"})), ReasonIssuer, auth.Identity{}},
		"issuer and more":   {ec.sign(t, p.claimsOf(map[string]any{"iss": p.URL + "/"})), ReasonIssuer, auth.Identity{}},
		"no issuer":         {ec.sign(t, p.claimsOf(map[string]any{"iss": nil})), ReasonIssuer, auth.Identity{}},
		"another audience":  {ec.sign(t, p.claimsOf(map[string]any{"aud": "grafana"})), ReasonAudience, auth.Identity{}},
		"no audience":       {ec.sign(t, p.claimsOf(map[string]any{"aud": nil})), ReasonAudience, auth.Identity{}},
		"no name":           {ec.sign(t, p.claimsOf(map[string]any{"sub": nil})), ReasonClaims, auth.Identity{}},
		"empty name":        {ec.sign(t, p.claimsOf(map[string]any{"sub": ""})), ReasonClaims, auth.Identity{}},
		"name with a line":  {ec.sign(t, p.claimsOf(map[string]any{"sub": "a\nb"})), ReasonClaims, auth.Identity{}},
		"key of another":    {ecSigner(t, "ec").sign(t, p.claimsOf(nil)), ReasonSignature, auth.Identity{}},
		"key not known":     {ecSigner(t, "who").sign(t, p.claimsOf(nil)), ReasonKey, auth.Identity{}},
		"key to encrypt":    {encrypting.sign(t, p.claimsOf(nil)), ReasonKey, auth.Identity{}},
		"changed":           {part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf(`{"iss":%q,"aud":"skein","sub":"root","exp":%d,"groups":["boss"]}`, p.URL, now+60))) + "." + part[2], ReasonSignature, auth.Identity{}},
		"no signature":      {part[0] + "." + part[1] + ".", ReasonSignature, auth.Identity{}},
		"alg none":          {none(p.claimsOf(nil)), ReasonSignature, auth.Identity{}},
		"HS256, public key": {signer{jose.HS256, "rsa", rsaPublic}.sign(t, p.claimsOf(nil)), ReasonSignature, auth.Identity{}},
		"HS256, shared key": {signer{jose.HS256, "shared", shared.Key}.sign(t, p.claimsOf(nil)), ReasonSignature, auth.Identity{}},
		"other algorithm":   {signer{jose.RS512, "rsa", rsaKey}.sign(t, p.claimsOf(nil)), ReasonKey, auth.Identity{}},
		"no JSON":           {"eyJ.eyJ.eyJ", ReasonMalformed, auth.Identity{}},
		"no base64":         {"ey!.ey!.ey!", ReasonMalformed, auth.Identity{}},
	} {
		got, err := w.Identify(t.Context(), auth.Credentials{Authorization: "Bearer " + tt.token})
		if reasonOf(err) != tt.reason {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		if got.Method != auth.MethodJWT || got.Expires.Before(time.Now()) || got.Expires.After(time.Now().Add(700*time.Second)) {
			t.Errorf("%s: %+v", name, got)
		}
		tt.want.Method, tt.want.Expires = got.Method, got.Expires
		if fmt.Sprint(*got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %+v, want %+v", name, *got, tt.want)
		}
	}
	// One that was good is remembered, and tokens go on to be known.
	if _, err := w.Identify(t.Context(), auth.Credentials{Authorization: "Bearer " + good}); err != nil {
		t.Error(err)
	}
	if n := value(t, w.reg, "topologyd_auth_jwts_total"); n < 30 {
		t.Errorf("%v were counted", n)
	}
	if n := value(t, w.reg, "topologyd_auth_keys"); n != 3 {
		t.Errorf("%v keys", n)
	}
	if !strings.Contains(w.log.String(), "keys that are not taken") || !strings.Contains(w.log.String(), "keys=3") {
		t.Error(w.log.String())
	}
	if reason := w.reason("Bearer " + viewerToken); reason != "" {
		t.Error(reason)
	}
	if strings.Contains(w.log.String(), part[2]) {
		t.Error("a signature is in the log")
	}
}

// TestKeysRotate: a new key is fetched when it is first used; one that the issuer
// withdrew counts no more, not even for JWTs that were good.
func TestKeysRotate(t *testing.T) {
	p := newProvider(t, false)
	one, two := ecSigner(t, "1"), ecSigner(t, "2")
	p.set(one.public())
	w := begin(t, p.file(""), nil)
	first, second := "Bearer "+one.sign(t, p.claimsOf(nil)), "Bearer "+two.sign(t, p.claimsOf(nil))
	proctest.Eventually(t, patience, "the first key is known", w.is(first, ""))
	changed := w.Changed()
	p.set(one.public(), two.public())
	proctest.Eventually(t, patience, "the second key is known", w.is(second, ""))
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	if reason := w.reason(first); reason != "" {
		t.Error(reason)
	}
	p.set(two.public())
	three := "Bearer " + ecSigner(t, "3").sign(t, p.claimsOf(nil))
	proctest.Eventually(t, patience, "the first key is withdrawn", func() error {
		w.reason(three) // has the keys fetched
		return w.is(first, ReasonKey)()
	})
	if reason := w.reason(second); reason != "" {
		t.Error(reason)
	}
	// An issuer that is away, or lies, leaves the keys as they were.
	p.setBroken(true)
	n := value(t, w.reg, "topologyd_auth_keys")
	proctest.Eventually(t, patience, "the failure is told", func() error {
		w.reason(three)
		if !strings.Contains(w.log.String(), "cannot be fetched") {
			return errors.New(w.log.String())
		}
		return nil
	})
	if reason := w.reason(second); reason != "" || value(t, w.reg, "topologyd_auth_keys") != n {
		t.Error(reason)
	}
	for _, line := range strings.Split(w.log.String(), "\n") {
		if len(line) > 1000 {
			t.Errorf("the log has a line of %d bytes", len(line))
		}
	}
}

// TestKeysFlood: however many JWTs come with keys that are not known, the issuer is
// asked as often as is allowed, and whoever is behind the same address is heard.
func TestKeysFlood(t *testing.T) {
	p := newProvider(t, false)
	good := ecSigner(t, "good")
	p.set(good.public())
	w := begin(t, p.file(""), func(c *Config, _ *Deps) { c.KeysWithin, c.FailureRate = time.Hour, 5 })
	token := "Bearer " + good.sign(t, p.claimsOf(nil))
	proctest.Eventually(t, patience, "the key is known", w.is(token, ""))
	stranger := ecSigner(t, "x")
	reasons := make(map[string]int)
	for i := range 100 {
		stranger.kid = fmt.Sprint(i)
		reasons[w.reason("Bearer "+stranger.sign(t, p.claimsOf(nil)))]++
	}
	if reasons[ReasonKey] != 100 {
		t.Error(reasons)
	}
	if n := p.count(); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
	// Others, and those who are known already, go on.
	if reason := w.reason(token); reason != "" {
		t.Error(reason)
	}
	fresh := func(id int) string {
		return "Bearer " + good.sign(t, p.claimsOf(map[string]any{"jti": fmt.Sprint(id)}))
	}
	if _, err := w.Identify(t.Context(), auth.Credentials{Authorization: fresh(-1), Remote: netip.MustParseAddr("2001:db8::1")}); err != nil {
		t.Error(err)
	}
	// So do those behind the same address, while it goes on.
	wrong := "Bearer " + ecSigner(t, "good").sign(t, p.claimsOf(nil))
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for range 8 {
		flood.Go(func() {
			for ctx.Err() == nil {
				if reason := w.reason(wrong); reason != ReasonSignature && reason != ReasonLimited {
					t.Error(reason)
				}
			}
		})
	}
	for i := range 20 {
		proctest.Eventually(t, patience, "a good one is taken", w.is(fresh(i), ""))
	}
	stop()
	flood.Wait()
}

// TestTurn: whose turn does not come is asked to come again.
func TestTurn(t *testing.T) {
	p := newProvider(t, false)
	good := ecSigner(t, "good")
	p.set(good.public())
	w := begin(t, p.file(""), func(c *Config, _ *Deps) { c.FailureRate = 1 })
	proctest.Eventually(t, patience, "the key is known", w.is("Bearer "+good.sign(t, p.claimsOf(nil)), ""))
	wrong := "Bearer " + ecSigner(t, "good").sign(t, p.claimsOf(nil))
	for range 5 {
		w.reason(wrong)
	}
	i := w.state.Load().issuer
	i.turns <- struct{}{}
	token := "Bearer " + good.sign(t, p.claimsOf(map[string]any{"jti": "2"}))
	_, err := w.Identify(t.Context(), auth.Credentials{Authorization: token, Remote: netip.MustParseAddr("192.0.2.1")})
	var bad *InvalidError
	if !errors.As(err, &bad) || bad.Reason != ReasonLimited || bad.RetryAfter <= 0 {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := i.turn(ctx); ok {
		t.Error("it is the turn of somebody who is gone")
	}
	<-i.turns
	proctest.Eventually(t, patience, "its turn comes", w.is(token, ""))
}

// TestKeysDowngrade: the keys of an issuer whose certificate is checked come by
// nothing less.
func TestKeysDowngrade(t *testing.T) {
	plain, p := newProvider(t, false), newProvider(t, true)
	s := ecSigner(t, "1")
	plain.set(s.public())
	p.set(s.public())
	p.keysAt = plain.URL
	ca := filepath.Join(t.TempDir(), "ca.pem")
	certtest.Replace(t, ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
	w := begin(t, p.file("  ca_file: "+ca+"\n"), nil)
	proctest.Eventually(t, patience, "it is told", func() error {
		if log := w.log.String(); !strings.Contains(log, "it is not https") {
			return errors.New(log)
		}
		return nil
	})
	if reason := w.reason("Bearer " + s.sign(t, p.claimsOf(nil))); reason != ReasonUnavailable || plain.count() != 0 {
		t.Error(reason, plain.count())
	}
}

// TestIssuerAway: without an issuer tokens are known, and JWTs are asked to come
// again; later they are taken.
func TestIssuerAway(t *testing.T) {
	p := newProvider(t, false)
	s := ecSigner(t, "1")
	p.set(s.public())
	p.setBroken(true)
	w := begin(t, p.file(""), nil)
	token := "Bearer " + s.sign(t, p.claimsOf(nil))
	_, err := w.Identify(t.Context(), auth.Credentials{Authorization: token})
	var bad *InvalidError
	if !errors.As(err, &bad) || bad.Reason != ReasonUnavailable || bad.RetryAfter <= 0 {
		t.Error(err)
	}
	if reason := w.reason("Bearer " + viewerToken); reason != "" {
		t.Error(reason)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Identify(ctx, auth.Credentials{Authorization: token}); reasonOf(err) != ReasonUnavailable {
		t.Error(err)
	}
	p.setBroken(false)
	proctest.Eventually(t, patience, "the issuer is back", w.is(token, ""))
	// An issuer that calls itself otherwise is none.
	p.mu.Lock()
	p.issuer = "https://other.example.org"
	p.mu.Unlock()
	w.write(t, p.file("  name_claim: email\n"))
	proctest.Eventually(t, patience, "the other file counts", w.is(token, ReasonUnavailable))
	w.write(t, rows(""))
	proctest.Eventually(t, patience, "JWTs are not taken any more", w.is(token, ReasonUnknown))
}

// TestIssuerTLS: the issuer's certificate is checked by ca_file.
func TestIssuerTLS(t *testing.T) {
	p := newProvider(t, true)
	s := ecSigner(t, "1")
	p.set(s.public())
	ca := filepath.Join(t.TempDir(), "ca.pem")
	certtest.Replace(t, ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
	token := "Bearer " + s.sign(t, p.claimsOf(nil))
	w := begin(t, p.file("  ca_file: "+ca+"\n"), nil)
	proctest.Eventually(t, patience, "the keys are had", w.is(token, ""))
	w.write(t, p.file(""))
	proctest.Eventually(t, patience, "the issuer is a stranger", w.is(token, ReasonUnavailable))
	if !strings.Contains(w.log.String(), "certificate signed by unknown authority") {
		t.Error(w.log.String())
	}
}

func TestParseKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec := ecSigner(t, "1")
	private := jose.JSONWebKey{Key: ec.key, KeyID: "private"}
	for name, tt := range map[string]struct {
		keys []any
		n    int
		fail bool
	}{
		"one":       {[]any{ec.public()}, 1, false},
		"private":   {[]any{private, ec.public()}, 1, false},
		"short RSA": {[]any{jose.JSONWebKey{Key: small.Public(), KeyID: "s"}}, 0, true},
		"none":      {nil, 0, true},
		"too many":  {make([]any, maxKeys+1), 0, true},
	} {
		b, err := json.Marshal(map[string]any{"keys": tt.keys})
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseKeys(b)
		if (err != nil) != tt.fail || err == nil && len(s.keys) != tt.n {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if _, err := parseKeys(bytes.Repeat([]byte("x"), 10)); err == nil {
		t.Error("no JSON is taken")
	}
}

func BenchmarkJWT(b *testing.B) {
	p := newProvider(b, false)
	s := ecSigner(b, "1")
	p.set(s.public())
	w := begin(b, p.file(""), func(c *Config, _ *Deps) { c.FailureRate = 1 << 30 })
	good := s.sign(b, p.claimsOf(nil))
	for name, token := range map[string]string{"remembered": good, "wrong": ecSigner(b, "1").sign(b, p.claimsOf(nil)), "foreign": s.sign(b, p.claimsOf(map[string]any{"iss": "x"}))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = w.Identify(b.Context(), auth.Credentials{Authorization: "Bearer " + token})
			}
		})
	}
}
