package verify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/limit"
)

// jwtKey is the SHA-256 of a JWT: the JWT itself is not kept.
type jwtKey [sha256.Size]byte

// looksLikeJWT tells whether a token has the form of a signed JWT (RFC 7515, section
// 7.1).
func looksLikeJWT(token string) bool {
	return strings.Count(token, ".") == 2 && strings.HasPrefix(token, "ey") && !strings.Contains(token, "..")
}

// said is what a JWT says of itself (RFC 7519, section 4.1).
type said struct {
	Issuer    string    `json:"iss"`
	Audience  oneOrMany `json:"aud"`
	Expires   *float64  `json:"exp"`
	NotBefore *float64  `json:"nbf"`
	IssuedAt  *float64  `json:"iat"`
}

// oneOrMany is a text or a list of texts.
type oneOrMany []string

// UnmarshalJSON implements [json.Unmarshaler].
func (o *oneOrMany) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

// identify returns the identity of a JWT.
func (i *issuer) identify(ctx context.Context, token string, from netip.Addr, now time.Time) (*auth.Identity, *InvalidError) {
	key := jwtKey(sha256.Sum256([]byte(token)))
	if set := i.keys.Load(); set != nil {
		if id, ok := set.good.Get(key); ok && !expired(id, now) {
			i.v.m.checked.WithLabelValues("remembered").Inc()
			return id, nil
		}
	}
	id, set, err := i.check(ctx, token, from, now)
	if err != nil {
		i.v.m.checked.WithLabelValues(err.Reason).Inc()
		return nil, err
	}
	i.v.m.checked.WithLabelValues("good").Inc()
	set.good.Add(key, id)
	return id, nil
}

// check checks a JWT: first what costs little and refuses most, then the signature.
func (i *issuer) check(ctx context.Context, token string, from netip.Addr, now time.Time) (*auth.Identity, *keySet, *InvalidError) {
	from = limit.Address(from)
	wait := i.wrong.Empty(from)
	if wait > 0 {
		done, ok := i.turn(ctx)
		if !ok {
			return nil, nil, &InvalidError{ReasonLimited, wait, "too many JWTs from this address were wrong; try again later"}
		}
		defer done()
	}
	c, set, err := i.verify(ctx, token, now, wait == 0)
	var id *auth.Identity
	if err == nil {
		id, err = identity(i.conf, c, c.expires().Add(i.v.cfg.ClockSkew))
	}
	if err != nil && err.RetryAfter == 0 {
		i.wrong.Take(from)
	}
	return id, set, err
}

// verify returns the claims of a JWT that is good, and the keys of which one signed
// it. Only who is patient waits for keys that have to be fetched.
func (i *issuer) verify(ctx context.Context, token string, now time.Time, patient bool) (claims, *keySet, *InvalidError) {
	// What it says is believed only where it speaks against it.
	_, rest, _ := strings.Cut(token, ".")
	body, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return nil, nil, errMalformed
	}
	var s said
	if json.Unmarshal(payload, &s) != nil {
		return nil, nil, errMalformed
	}
	if err := i.against(&s, now); err != nil {
		return nil, nil, err
	}
	jws, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil || len(jws.Signatures) != 1 {
		return nil, nil, errSignature
	}
	header := jws.Signatures[0].Protected
	set := i.keys.Load()
	if set == nil || len(set.candidates(header.KeyID, header.Algorithm)) == 0 {
		fresh := false
		if patient {
			fresh = i.await(ctx)
		} else {
			i.ask()
		}
		if set = i.keys.Load(); set == nil || !fresh && ctx.Err() != nil {
			return nil, nil, errUnavailable
		}
	}
	candidates := set.candidates(header.KeyID, header.Algorithm)
	if len(candidates) == 0 {
		return nil, nil, errKey
	}
	algs := make([]string, 0, len(algorithms()))
	for _, a := range algorithms() {
		algs = append(algs, string(a))
	}
	good, err := oidc.NewVerifier(i.conf.Issuer, &oidc.StaticKeySet{PublicKeys: candidates}, &oidc.Config{
		ClientID: i.conf.Audience, SupportedSigningAlgs: algs,
		Now: func() time.Time { return now.Add(-i.v.cfg.ClockSkew) },
	}).Verify(ctx, token)
	if err != nil {
		return nil, nil, errSignature // all else has been looked at
	}
	out := make(claims)
	if good.Claims(&out) != nil {
		return nil, nil, errMalformed
	}
	return out, set, nil
}

// against tells what in a JWT speaks against it.
func (i *issuer) against(s *said, now time.Time) *InvalidError {
	skew := i.v.cfg.ClockSkew
	switch {
	case s.Issuer != i.conf.Issuer:
		return errIssuer
	case !slices.Contains(s.Audience, i.conf.Audience):
		return errAudience
	case s.Expires == nil || !moment(*s.Expires).Add(skew).After(now):
		return errExpired
	case s.NotBefore != nil && moment(*s.NotBefore).After(now.Add(skew)),
		s.IssuedAt != nil && moment(*s.IssuedAt).After(now.Add(skew)):
		return errNotYet
	}
	return nil
}

// moment is a NumericDate (RFC 7519, section 2), those far away brought near enough
// to be calculated with.
func moment(seconds float64) time.Time {
	const farthest = 1 << 40
	if math.IsNaN(seconds) {
		seconds = 0
	}
	return time.Unix(int64(min(max(seconds, -farthest), farthest)), 0)
}
