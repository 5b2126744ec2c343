package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what an identity is there for.
type Role string

// The roles. Every role may read what is public.
const (
	// Viewer reads the graph, its past, flows and definitions.
	Viewer Role = "viewer"
	// Operator is a viewer who also makes captures, rules, joins and alerts.
	Operator Role = "operator"
	// Host speaks for hosts, and only for those that its identity names: it asserts
	// their entities and fetches their assignments. It reads nothing else.
	Host Role = "host"
	// Admin may do everything, packets excepted (see [Identity.Packets]).
	Admin Role = "admin"
)

// Roles returns all roles, those that may do least first.
func Roles() []Role { return []Role{Host, Viewer, Operator, Admin} }

// ParseRole reads the name of a role.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains(Roles(), r) {
		return r, nil
	}
	names := make([]string, 0, len(Roles()))
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return "", fmt.Errorf("role %q is not known; give one of %s", s, strings.Join(names, ", "))
}

// Permission is one thing that an endpoint asks for. The zero value is granted to
// admins alone, so that an endpoint which says nothing is closed.
type Permission uint8

// The permissions.
const (
	// Administer is for what concerns the daemon itself, the audit record among it.
	Administer Permission = iota
	// Public is granted to everybody, without credentials.
	Public
	// Read is for the graph, its past, flows, definitions and metrics.
	Read
	// Define is for making, changing and deleting definitions.
	Define
	// Report is for asserting entities, counters and flows.
	Report
	// Follow is for the assignments of a host; whose, the identity's hosts say.
	Follow
	// Payload is for the content of packets. No role includes it.
	Payload
)

// String returns the name, as the audit record and errors have it.
func (p Permission) String() string {
	switch p {
	case Public:
		return "public"
	case Read:
		return "read"
	case Define:
		return "define"
	case Report:
		return "report"
	case Follow:
		return "follow"
	case Payload:
		return "payload"
	default:
		return "administer"
	}
}

// Grants tells whether a role includes a permission.
func (r Role) Grants(p Permission) bool {
	switch p {
	case Public:
		return true
	case Read:
		return r == Viewer || r == Operator || r == Admin
	case Define:
		return r == Operator || r == Admin
	case Report, Follow:
		return r == Host || r == Admin
	case Payload:
		return false
	default:
		return r == Admin
	}
}
