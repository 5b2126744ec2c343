package ebpf

// The programs are compiled by clang (14 or later) with the headers of libbpf and
// the kernel; what comes out is committed. Nothing in it depends on where it was
// compiled.
//
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package ebpf -no-global-types -target bpfel,bpfeb -tags linux kernel bpf/flows.c -- -O2 -Wall -Werror -mcpu=v3 -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
