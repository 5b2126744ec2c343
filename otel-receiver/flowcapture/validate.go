package flowcapture

import (
	"errors"
	"fmt"
	"net"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// Values of options.
const (
	keyL2          = "l2"
	keyL3          = "l3"
	layerDNS       = "dns"
	layerDHCPv4    = "dhcpv4"
	layerVRRP      = "vrrp"
	timestampsKeep = "keep"
	timestampsNow  = "now"
)

// Snap lengths that leave room for the headers of a packet in tunnels, and for
// messages.
const (
	snapLenHeaders = 256
	snapLenDetails = 1600
)

// Bounds of the configuration.
const (
	maxWorkers    = 64
	maxRingMiB    = 1024
	maxSnapLen    = 256 << 10
	minFlows      = 64
	maxFlows      = 1 << 24
	maxName       = 128
	maxAppName    = 64
	maxQueue      = 1 << 20
	maxSeries     = 1 << 20
	maxInterfaces = 1024
)

// Validate implements [confmap.Validator]. All that is wrong is told at once.
func (c *Config) Validate() error {
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	if len(c.Captures) == 0 && !c.Orders.set() {
		add(errors.New(`captures: there is none; add one, for example {interfaces: [default-route]}, or orders`))
	}
	add(c.Orders.validate())
	if len(c.Host.ID) > maxName || len(c.Host.Name) > maxName {
		add(fmt.Errorf("host: id and name have %d bytes at most", maxName))
	}
	add(between("update_interval", c.UpdateInterval, 100*time.Millisecond, time.Hour))
	add(between("idle_timeout", c.IdleTimeout, time.Second, 24*time.Hour))
	names := make(map[string]int)
	for i := range c.Captures {
		cc := &c.Captures[i]
		if err := cc.validate(); err != nil {
			add(fmt.Errorf("captures[%d]: %w", i, err))
			continue
		}
		name := cc.name()
		if first, taken := names[name]; taken {
			add(fmt.Errorf("captures[%d]: its name is %q as that of captures[%d]; give them different names", i, name, first))
			continue
		}
		names[name] = i
	}
	for i, a := range c.Applications {
		if err := a.validate(); err != nil {
			add(fmt.Errorf("applications[%d]: %w", i, err))
		}
	}
	add(c.Queue.validate())
	add(c.Metrics.validate())
	return errors.Join(errs...)
}

func (c *CaptureConfig) validate() error {
	errs := []error{
		oneOf("type", c.Type, typeAFPacket, typeEBPF, typePcapFile, typePcapSocket),
		oneOf("key_mode", c.KeyMode, keyL2, keyL3),
		oneOf("timestamps", c.Timestamps, timestampsKeep, timestampsNow),
		between("workers", c.Workers, 1, maxWorkers),
		between("ring_size", c.RingSize, 1, maxRingMiB),
		between("flows", c.Flows, minFlows, maxFlows),
		between("max_interfaces", c.MaxInterfaces, 1, maxInterfaces),
	}
	if c.SnapLen != 0 {
		errs = append(errs, between("snaplen", c.SnapLen, 64, maxSnapLen))
	}
	if len(c.Name) > maxName {
		errs = append(errs, fmt.Errorf("name: %d bytes, want %d at most", len(c.Name), maxName))
	}
	for _, l := range c.Layers {
		errs = append(errs, oneOf("layers", l, layerDNS, layerDHCPv4, layerVRRP))
	}
	switch c.Type {
	case typeAFPacket, typeEBPF:
		errs = append(errs, c.validateInterfaces(), c.validateOptions())
	case typePcapFile:
		if c.File == "" {
			errs = append(errs, errors.New("file: type pcapfile needs the path of a capture file"))
		}
	case typePcapSocket:
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			errs = append(errs, fmt.Errorf("listen: %w; want HOST:PORT, for example 127.0.0.1:8100", err))
		}
	}
	if !c.watchesInterfaces() {
		errs = append(errs, c.validateElsewhere())
	}
	errs = append(errs, c.validateFilter())
	return errors.Join(errs...)
}

func (c *CaptureConfig) validateInterfaces() error {
	if len(c.Interfaces) == 0 {
		return errors.New("interfaces: type " + c.Type + " needs at least one: a name, a pattern such as veth*, or " + DefaultRoute)
	}
	for _, name := range c.Interfaces {
		switch _, err := path.Match(name, ""); {
		case err != nil:
			return fmt.Errorf("interfaces: %q is no pattern: %w", name, err)
		case name == "" || strings.ContainsAny(name, "/ \t\n"):
			return fmt.Errorf("interfaces: %q is no name of an interface", name)
		case !isPattern(name) && name != DefaultRoute && len(name) > 15:
			return fmt.Errorf("interfaces: %q has more than the 15 bytes that a name can have", name)
		}
	}
	if strings.Contains(c.NetNS, "/") && !filepath.IsAbs(c.NetNS) {
		return fmt.Errorf("netns: %q is neither a name nor an absolute path", c.NetNS)
	}
	return nil
}

