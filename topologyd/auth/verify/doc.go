// Package verify proves who asks: by a token whose hash a file has, by the
// certificate that a client showed, or by a JWT of an OpenID Connect issuer. The
// file is read again when it changes; so are the issuer's keys.
//
// The package fails closed: without a usable file it does not start, and a file that
// cannot be used any more counts as its last good version. It must never keep a
// token, nor put one, or a part of one, into a log, an error or a metric.
package verify
