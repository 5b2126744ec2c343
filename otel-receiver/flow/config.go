package flow

import (
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// KeyMode says which layers tell flows apart.
type KeyMode uint8

// The modes. L2 looks at everything from the link header up: addresses and
// VLAN tags too. L3 begins at the IP header, so that packets of one
// conversation on several paths are one flow, of whose link headers records tell
// those of the first packet; frames without an IP header are told apart as by L2.
const (
	L2 KeyMode = iota
	L3
)

// Config is how a table works. Zero values of counts and times mean the
// defaults.
type Config struct {
	// Capacity is how many flows the table holds. Its memory is allocated at
	// once, at most 256 bytes a flow; the system provides it as it is used.
	Capacity int
	// Idle is how long nothing must come for a flow to end, IdleARP the same for
	// ARP and IdleDNS for DNS over UDP.
	Idle, IdleARP, IdleDNS time.Duration
	// HoldFinished is how long a TCP connection that was closed or reset stays
	// after its last packet, so that late segments count to it.
	HoldFinished time.Duration
	// Update is how long after its first unreported packet a flow is reported.
	Update time.Duration
	// KeyMode says which layers tell flows apart.
	KeyMode KeyMode
	// Apps names applications by port. nil means [DefaultApps].
	Apps []AppPort
	// Defrag counts fragments to the flow of their datagram. Without it they
	// make flows of their own, without ports.
	Defrag bool
	// FragmentTimeout is how long fragments wait for the first one of their
	// datagram, and Fragments how many datagrams in fragments are followed.
	FragmentTimeout time.Duration
	Fragments       int
	// TCPDetails is how many TCP connections may have counters of sequence
	// numbers and times of SYN, FIN and RST at a time.
	TCPDetails int
	// Messages is how many flows may keep a message for the [Detailer] at a time.
	Messages int
	// NoSequences is for sources of which not every TCP segment comes by itself
	// (AddBulk): no sequence numbers are followed, so that retransmitted, late and
	// missing segments are not counted.
	NoSequences bool
	// Keep is how many of the first packets of each flow [Table.AddKeep] says to
	// keep, negative all of them. It costs 4 bytes a flow, 0 nothing.
	Keep int
}

// DefaultConfig returns the defaults: 65,536 flows, reports every 10 s, idle
// after 120 s.
func DefaultConfig() Config {
	return Config{
		Capacity:        65536,
		Idle:            120 * time.Second,
		IdleARP:         10 * time.Second,
		IdleDNS:         10 * time.Second,
		HoldFinished:    15 * time.Second,
		Update:          10 * time.Second,
		Apps:            DefaultApps(),
		Defrag:          true,
		FragmentTimeout: 30 * time.Second,
		Fragments:       1024,
		Messages:        1024,
	}
}

// Bounds of Config.Capacity.
const (
	minCapacity = 64
	maxCapacity = 1 << 28
)

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	switch {
	case c.Capacity != 0 && (c.Capacity < minCapacity || c.Capacity > maxCapacity):
		return fmt.Errorf("capacity %d: want %d to %d flows", c.Capacity, minCapacity, maxCapacity)
	case c.KeyMode > L3:
		return fmt.Errorf("key mode %d: want L2 or L3", c.KeyMode)
	case c.Fragments < 0 || c.TCPDetails < 0 || c.Messages < 0:
		return fmt.Errorf("fragments %d, TCP details %d, messages %d: want none below 0", c.Fragments, c.TCPDetails, c.Messages)
	}
	for _, t := range [...]struct {
		name string
		time.Duration
	}{
		{"idle time", c.Idle}, {"idle time of ARP", c.IdleARP}, {"idle time of DNS", c.IdleDNS},
		{"hold time", c.HoldFinished}, {"update time", c.Update}, {"fragment timeout", c.FragmentTimeout},
	} {
		if t.Duration < 0 || t.Duration > 30*24*time.Hour {
			return fmt.Errorf("%s %s: want 0 to 30 days", t.name, t.Duration)
		}
	}
	for _, a := range c.Apps {
		if err := a.validate(); err != nil {
			return err
		}
	}
	if len(c.Apps) > maxApps {
		return fmt.Errorf("%d applications: want at most %d", len(c.Apps), maxApps)
	}
	return nil
}

// withDefaults fills what is zero and brings the rest into bounds.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	count := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	span := func(v *time.Duration, def time.Duration) {
		if *v <= 0 {
			*v = def
		}
	}
	count(&c.Capacity, d.Capacity)
	c.Capacity = min(max(c.Capacity, minCapacity), maxCapacity)
	count(&c.Fragments, d.Fragments)
	count(&c.Messages, d.Messages)
	count(&c.TCPDetails, c.Capacity*3/16)
	c.TCPDetails = min(c.TCPDetails, c.Capacity)
	span(&c.Idle, d.Idle)
	span(&c.IdleARP, d.IdleARP)
	span(&c.IdleDNS, d.IdleDNS)
	span(&c.HoldFinished, d.HoldFinished)
	span(&c.Update, d.Update)
	span(&c.FragmentTimeout, d.FragmentTimeout)
	if c.Apps == nil {
		c.Apps = d.Apps
	}
	return c
}

// Place is where the packets are seen; it is the same in all records of a
// table.
type Place struct {
	// NodeTID is the TID of the interface.
	NodeTID entity.UUID
	// HostID and Interface are host.id and the interface's name.
	HostID, Interface string
	// CaptureID names the capture.
	CaptureID string
}

// Kind is a kind of message that is explained beyond its headers.
type Kind uint8

// The kinds of messages.
const (
	KindNone Kind = iota
	KindDNS
	KindDHCPv4
	KindVRRPv2
)

// Detailer explains messages. A table calls it from the worker that owns it,
// when a report is made and not for each packet.
type Detailer interface {
	// Wants reports whether messages of a kind are explained at all.
	Wants(Kind) bool
	// Detail returns a map of what a message says; it must not keep the payload.
	// It is false when the message makes no sense.
	Detail(kind Kind, payload []byte) (entity.Value, bool)
}
