package ofprobe

import (
	"fmt"
	"net"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Bridge is one bridge whose rules are wanted.
type Bridge struct {
	// Name is for logs and metrics.
	Name string
	// Database names the OVSDB of the bridge, UUID the bridge's row: together they
	// identify it ([entity.RowRef]).
	Database, UUID string
	// Target is where it speaks OpenFlow: "unix:PATH" or a path, usually
	// <rundir>/<bridge>.mgmt, "tcp:HOST:PORT" or "ssl:HOST:PORT".
	Target string
}

// Ref names the bridge's entity.
func (b *Bridge) Ref() entity.Ref {
	return entity.RowRef(entity.TypeOvsBridge, b.Database, b.UUID)
}

// defaultPort is the port of OpenFlow (IANA).
const defaultPort = "6653"

// parseTarget splits a target into what net.Dial wants and whether TLS is
// spoken.
func parseTarget(target string) (network, address string, secure bool, err error) {
	scheme, rest, found := strings.Cut(target, ":")
	switch {
	case strings.HasPrefix(target, "/"):
		return "unix", target, false, nil
	case !found || rest == "":
		return "", "", false, fmt.Errorf("target %q: want unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT", target)
	case scheme == "unix":
		return "unix", rest, false, nil
	case scheme == "tcp" || scheme == "ssl":
		if _, _, err := net.SplitHostPort(rest); err != nil {
			rest = net.JoinHostPort(strings.Trim(rest, "[]"), defaultPort)
		}
		return "tcp", rest, scheme == "ssl", nil
	}
	return "", "", false, fmt.Errorf("target %q: unknown kind %q", target, scheme)
}