// validateOptions checks what captures on interfaces have in common with orders.
func (c *CaptureConfig) validateOptions() error {
	o := order.Options{Type: c.Type, Sampling: c.Sampling, CPU: c.CPU, Memory: int64(c.Memory), Promiscuous: c.Promiscuous}
	if c.Type == typeEBPF {
		o.Layers = c.Layers
	}
	return o.Validate()
}

// watchesInterfaces reports whether the capture's sources are interfaces.
func (c *CaptureConfig) watchesInterfaces() bool { return c.Type == typeAFPacket || c.Type == typeEBPF }

// validateElsewhere refuses what only interfaces have.
func (c *CaptureConfig) validateElsewhere() error {
	for key, set := range map[string]bool{
		"interfaces": len(c.Interfaces) > 0, "netns": c.NetNS != "", "promiscuous": c.Promiscuous,
		"sampling": c.Sampling != 0, "cpu": c.CPU != 0, "memory": c.Memory != 0,
	} {
		if set {
			return fmt.Errorf("%s: only captures of type afpacket and ebpf have it; remove it or change type", key)
		}
	}
	if c.Workers > 1 && c.Type == typePcapFile {
		return errors.New("workers: captures of type pcapfile have one; remove it")
	}
	return nil
}

// name is the capture's name, made of what it watches when it has none.
func (c *CaptureConfig) name() string {
	switch {
	case c.Name != "":
		return c.Name
	case c.Type == typePcapFile:
		return filepath.Base(c.File)
	case c.Type == typePcapSocket:
		return c.Listen
	case c.NetNS != "":
		return strings.Join(c.Interfaces, ",") + "@" + filepath.Base(c.NetNS)
	default:
		return strings.Join(c.Interfaces, ",")
	}
}

// snapLen is how many bytes of a packet are looked at, 0 for all.
func (c *CaptureConfig) snapLen() int {
	switch {
	case c.SnapLen != 0 || !c.watchesInterfaces():
		return c.SnapLen
	case len(c.Layers) > 0:
		return snapLenDetails
	default:
		return snapLenHeaders
	}
}

// netnsPath is the path of the namespace, "" for the collector's own.
func (c *CaptureConfig) netnsPath() string {
	if c.NetNS == "" || strings.Contains(c.NetNS, "/") {
		return c.NetNS
	}
	return "/run/netns/" + c.NetNS
}

func isPattern(name string) bool { return strings.ContainsAny(name, `*?[\`) }

func (a *ApplicationConfig) validate() error {
	switch {
	case a.Port == 0:
		return errors.New("port: want 1 to 65535")
	case a.Name == "" || len(a.Name) > maxAppName:
		return fmt.Errorf("name: want 1 to %d bytes", maxAppName)
	}
	return oneOf("transport", a.Transport, "tcp", "udp", "sctp")
}

func (q *QueueConfig) validate() error {
	err := errors.Join(
		between("queue: size", q.Size, 1, maxQueue),
		between("queue: batch", q.Batch, 1, 10_000),
		between("queue: delay", q.Delay, time.Millisecond, 10*time.Second),
	)
	if err == nil && q.Size < q.Batch {
		return fmt.Errorf("queue: size %d is less than one batch of %d; raise size or lower batch", q.Size, q.Batch)
	}
	return err
}

func (m *MetricsConfig) validate() error {
	errs := []error{
		oneOf("metrics: names", m.Names, namesSkein, namesOBI),
		between("metrics: max_series", m.MaxSeries, 1, maxSeries),
		between("metrics: expiry", m.Expiry, time.Second, 7*24*time.Hour),
	}
	known := seriesAttributes()
	for i, name := range m.Attributes {
		j := slices.IndexFunc(known, func(a seriesAttribute) bool { return a.name == name })
		switch {
		case j < 0:
			want := make([]string, len(known))
			for k := range known {
				want[k] = known[k].name
			}
			errs = append(errs, fmt.Errorf("metrics: attributes: %q is none of %s", name, strings.Join(want, ", ")))
		case slices.Contains(m.Attributes[:i], name):
			errs = append(errs, fmt.Errorf("metrics: attributes: %q is there twice", name))
		}
	}
	return errors.Join(errs...)
}

func oneOf(key, value string, want ...string) error {
	if slices.Contains(want, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is none of %s", key, value, strings.Join(want, ", "))
}

func between[T int | time.Duration | Size](key string, value, low, high T) error {
	if value >= low && value <= high {
		return nil
	}
	return fmt.Errorf("%s: %v is not between %v and %v", key, value, low, high)
}
