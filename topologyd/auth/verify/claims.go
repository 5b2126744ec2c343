package verify

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// claims are what a JWT says of whom it is for.
type claims map[string]json.RawMessage

// maxValues bounds the values of a claim that are looked at.
const maxValues = 1000

// texts returns the texts of a claim: a text is one, a list has several, what is
// none of it has none. The name is that of a claim, else a path with dots into
// objects. The claims scope and scp hold words (RFC 8693, section 4.2).
func (c claims) texts(name string) []string {
	raw, ok := c[name]
	if !ok {
		head, rest, found := strings.Cut(name, ".")
		var inner claims
		if !found || json.Unmarshal(c[head], &inner) != nil {
			return nil
		}
		return inner.texts(rest)
	}
	var many oneOrMany
	if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	if len(many) == 1 && (name == "scope" || name == "scp") {
		many = strings.Fields(many[0])
	}
	many = slices.DeleteFunc(many, func(s string) bool { return authfile.CheckText(s) != nil })
	return many[:min(len(many), maxValues)]
}

// expires is when a JWT that is good ends.
func (c claims) expires() time.Time {
	var seconds float64
	_ = json.Unmarshal(c["exp"], &seconds) // it has been looked at
	return moment(seconds)
}

// identity is whom a JWT is for. One without a role that is known has none: it is
// somebody who may do nothing.
func identity(o *authfile.OIDC, c claims, expires time.Time) (*auth.Identity, *InvalidError) {
	name := c.texts(o.NameClaim)
	if len(name) != 1 {
		return nil, errClaims
	}
	id := &auth.Identity{Name: name[0], Method: auth.MethodJWT, Expires: expires}
	for _, value := range c.texts(o.RolesClaim) {
		for _, r := range o.Roles[value] {
			if !slices.Contains(id.Roles, r) {
				id.Roles = append(id.Roles, r)
			}
		}
		id.Packets = id.Packets || slices.Contains(o.Packets, value)
	}
	if o.HostsClaim != "" && slices.Contains(id.Roles, auth.Host) {
		id.Hosts = slices.DeleteFunc(c.texts(o.HostsClaim), func(h string) bool { return authfile.CheckHost(h) != nil })
	}
	return id, nil
}
