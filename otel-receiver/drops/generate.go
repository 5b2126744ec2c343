package drops

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -tags linux -no-global-types -target bpfel,bpfeb programs bpf/drops.c -- -O2 -g -Wall -Werror
