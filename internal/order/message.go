package order

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// Path is the endpoint that a collector opens, by its host.id.
func Path(hostID string) string { return "/api/v1/hosts/" + url.PathEscape(hostID) + "/assignments" }

// MaxMessage is how long one message may be, in bytes.
const MaxMessage = 4 << 20

// Envelope is one message. Exactly one field is set.
type Envelope struct {
	// From the collector.
	Hello   *Hello   `json:"hello,omitempty"`
	State   *State   `json:"state,omitempty"`
	Packets *Packets `json:"packets,omitempty"`
	// From topologyd.
	Assignments *Assignments `json:"assignments,omitempty"`
	Fetch       *Fetch       `json:"fetch,omitempty"`
	Cancel      *Cancel      `json:"cancel,omitempty"`
}

// Hello is what a collector says of itself, once, as its first message.
type Hello struct {
	// HostID is the host.id that the host's topology is reported with; it is the one
	// of the URL. HostName is for people.
	HostID   string `json:"host_id"`
	HostName string `json:"host_name,omitempty"`
	// Instance names the process: another one with the same HostID is either its
	// successor or a mistake. The newer session wins.
	Instance string `json:"instance"`
	// Version is that of the collector.
	Version string `json:"version,omitempty"`
	// Types are the capture types that the host can do, the preferred one first
	// (see [TypeAFPacket]).
	Types []string `json:"types"`
	// RawPackets tells that the host's configuration allows packets to be kept and
	// fetched.
	RawPackets bool `json:"raw_packets,omitempty"`
	// Problems are features that the host lacks, and what is done instead.
	Problems []Problem `json:"problems,omitempty"`
	// Have is the Revision of the assignments that are followed now, 0 for none.
	Have uint64 `json:"have,omitempty"`
}

// Problem is a feature that a host lacks.
type Problem struct {
	// Feature is, for example, "tcx" or "kfree_skb".
	Feature string `json:"feature"`
	// Error is why, Fallback what is done instead; "" when nothing is.
	Error    string `json:"error"`
	Fallback string `json:"fallback,omitempty"`
}

// Assignments is all that a host is to do.
type Assignments struct {
	// Revision grows with every change.
	Revision uint64    `json:"revision"`
	Captures []Capture `json:"captures"`
}

// State tells how assignments do: of those that changed, or of all when Whole.
type State struct {
	// Whole tells that all captures of the host are in the list; what topologyd has
	// beyond it is no longer so.
	Whole    bool           `json:"whole,omitempty"`
	Captures []CaptureState `json:"captures"`
}

// Fetch asks for packets that captures keep.
type Fetch struct {
	// Request is made by topologyd; answers carry it.
	Request uint64 `json:"request"`
	// Captures are IDs of assignments; one that ends in "/" stands for all of that
	// definition. Empty: all.
	Captures []string `json:"captures,omitempty"`
	// Flows are flow IDs; empty: all.
	Flows []string `json:"flows,omitempty"`
	// From and To bound the times of packets, Unix nanoseconds, 0: not.
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
	// MaxPackets and MaxBytes end the answer, 0: not.
	MaxPackets int64 `json:"max_packets,omitempty"`
	MaxBytes   int64 `json:"max_bytes,omitempty"`
	// Follow goes on with packets as they come, until [Cancel] or a bound.
	Follow bool `json:"follow,omitempty"`
}

// Cancel ends a [Fetch].
type Cancel struct {
	Request uint64 `json:"request"`
}

// Packets is a part of the answer to a [Fetch].
type Packets struct {
	Request uint64 `json:"request"`
	// Packets are in the order of their times within one capture.
	Packets []Packet `json:"packets,omitempty"`
	// Lost counts packets that were due in a followed answer and could not be kept
	// until they were sent.
	Lost int64 `json:"lost,omitempty"`
	// Done ends the answer. Error is why it ended early, "" when it did not.
	Done  bool   `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}

// Packet is one packet as it was captured.
type Packet struct {
	// Capture is the ID of the assignment, Flow that of the flow, "" when none is
	// known.
	Capture string `json:"capture"`
	Flow    string `json:"flow,omitempty"`
	// Time is when it was captured, Unix nanoseconds.
	Time int64 `json:"time"`
	// Link is the LINKTYPE of Data, Wire its length on the wire in bytes.
	Link uint16 `json:"link"`
	Wire int    `json:"wire"`
	// Out tells that the host sent it on the interface.
	Out bool `json:"out,omitempty"`
	// Data is base64 in JSON.
	Data []byte `json:"data"`
}

// Errors of [Decode].
var (
	errTooLong = fmt.Errorf("the message is longer than %d bytes", MaxMessage)
	errNotOne  = errors.New("the message does not have exactly one content")
)

// Encode returns the message as it is sent.
func Encode(e *Envelope) ([]byte, error) {
	if e.contents() != 1 {
		return nil, fmt.Errorf("encode order: %w", errNotOne)
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode order: %w", err)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("encode order: %w", errTooLong)
	}
	return b, nil
}

// Decode reads a message. A message of a kind that is not known has no content
// and is no error: the reader passes it over.
func Decode(b []byte) (*Envelope, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("decode order: %w", errTooLong)
	}
	var e Envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("decode order: %w", err)
	}
	if e.contents() > 1 {
		return nil, fmt.Errorf("decode order: %w", errNotOne)
	}
	return &e, nil
}

func (e *Envelope) contents() int {
	n := 0
	for _, set := range []bool{e.Hello != nil, e.State != nil, e.Packets != nil, e.Assignments != nil, e.Fetch != nil, e.Cancel != nil} {
		if set {
			n++
		}
	}
	return n
}
