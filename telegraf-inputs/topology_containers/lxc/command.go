package lxc

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Commands of liblxc (src/lxc/commands.h), the same since LXC 1.0.
const (
	cmdGetState   = 3
	cmdGetInitPID = 4
)

// monitorState is what a monitor says of its container (lxc_state_t,
// src/lxc/state.h).
type monitorState int

// The states.
const (
	stateStopped monitorState = iota
	stateStarting
	stateRunning
	stateStopping
	stateAborting
	stateFreezing
	stateFrozen
	stateThawed
)

// messageSize is that of lxc_cmd_req and lxc_cmd_rsp without data: two integers
// and a pointer, in which small answers travel. It is what 64-bit systems have.
const messageSize = 16

var errAnswer = errors.New("the monitor's answer makes no sense")

// request returns the message of a command without data.
func request(cmd int32) []byte {
	b := make([]byte, messageSize)
	binary.NativeEndian.PutUint32(b, uint32(cmd))
	return b
}

// parseAnswer returns the number that answers a command.
func parseAnswer(b []byte) (int, error) {
	if len(b) != messageSize {
		return 0, fmt.Errorf("%w: %d bytes", errAnswer, len(b))
	}
	if ret := int32(binary.NativeEndian.Uint32(b)); ret < 0 {
		return 0, fmt.Errorf("%w: error %d", errAnswer, -ret)
	}
	// The pointer holds an int.
	n := int64(binary.NativeEndian.Uint64(b[8:]))
	if n < 0 || n > 1<<31-1 {
		return 0, fmt.Errorf("%w: %d", errAnswer, n)
	}
	return int(n), nil
}

// answer is what a monitor says.
type answer struct {
	state monitorState
	pid   int
	// uid is the user who listens at the socket.
	uid uint32
}
