// Package authfile is the file of --auth-file: who may do what, and by which proof.
//
// The package reads and makes text and nothing else, for the daemon as for the
// command line. The file holds hashes of tokens; the package must never put one, nor
// a token that somebody wrote where its hash belongs, into an error.
package authfile
