package verify

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// FuzzJWT: of all that could come instead of a JWT, only a header and a payload that
// the issuer signed are taken.
func FuzzJWT(f *testing.F) {
	p := newProvider(f, false)
	s := ecSigner(f, "1")
	v, err := New(Config{File: "x", Reload: 1, ClockSkew: time.Minute, KeysEvery: time.Hour, KeysWithin: time.Hour, FetchTimeout: time.Second, JWTs: 1, FailureRate: 1 << 30},
		Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	i := newIssuer(&authfile.OIDC{Issuer: p.URL, Audience: "skein", NameClaim: "sub", RolesClaim: "groups", Roles: map[string][]auth.Role{"oncall": {auth.Viewer}}}, v)
	i.tried = time.Now()
	set := &keySet{keys: []jose.JSONWebKey{s.public()}}
	if set.good, err = lru.New[jwtKey, *auth.Identity](1); err != nil {
		f.Fatal(err)
	}
	i.keys.Store(set)
	good := s.sign(f, p.claimsOf(map[string]any{"exp": time.Now().Add(time.Hour).Unix()}))
	part := strings.Split(good, ".")
	for _, seed := range []string{
		good, part[0] + "." + part[1] + ".", "." + part[1] + "." + part[2], part[0] + ".e30." + part[2], "eyJhbGciOiJub25lIn0." + part[1] + ".",
		"eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ." + part[1] + "." + part[2], good + "=", strings.Replace(good, "-", "+", 1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := fromHeader("Bearer " + token); err != nil || !looksLikeJWT(token) {
			return
		}
		id, bad := i.identify(t.Context(), token, netip.Addr{}, time.Now())
		if (id == nil) == (bad == nil) {
			t.Fatal(id, bad)
		}
		// The signature itself may be written in more than one way.
		if bad == nil && !strings.HasPrefix(token, part[0]+"."+part[1]+".") {
			t.Errorf("%q is taken", token)
		}
	})
}
