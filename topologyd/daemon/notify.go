package daemon

import (
	"log/slog"
	"net"
)

// Notifier returns a function that tells systemd about the state of the
// service (sd_notify(3)); socket is the value of NOTIFY_SOCKET. Without one
// the function does nothing.
func Notifier(socket string, log *slog.Logger) func(state string) {
	if socket == "" {
		return func(string) {}
	}
	return func(state string) {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			log.Warn("cannot reach the service manager", "error", err)
			return
		}
		defer conn.Close() //nolint:errcheck // nothing is lost
		if _, err := conn.Write([]byte(state)); err != nil {
			log.Warn("cannot tell the service manager", "state", state, "error", err)
		}
	}
}
