// Package auth says who asks and what that one may do: roles, permissions, the
// [Identity] of a request, and how it travels in a context. How an identity is
// proved is the affair of the packages below this one.
//
// The package knows nothing of HTTP, and must never hold a secret.
package auth
