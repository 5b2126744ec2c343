// Package definition keeps what users define (rules, fabrics, later captures
// and workflows): small named objects of several kinds, in a key-value bucket
// that all replicas share.
//
// A [Store] is made with the kinds it takes. It follows the bucket, so that
// reading is answered from memory and never waits for anybody, and it writes
// with the revision that it saw, so that nobody overwrites what he has not read.
//
// The package knows neither the graph nor what a definition is for, and it must
// never stop because of a definition that it cannot read: a newer daemon may
// have written it.
package definition
