package verify

import (
	"errors"
	"time"
)

// ErrNone tells that a request brought nothing that could prove who asks.
var ErrNone = errors.New("no credentials; send a token as Authorization: Bearer, or show a client certificate")

// Reasons why a proof was refused. They are few, so that they may label a metric.
const (
	// ReasonMalformed: the Authorization header is no scheme and token.
	ReasonMalformed = "malformed"
	// ReasonUnknown: no row of the file has the token, or the certificate's names.
	ReasonUnknown = "unknown"
	// ReasonExpired: it was good once. ReasonNotYet: it will be.
	ReasonExpired = "expired"
	ReasonNotYet  = "not_yet_valid"
	// ReasonChain: the certificate is not signed by the CAs of clients, or not any
	// more.
	ReasonChain = "chain"
	// ReasonIssuer, ReasonAudience, ReasonKey, ReasonSignature and ReasonClaims: the
	// JWT is of another issuer, is meant for somebody else, is signed by a key that
	// the issuer does not have, in a way that is not taken or not at all, or lacks
	// what tells who it is.
	ReasonIssuer    = "issuer"
	ReasonAudience  = "audience"
	ReasonKey       = "key"
	ReasonSignature = "signature"
	ReasonClaims    = "claims"
	// ReasonLimited: too many JWTs from that address were wrong, and its turn to be
	// looked at did not come.
	ReasonLimited = "limited"
	// ReasonUnavailable: the issuer's keys cannot be had at the moment.
	ReasonUnavailable = "unavailable"
)

// InvalidError tells that a proof was refused, or cannot be looked at now.
type InvalidError struct {
	// Reason is one of the constants above.
	Reason string
	// RetryAfter is when the same proof may be good, for [ReasonLimited] and
	// [ReasonUnavailable]; else it is zero, and only another proof will do.
	RetryAfter time.Duration

	text string
}

// Error says what is wrong and what to do, and nothing of what was sent.
func (e *InvalidError) Error() string { return e.text }

func invalid(reason, text string) *InvalidError { return &InvalidError{Reason: reason, text: text} }

// What is refused often is there already, so that refusing allocates nothing.
var (
	errMalformed   = invalid(ReasonMalformed, "the Authorization header cannot be read; send Bearer, a space and the token")
	errUnknown     = invalid(ReasonUnknown, "the token is not known; ask for one that is in the file of --auth-file")
	errExpired     = invalid(ReasonExpired, "the token is expired; ask for a new one")
	errNotYet      = invalid(ReasonNotYet, "the token is not valid yet; compare the clocks of the issuer and of topologyd")
	errChain       = invalid(ReasonChain, "the client certificate is not signed by the CAs of --tls-client-ca")
	errCertUnknown = invalid(ReasonUnknown, "the client certificate has no name that is in the file of --auth-file")
	errCertExpired = invalid(ReasonExpired, "the client certificate is expired; renew it")
	errCertNotYet  = invalid(ReasonNotYet, "the client certificate is not valid yet; compare the clocks")
	errIssuer      = invalid(ReasonIssuer, "the JWT is not of the issuer that is in the file of --auth-file")
	errAudience    = invalid(ReasonAudience, "the JWT is not meant for this topologyd; ask the issuer for one with its audience")
	errKey         = invalid(ReasonKey, "the issuer of the JWT does not have the key that it is signed with")
	errSignature   = invalid(ReasonSignature, "the JWT is not signed as it has to be: by RSA, ECDSA or Ed25519, with a key of the issuer")
	errClaims      = invalid(ReasonClaims, "the JWT does not tell who it is for; name_claim in the file of --auth-file says which claim has to")
	errUnavailable = &InvalidError{ReasonUnavailable, 5 * time.Second, "the keys of the issuer cannot be had at the moment"}
)
