package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// maxJWT is how many bytes a JWT has at most.
const maxJWT = 16 << 10

// fromHeader returns what an Authorization header proves by (RFC 6750, section 2.1;
// "Token" is how InfluxDB's clients say Bearer). It shares memory with the header.
func fromHeader(header string) (token string, err *InvalidError) {
	scheme, rest, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Token") {
		return "", errMalformed
	}
	token = strings.Trim(rest, " ")
	if token == "" || len(token) > maxJWT || !authfile.Printable(token) {
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

func newTokens(rows []authfile.TokenRow) tokens {
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
	var buf [authfile.MaxToken]byte // a conversion would allocate
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
