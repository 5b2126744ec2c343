// Package faults sends captures what no network should carry, more flows than
// fit anywhere, and frames that are broken in every way, and checks that the
// built Collector, and topologyd behind it, stay within their bounds, count what
// they lose and go on. internal/faults breaks what the programs stand on;
// docs/faults.md is the ledger of both.
//
// The tests run the programs that SKEIN_BIN names the directory of, else ones
// that they build, and look at them only from outside. Frames are sent only in
// namespaces that the tests make; they skip without root. Nothing but tests
// imports the package.
package faults
