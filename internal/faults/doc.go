// Package faults breaks what topologyd stands on, processes, files, disks,
// networks and clocks, while it is under load, and checks what it promises: no
// acknowledged event is lost, revisions keep their order, the past stays as it
// was, replicas agree; and that flows count what the interface did, whatever
// happens between a Collector and topologyd. docs/faults.md is the ledger of
// what is tried and what it proves.
//
// The tests run the programs that SKEIN_BIN names the directory of, else ones
// that they build. They look at them only from outside. Tests that need root
// skip without it; all traffic stays on loopback or in namespaces that the
// tests make. Nothing but tests imports the package.
package faults
