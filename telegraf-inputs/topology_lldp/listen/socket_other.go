//go:build !linux

package listen

import (
	"sync"
	"time"

	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/internal/netns"
)

type socket struct{ bound bool }

func openSocket([]bpf.RawInstruction, *sync.Pool) (*socket, error) {
	return nil, netns.ErrUnsupported
}

func (*socket) bind() error                       { return netns.ErrUnsupported }
func (*socket) join(int32) error                  { return netns.ErrUnsupported }
func (*socket) leave(int32)                       {}
func (*socket) receive(func(int32, []byte)) error { return netns.ErrUnsupported }
func (*socket) drops(time.Time) int64             { return 0 }
func (*socket) close()                            {}
