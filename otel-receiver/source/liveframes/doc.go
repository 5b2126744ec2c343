// Package liveframes makes an interface of a network namespace receive frames,
// faster than anything that sends them: it hands them to the kernel's XDP test
// run in "live frames" mode (Linux 5.18, Documentation/bpf/bpf_prog_run.rst),
// from where they go up the network stack as if a card had received them.
//
// It is for tests and benchmarks of captures only. It takes named namespaces
// only, never the process's own, and every run is bounded in frames and time.
package liveframes
