package verify

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/auth"
)

const (
	// TokenPrefix is what tokens begin with that are made here, so that those who
	// search for secrets that leaked find them.
	TokenPrefix = "skein_"
	// tokenBytes are the random bytes of a token.
	tokenBytes = 32
	// maxToken is how many bytes a token has at most, maxJWT a JWT.
	maxToken = 512
	maxJWT   = 16 << 10
)

// NewToken makes a token: [TokenPrefix] and 256 random bits in base64url (RFC 4648,
// section 5).
func NewToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash returns the SHA-256 of a token in hexadecimal digits, as the file has it. A
// hash so fast is enough because nobody can try all tokens that have 128 bits or
// more; see [CheckToken].
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// CheckToken says why a text cannot be used as a token.
func CheckToken(token string) error {
	switch {
	case token == "":
		return errors.New("the token is empty")
	case len(token) > maxToken:
		return fmt.Errorf("the token has more than %d bytes", maxToken)
	case !printable(token):
		return errors.New("the token has spaces, or characters that a header cannot hold")
	case len(token) < 22: // 128 bits of base64
		return errors.New("the token is shorter than 22 characters, and could be guessed; topologyctl token new makes one")
	}
	return nil
}

// printable tells whether all characters are visible ASCII.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// fromHeader returns what an Authorization header proves by (RFC 6750, section 2.1;
// "Token" is how InfluxDB's clients say Bearer). It shares memory with the header.
func fromHeader(header string) (token string, err *InvalidError) {
	scheme, rest, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Token") {
		return "", errMalformed
	}
	token = strings.Trim(rest, " ")
	if token == "" || len(token) > maxJWT || !printable(token) {
		return "", errMalformed
	}
	return token, nil
}

// tokens finds tokens by their hash. It is immutable.
type tokens struct {
	// byStart has the rows by the first eight bytes of the hash: as many as an
	// attacker learns who measures how long looking up takes, and no use to him, who
	// would have to invert the hash to choose them.
	byStart map[uint64][]tokenEntry
}

type tokenEntry struct {
	hash [sha256.Size]byte
	id   *auth.Identity
}

func newTokens(rows []TokenRow) tokens {
	t := tokens{byStart: make(map[uint64][]tokenEntry, len(rows))}
	for i := range rows {
		r := &rows[i]
		e := tokenEntry{id: &auth.Identity{
			Name: r.Name, Method: auth.MethodToken, Roles: r.Roles, Hosts: r.Hosts, Packets: r.Packets, Expires: r.Expires,
		}}
		_, _ = hex.Decode(e.hash[:], []byte(r.SHA256)) // validate looked at it
		start := binary.BigEndian.Uint64(e.hash[:])
		t.byStart[start] = append(t.byStart[start], e)
	}
	return t
}

// find returns the identity of a token.
func (t tokens) find(token string, now time.Time) (*auth.Identity, *InvalidError) {
	var buf [maxToken]byte // a conversion would allocate
	sum := sha256.Sum256(buf[:copy(buf[:], token)])
	entries := t.byStart[binary.BigEndian.Uint64(sum[:])]
	for i := range entries {
		e := &entries[i]
		if subtle.ConstantTimeCompare(e.hash[:], sum[:]) != 1 {
			continue
		}
		if expired(e.id, now) {
			return nil, errExpired
		}
		return e.id, nil
	}
	return nil, errUnknown
}

func expired(id *auth.Identity, now time.Time) bool {
	return !id.Expires.IsZero() && !now.Before(id.Expires)
}
