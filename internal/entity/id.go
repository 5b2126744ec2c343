package entity

import (
	"crypto/sha1" //nolint:gosec // UUIDv5 is defined over SHA-1 (RFC 9562, 5.5); nothing here is a secret
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// UUID is the identifier of a node, an edge or a TID: a UUID of version 5
// (RFC 9562, 5.5), so that every agent computes the same one from the same
// facts and nothing has to be looked up or remembered.
type UUID [16]byte

// namespace is the UUIDv5 name space of all of Skein's identifiers. It never
// changes: stored identifiers depend on it. It is itself the UUIDv5 of the
// DNS name "skein.net" in the RFC's DNS name space.
var namespace = UUID{0xf8, 0x51, 0xb6, 0xfb, 0xac, 0xdc, 0x54, 0xcc, 0x80, 0xe5, 0x4a, 0xf1, 0x87, 0x7f, 0x96, 0xb1}

// String returns the usual form, for example
// "6ba7b810-9dad-11d1-80b4-00c04fd430c8".
func (u UUID) String() string {
	b, _ := u.MarshalText()
	return string(b)
}

// IsZero reports whether u is not set.
func (u UUID) IsZero() bool { return u == UUID{} }

// MarshalText implements [encoding.TextMarshaler]; it never fails.
func (u UUID) MarshalText() ([]byte, error) {
	b := make([]byte, 36)
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return b, nil
}

var errUUID = errors.New("not a UUID: want 36 characters such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8")

// UnmarshalText implements [encoding.TextUnmarshaler].
func (u *UUID) UnmarshalText(b []byte) error {
	if len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return errUUID
	}
	var out UUID
	for _, p := range [...][2]int{{0, 0}, {9, 4}, {14, 6}, {19, 8}, {24, 10}} {
		end := p[0] + 4
		switch p[0] {
		case 0:
			end = 8
		case 24:
			end = 36
		}
		if _, err := hex.Decode(out[p[1]:], b[p[0]:end]); err != nil {
			return errUUID
		}
	}
	*u = out
	return nil
}

// ParseUUID parses the usual form of a UUID.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	err := u.UnmarshalText([]byte(s))
	return u, err
}

// nameUUID is the UUIDv5 of a name made of several parts. Each part is
// written as a netstring (decimal length, ':', bytes), so that no two lists
// of parts give the same name.
func nameUUID(parts ...string) UUID {
	var arr [256]byte
	b := append(arr[:0], namespace[:]...)
	for _, p := range parts {
		b = appendNetstring(b, p)
	}
	return uuidOf(b)
}

func uuidOf(b []byte) UUID {
	sum := sha1.Sum(b) //nolint:gosec // see the import
	var u UUID
	copy(u[:], sum[:16])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

func appendNetstring(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}

// IDAttr is one identifying attribute of an entity.
type IDAttr struct{ Key, Value string }

// Identity is the set of identifying attributes of an entity (entity.id),
// sorted by key, each key once.
type Identity []IDAttr

// NewIdentity makes an identity from keys and values in turn. It panics when
// their number is odd, which is a mistake of the caller's source code.
func NewIdentity(keysAndValues ...string) Identity {
	id := make(Identity, 0, len(keysAndValues)/2)
	for i := 0; i < len(keysAndValues); i += 2 {
		id = append(id, IDAttr{keysAndValues[i], keysAndValues[i+1]})
	}
	return id.Normalize()
}

// Normalize sorts id by key in place and keeps the last of several values of
// one key.
func (id Identity) Normalize() Identity {
	slices.SortStableFunc(id, func(a, b IDAttr) int { return strings.Compare(a.Key, b.Key) })
	out := id[:0]
	for i, a := range id {
		if i+1 < len(id) && id[i+1].Key == a.Key {
			continue
		}
		out = append(out, a)
	}
	return out
}

// Get returns the value of an identifying attribute, "" when there is none.
func (id Identity) Get(key string) string {
	for _, a := range id {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// Ref names one entity: its type and its identifying attributes.
type Ref struct {
	Type string
	ID   Identity
}

// UUID returns the node ID of the entity: the UUIDv5 of its type and of each
// identifying attribute's key and value in key order, every part written as a
// netstring. A source in another language can compute it from that sentence.
func (r Ref) UUID() UUID {
	var arr [256]byte
	b := append(arr[:0], namespace[:]...)
	b = appendNetstring(b, r.Type)
	for _, a := range r.ID {
		b = appendNetstring(b, a.Key)
		b = appendNetstring(b, a.Value)
	}
	return uuidOf(b)
}

// Equal reports whether both name the same entity.
func (r Ref) Equal(o Ref) bool { return r.Type == o.Type && slices.Equal(r.ID, o.ID) }

// EdgeID returns the ID of the edge of a relation type between two nodes.
func EdgeID(parent, child UUID, relationType string) UUID {
	var arr [128]byte
	b := append(arr[:0], namespace[:]...)
	b = append(append(b, parent[:]...), child[:]...)
	return uuidOf(append(b, relationType...))
}

// TID returns the name-based identifier of a node, which survives reboots:
// the UUIDv5 of its parent's TID, its own name and its type. A host has no
// parent: its TID is [HostTID]. For a network namespace name is its path.
func TID(parent UUID, name, typ string) UUID {
	return nameUUID(string(parent[:]), name, typ)
}

// HostTID returns the TID of a host from its name.
func HostTID(name string) UUID { return nameUUID(name, TypeHost) }
