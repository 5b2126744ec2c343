// Package audit writes down who took packets off the network, who was refused,
// and who had captures made: a [Log] is a file of JSON objects, one a line, that
// is only ever appended to and readable by its owner alone.
//
// A record is in the file before [Log.Record] returns, and on the disk before it
// returns for actions that let data out; for the others within [SyncEvery]. What
// is asked too often to be written is counted, and the count is in the next
// record. The package must never drop a record in silence.
package audit
