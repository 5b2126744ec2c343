package sockets

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -tags linux -no-global-types -target bpfel,bpfeb programs bpf/sockets.c -- -O2 -g -Wall -Werror
