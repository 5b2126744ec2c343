package verify

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/skein-net/skein/topologyd/auth"
)

const (
	// maxKeys bounds the keys of an issuer.
	maxKeys = 200
	// minRSA is how many bits an RSA key has at least (RFC 7518, section 3.3), maxRSA
	// at most: checking takes longer with more.
	minRSA, maxRSA = 2048, 8192
	// maxCandidates is how many keys one signature is tried with at most.
	maxCandidates = 8
)

// algorithms are those that sign JWTs with a key that only the issuer has (RFC 7518,
// section 3.1; RFC 8037). "none" and those with a shared secret are not among them.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// keySet is the keys that an issuer had at a time. It is not changed once in use.
type keySet struct {
	at      time.Time
	keys    []jose.JSONWebKey
	skipped int // so many were not usable
	prints  []string
	// good has JWTs that one of the keys signed: it goes with them.
	good *lru.Cache[jwtKey, *auth.Identity]
}

// equal tells whether two sets have the same keys.
func (s *keySet) equal(o *keySet) bool { return slices.Equal(s.prints, o.prints) }

// candidates returns the public keys that may have signed: those with the ID, or all
// when there is none, that are made for the algorithm or do not say (RFC 7515,
// section 4.1.4).
func (s *keySet) candidates(kid, alg string) []crypto.PublicKey {
	var out []crypto.PublicKey
	for i := range s.keys {
		if k := &s.keys[i]; len(out) < maxCandidates && (kid == "" || k.KeyID == kid) && (k.Algorithm == "" || k.Algorithm == alg) {
			out = append(out, k.Key)
		}
	}
	return out
}

// fetchKeys asks for a JSON Web Key Set (RFC 7517, section 5).
func fetchKeys(ctx context.Context, client *http.Client, from string) (*keySet, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for keys: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for keys: %w", short{err})
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for keys: status %d", resp.StatusCode)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", short{err})
	}
	s, err := parseKeys(b)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", short{err})
	}
	s.at = time.Now()
	return s, nil
}

// parseKeys reads a key set. Keys that cannot be used are counted and left out; a set
// without any that can is an error, since the one before is better.
func parseKeys(b []byte) (*keySet, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("there are %d, more than %d", len(doc.Keys), maxKeys)
	}
	s := new(keySet)
	for _, raw := range doc.Keys {
		var k jose.JSONWebKey
		if err := json.Unmarshal(raw, &k); err != nil || !usable(&k) {
			s.skipped++
			continue
		}
		print, err := k.Thumbprint(crypto.SHA256) // RFC 7638
		if err != nil {
			s.skipped++
			continue
		}
		s.keys = append(s.keys, k)
		s.prints = append(s.prints, k.KeyID+" "+k.Algorithm+" "+string(print))
	}
	slices.Sort(s.prints)
	if len(s.keys) == 0 {
		return nil, fmt.Errorf("none of %d can be used; RSA of %d bits and more, ECDSA and Ed25519 can", len(doc.Keys), minRSA)
	}
	return s, nil
}

// usable tells whether a key may sign JWTs.
func usable(k *jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" || !k.IsPublic() || !k.Valid() {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA && key.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}
