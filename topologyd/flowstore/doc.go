// Package flowstore keeps flow reports and interface counters: in a directory
// of its own with VictoriaLogs' storage library, or in a VictoriaLogs by URL
// (a single one or the front of a cluster). Both hold the same rows under the
// same names and are asked with the same LogsQL; docs/formats/flow-store.md
// describes them. A collector may also write straight to such a VictoriaLogs
// by OTLP: the names are those of its attributes.
//
// It is the only package that imports VictoriaMetrics' code. It must never
// hand on a value in a query other than quoted, keep a query running after its
// context, nor wait for a disk that is full.
//
// The library keeps state for the whole process: flags in the standard flag
// set, a logger to stderr and metrics of its own. Start sends what it logs to
// slog, and sets the flag that bounds its memory. It stops the process when the
// disk fails beneath it; Write refuses rows before the disk is full.
package flowstore
