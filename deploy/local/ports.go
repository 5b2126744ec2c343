package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// address completes what the environment says: a port alone means loopback.
func address(s, def string) (string, error) {
	if s == "" {
		return def, nil
	}
	if _, err := strconv.Atoi(s); err == nil {
		s = net.JoinHostPort("127.0.0.1", s)
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("address %q: want host:port or a port", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("address %q: %q is not a port", s, port)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// portsFree checks that nobody listens on the addresses, given as the names of
// the variables that change them and the addresses.
func portsFree(ctx context.Context, pairs ...[2]string) error {
	var lc net.ListenConfig
	var errs []error
	for _, p := range pairs {
		l, err := lc.Listen(ctx, "tcp", p[1])
		if err == nil {
			_ = l.Close() // it was only a question
			continue
		}
		_, port, _ := net.SplitHostPort(p[1])
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("port %s (%s) is in use; stop what listens there or choose another with %s=127.0.0.1:PORT", port, p[1], p[0])
		} else {
			err = fmt.Errorf("port %s: %w; choose another address with %s=127.0.0.1:PORT", port, err, p[0])
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
