package orders

import (
	"time"

	"github.com/skein-net/skein/internal/order"
)

// States of a definition as a whole.
const (
	// StatePending: it was not looked at yet; this replica may be about to lead.
	StatePending = "pending"
	// StateFollower: another replica leads, or is about to, and knows more.
	StateFollower = "follower"
	// StateFailed: Error says why nothing is captured.
	StateFailed = "failed"
	// StateIdle: it matches no node now.
	StateIdle = "idle"
	// StateRunning: every node that it matches is captured.
	StateRunning = "running"
	// StatePartial: some are; the counts say how many, Nodes which.
	StatePartial = "partial"
)

// Status tells how a capture does.
type Status struct {
	State string `json:"state"`
	Error string `json:"error,omitempty"`
	// Matched is how many nodes the query finds; what follows how many of them are
	// in each state.
	Matched  int `json:"matched"`
	Running  int `json:"running"`
	Starting int `json:"starting,omitempty"`
	Waiting  int `json:"waiting,omitempty"`
	Failed   int `json:"failed,omitempty"`
	Refused  int `json:"refused,omitempty"`
	// Hosts is on how many hosts they are.
	Hosts int `json:"hosts,omitempty"`
	// Packets, Bytes and Dropped are the sums over the nodes.
	Packets int64 `json:"packets,omitempty"`
	Bytes   int64 `json:"bytes,omitempty"`
	Dropped int64 `json:"dropped,omitempty"`
}

// NodeStatus tells how a capture does at one node.
type NodeStatus struct {
	// Node is the node's ID, Host its host.id, HostName its host's name.
	Node      string `json:"node"`
	TID       string `json:"tid,omitempty"`
	Host      string `json:"host"`
	HostName  string `json:"host_name,omitempty"`
	Interface string `json:"interface"`
	NetNS     string `json:"netns,omitempty"`
	order.CaptureState
}

// Host is a host that is or was connected.
type Host struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Connected tells whether its collector is here now, Since since when it is, or
	// is not.
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`
	// Address is where it connects from.
	Address string `json:"address,omitempty"`
	Version string `json:"version,omitempty"`
	// Types are the capture types that it can do, Problems the features it lacks.
	Types      []string        `json:"types,omitempty"`
	RawPackets bool            `json:"raw_packets,omitempty"`
	Problems   []order.Problem `json:"problems,omitempty"`
	// Captures counts its assignments, Running those that run.
	Captures int `json:"captures"`
	Running  int `json:"running"`
}
