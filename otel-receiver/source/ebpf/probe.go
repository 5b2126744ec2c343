package ebpf

import (
	"slices"

	"github.com/skein-net/skein/internal/order"
)

// Names of features in problems.
const (
	FeatureEBPF  = "ebpf"
	FeatureTCX   = "tcx"
	FeatureBatch = "bpf_batch"
)

// Features is what the kernel lets this process do.
type Features struct {
	// Kernel is its release, "" when it is not Linux.
	Kernel string
	// Usable tells that interfaces can be captured by eBPF at all.
	Usable bool
	// TCX tells that programs are attached by tcx (Linux 6.6); else by a classifier
	// of clsact.
	TCX bool
	// Batch tells that maps are read many flows at a time (Linux 5.6).
	Batch bool

	problems []order.Problem
}

// Problems lists what is missing, and what is done instead.
func (f Features) Problems() []order.Problem { return slices.Clone(f.problems) }

func (f *Features) problem(feature string, err error, fallback string) {
	f.problems = append(f.problems, order.Problem{Feature: feature, Error: err.Error(), Fallback: fallback})
}

// What is done instead.
const (
	insteadPackets = "captures use packet sockets (afpacket)"
	insteadClsact  = "programs are attached as classifiers of clsact"
	insteadSingle  = "flows are read from the kernel one by one, which takes more processor time"
)
