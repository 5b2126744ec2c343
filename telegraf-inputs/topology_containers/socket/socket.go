// Package socket tells a runtime that is not there from one that fails, by its
// unix socket. It must never say anything to who listens.
package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
)

// scheme may precede a path, as the runtimes' own configurations have it.
const scheme = "unix://"

// Path returns the path of a socket that is given as a path or a URL.
func Path(address string) string { return strings.TrimPrefix(address, scheme) }

// Validate returns an error for what is not an absolute path of a unix socket.
func Validate(address string) error {
	if path := Path(address); !filepath.IsAbs(path) || filepath.Clean(path) == "/" {
		return fmt.Errorf("%q: want the absolute path of a unix socket", address)
	}
	return nil
}

// Check returns nil when somebody listens at a path. Its error is marked by
// [feed.Absent] when nobody does, as far as can be seen: there is no socket, or one
// that is left over. So it is when the socket is the same file as one of others,
// which are watched as those of another runtime.
func Check(ctx context.Context, path string, others ...string) error {
	info, err := os.Stat(path)
	// In a directory that is closed to us there may be one or none.
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return feed.Absent(err)
	} else if err != nil {
		return fmt.Errorf("find socket: %w", err)
	}
	for _, other := range others {
		if o, err := os.Stat(Path(other)); err == nil && os.SameFile(info, o) {
			return feed.Absent(fmt.Errorf("%s is %s, which is watched as such", path, other))
		}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
		return feed.Absent(err)
	} else if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return conn.Close()
}
