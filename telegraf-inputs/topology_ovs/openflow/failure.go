package openflow

import (
	"encoding/binary"
	"fmt"
)

// Failure is what a KindError message says. It is an error.
type Failure struct {
	Version      Version
	XID          uint32 // of the request that failed
	Type, Code   uint16
	Experimenter uint32 // when Type is 0xffff (or Nicira's 0xb0c2 in 1.0 and 1.1), else 0
	Data         []byte // the start of the request, or a text for a failed HELLO
}

const (
	failureHello        = 0
	failureBadRequest   = 1
	failureNicira       = 0xb0c2
	failureExperimenter = 0xffff
)

// DecodeFailure reads a KindError. Data is a copy.
func DecodeFailure(m Message) (*Failure, error) {
	if len(m.Body) < 4 {
		return nil, fmt.Errorf("read error message: %w", ErrShort)
	}
	f := &Failure{
		Version: m.Version, XID: m.XID,
		Type: binary.BigEndian.Uint16(m.Body), Code: binary.BigEndian.Uint16(m.Body[2:]),
	}
	data := m.Body[4:]
	switch {
	case f.Type == failureExperimenter && m.Version >= V12 && len(data) >= 4:
		f.Experimenter, data = binary.BigEndian.Uint32(data), data[4:]
	case f.Type == failureNicira && m.Version <= V11 && len(data) >= 8:
		// struct nx_vendor_error: the experimenter, then its own type and code.
		f.Experimenter = binary.BigEndian.Uint32(data)
		f.Type, f.Code = binary.BigEndian.Uint16(data[4:]), binary.BigEndian.Uint16(data[6:])
		data = data[8:]
	}
	f.Data = append([]byte(nil), data...)
	return f, nil
}

// Unsupported says whether the switch refused the request because it does not
// know it: the session may go on with another one.
func (f *Failure) Unsupported() bool {
	if f.Experimenter != 0 {
		return false
	}
	// bad version, type, statistics, experimenter, subtype, or permission
	return f.Type == failureBadRequest && f.Code <= 5
}

// Error implements error.
func (f *Failure) Error() string {
	types := [...]string{
		"hello failed", "bad request", "bad action", "bad instruction", "bad match", "flow_mod failed",
		"group_mod failed", "port_mod failed", "table_mod failed", "queue operation failed",
		"switch configuration failed", "role request failed", "meter_mod failed", "table features failed",
		"bad property", "asynchronous configuration failed", "flow monitor failed", "bundle failed",
	}
	requests := [...]string{
		"bad version", "bad type", "bad statistics type", "bad experimenter", "bad experimenter type",
		"not permitted", "bad length", "buffer is empty", "buffer is unknown", "bad table", "is a secondary",
		"bad port", "bad packet", "multipart overflow",
	}
	what := fmt.Sprintf("error type %d", f.Type)
	switch {
	case f.Experimenter != 0:
		what = fmt.Sprintf("error type %d of experimenter 0x%x", f.Type, f.Experimenter)
	case f.Version == V10 && f.Type >= 3:
		// 1.0 numbers the rest its own way.
		if old := [...]string{"flow_mod failed", "port_mod failed", "queue operation failed"}; int(f.Type-3) < len(old) {
			what = old[f.Type-3]
		}
	case int(f.Type) < len(types):
		what = types[f.Type]
	}
	if f.Type == failureBadRequest && f.Experimenter == 0 && int(f.Code) < len(requests) {
		what += ": " + requests[f.Code]
	} else {
		what += fmt.Sprintf(", code %d", f.Code)
	}
	if f.Type == failureHello && len(f.Data) > 0 {
		what += fmt.Sprintf(": %.200q", f.Data)
	}
	return "switch refuses: " + what
}
