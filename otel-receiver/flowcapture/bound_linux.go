package flowcapture

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

var errNotBound = errors.New("no packet socket of the collector is running on the interface")

// bound checks that a packet socket of this process is bound to an interface and
// that the kernel hands frames to it: /proc/net/packet of the namespace, whose
// columns are sk, RefCnt, Type, Proto, Iface, R (running), Rmem, User, Inode.
func bound(at *spot) error {
	var inodes []string
	err := at.ns.Do(func() (err error) {
		inodes, err = packetSockets(at.link.Index)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the packet sockets of the kernel: %w", err)
	}
	own, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("read the own descriptors: %w", err)
	}
	for _, fd := range own {
		target, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err != nil {
			continue // it was closed
		}
		for _, inode := range inodes {
			if target == "socket:["+inode+"]" {
				return nil
			}
		}
	}
	return fmt.Errorf("%w %s", errNotBound, at.link.Name)
}

// packetSockets returns the inodes of the running packet sockets on an interface
// of the calling thread's namespace.
func packetSockets(index int) (inodes []string, err error) {
	f, err := os.Open("/proc/thread-self/net/packet")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		col := strings.Fields(lines.Text())
		if len(col) >= 9 && col[4] == strconv.Itoa(index) && col[5] == "1" {
			inodes = append(inodes, col[8])
		}
	}
	return inodes, lines.Err()
}
