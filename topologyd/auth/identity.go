package auth

import (
	"context"
	"slices"
	"time"
)

// Methods by which an identity was proved.
const (
	MethodNone        = "none" // the daemon asks nobody
	MethodToken       = "token"
	MethodJWT         = "jwt"
	MethodCertificate = "certificate"
)

// Identity is who asks. It is immutable. The zero value is somebody unknown, who
// may do what is [Public].
type Identity struct {
	// Name is for people, the audit record and limits: that of a token, of a
	// certificate's row, or the subject of a JWT.
	Name   string
	Method string
	Roles  []Role
	// Hosts are the host IDs (host.id) that the role [Host] speaks for.
	Hosts []string
	// Packets grants [Payload], to those who may [Read] besides.
	Packets bool
	// Expires is when the proof ends by itself, whatever becomes of it before; zero:
	// never. What outlives a request has to end then.
	Expires time.Time
}

// Anybody is the identity of every request to a daemon that asks nobody who he is.
// It may do everything: such a daemon is reachable from its own host alone, unless
// somebody said otherwise in words.
func Anybody() Identity {
	return Identity{Name: "anybody", Method: MethodNone, Roles: []Role{Admin}, Packets: true}
}

// Known tells whether somebody proved who he is, or need not.
func (id *Identity) Known() bool { return id.Method != "" }

// May tells whether the identity has a permission.
func (id *Identity) May(p Permission) bool {
	if p == Payload {
		return id.Packets && id.May(Read)
	}
	if p == Public {
		return true
	}
	return slices.ContainsFunc(id.Roles, func(r Role) bool { return r.Grants(p) })
}

// SpeaksForAll tells whether the identity may report of, and fetch the assignments
// of, every host.
func (id *Identity) SpeaksForAll() bool { return slices.Contains(id.Roles, Admin) }

// SpeaksFor tells whether it may for the host of this ID.
func (id *Identity) SpeaksFor(host string) bool {
	return id.SpeaksForAll() || host != "" && slices.Contains(id.Roles, Host) && slices.Contains(id.Hosts, host)
}

// key is that of a context under which its identity is.
type key struct{}

// With returns a context for what an identity does. The identity must not be
// changed any more.
func With(ctx context.Context, id *Identity) context.Context {
	return context.WithValue(ctx, key{}, id)
}

// From returns who asks. In a context that does not tell, as in tests and within
// the daemon, it is [Anybody]: whoever lets requests in always tells.
func From(ctx context.Context) *Identity {
	if id, ok := ctx.Value(key{}).(*Identity); ok {
		return id
	}
	id := Anybody()
	return &id
}
