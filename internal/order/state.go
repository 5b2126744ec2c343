package order

import "time"

// States of a capture at a node.
const (
	// StateWaiting: topologyd has not been able to give the order yet, Error says
	// why (the host is away, for example).
	StateWaiting = "waiting"
	// StateStarting: the host has the order, and no proof yet that it works.
	StateStarting = "starting"
	// StateRunning: the host has proof that packets are seen (see Proof).
	StateRunning = "running"
	// StateFailed: it does not work; Error says why and what to do. The host goes
	// on trying.
	StateFailed = "failed"
	// StateRefused: it can never work at this node, or the host's configuration
	// does not allow it; nobody tries.
	StateRefused = "refused"
)

// Proofs that a capture works.
const (
	// ProofPacket: it saw a packet.
	ProofPacket = "packet"
	// ProofSelfTest: nothing moved yet, and everything that can be checked without
	// traffic was.
	ProofSelfTest = "self-test"
)

// CaptureState is how one assignment does.
type CaptureState struct {
	// ID is that of the assignment, Revision that of the order that it is about.
	ID       string `json:"id"`
	Revision uint64 `json:"revision"`
	State    string `json:"state"`
	// Error is what is wrong and what to do, "" when nothing is.
	Error string `json:"error,omitempty"`
	// Warning is what does not work although the capture does: a fallback that was
	// taken, or packets of the interface that it does not see.
	Warning string `json:"warning,omitempty"`
	Proof   string `json:"proof,omitempty"`
	// Type is the type in use.
	Type string `json:"type,omitempty"`
	// Since is when State began.
	Since time.Time `json:"since,omitzero"`
	Counters
}

// Counters of a capture, from when it began on this host. What a type cannot know
// stays 0.
type Counters struct {
	Packets int64 `json:"packets,omitempty"`
	Bytes   int64 `json:"bytes,omitempty"`
	// Dropped counts packets that were lost, by reason.
	Dropped map[string]int64 `json:"dropped,omitempty"`
	// Flows are those that go on.
	Flows int64 `json:"flows,omitempty"`
	// Sampling is the rate in use: one packet of so many is counted.
	Sampling int64 `json:"sampling,omitempty"`
	// CPU is what it uses in thousandths of a core, Memory in bytes.
	CPU    int64 `json:"cpu,omitempty"`
	Memory int64 `json:"memory,omitempty"`
	// RawPackets are the packets kept now, RawBytes their bytes.
	RawPackets int64 `json:"raw_packets,omitempty"`
	RawBytes   int64 `json:"raw_bytes,omitempty"`
}
