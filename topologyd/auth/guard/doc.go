// Package guard stands before everything that answers: it asks every request over
// HTTP and gRPC who sends it, whether that one may, and whether it is not too much,
// before a byte of the body is read. It puts the [auth.Identity] into the context of
// what it lets in, and ends what lasts when the proof does not hold any more.
//
// The package must never put a secret into a log, an error, a metric or the audit
// record, and must never let in what it could not look at.
package guard
