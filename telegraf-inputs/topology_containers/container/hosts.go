package container

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/skein-net/skein/internal/entity"
)

// Hosts is the content of a container's /etc/hosts.
type Hosts struct {
	// IP and Hostname are the container's own: the first line that has its
	// hostname. Empty when no line has.
	IP, Hostname string
	// ByIP holds the names of each address, in their order.
	ByIP map[netip.Addr][]string
	// cut tells that there was more than is kept.
	cut bool
}

// Bounds of a hosts file.
const (
	maxHostsFile  = 1 << 20
	maxHostsLine  = 64 << 10
	maxHostsNames = 2000
)

// ReadHosts reads a hosts file. hostname is that of the container; empty: not
// known. What is not a regular file is refused, also when a container puts it in
// the place of one meanwhile: a FIFO must not stop the caller.
func ReadHosts(path, hostname string) (*Hosts, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("read hosts: %w", err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read hosts: %s is not a regular file", path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read hosts: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read hosts: %s is no longer a regular file", path)
	}
	return ParseHosts(f, hostname)
}

// ParseHosts reads the text of a hosts file (hosts(5)). Lines that are none are
// left out; of what is too much the first is kept.
func ParseHosts(r io.Reader, hostname string) (*Hosts, error) {
	h := &Hosts{ByIP: make(map[netip.Addr][]string)}
	limited := &io.LimitedReader{R: r, N: maxHostsFile}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxHostsLine)
	names := 0
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name, _ = shorten(entity.CleanText(name), entity.MaxKeyLength)
			if slices.Contains(h.ByIP[addr], name) {
				continue
			}
			if names++; names > maxHostsNames {
				h.cut = true
				return h, nil
			}
			h.ByIP[addr] = append(h.ByIP[addr], name)
			if name == hostname && h.IP == "" {
				h.IP, h.Hostname = addr.String(), name
			}
		}
	}
	if limited.N == 0 {
		h.cut = true
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("read hosts: %w", err)
	} else if err != nil {
		h.cut = true
	}
	return h, nil
}

// value is the map Container.Hosts.
func (h *Hosts) value() (v entity.Value, cut bool) {
	byIP := make(entity.Attrs, 0, len(h.ByIP))
	for addr, names := range h.ByIP {
		key, changed := Key(addr.String())
		cut = cut || changed
		byIP = append(byIP, entity.A(key, texts(names)))
	}
	a := entity.Attrs{entity.A("IP", optional(h.IP)), entity.A("Hostname", optional(h.Hostname))}
	if len(byIP) > 0 {
		a = append(a, entity.A("ByIP", entity.Map(byIP.Normalize())))
	}
	return entity.Map(a.Normalize()), cut || h.cut
}
