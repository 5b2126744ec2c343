package flowcapture

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/orders"
)

// Bounds of what may be ordered.
const (
	maxOrdered      = 4096
	maxOrdersMemory = 1 << 40
)

// set reports whether there is anybody who orders.
func (c *OrdersConfig) set() bool { return len(c.Endpoints) > 0 }

func (c *OrdersConfig) validate() error {
	errs := []error{
		between("orders: max_captures", c.MaxCaptures, 1, maxOrdered),
		between("orders: max_memory", c.MaxMemory, order.MinMemory, maxOrdersMemory),
	}
	if c.Storage != "" && !filepath.IsAbs(c.Storage) {
		errs = append(errs, fmt.Errorf("orders: storage: %q is no absolute path", c.Storage))
	}
	if c.set() {
		s := c.session(order.Hello{HostID: "any"})
		if err := s.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("orders: %w", err))
		}
	} else if c.TokenFile != "" || c.Storage != "" || c.RawPackets || c.TLS != (OrdersTLSConfig{}) {
		errs = append(errs, errors.New("orders: endpoints: there is none; add one, for example http://127.0.0.1:4280, or remove orders"))
	}
	return errors.Join(errs...)
}

// session returns what the configuration means for the session.
func (c *OrdersConfig) session(h order.Hello) orders.Config {
	s := orders.DefaultConfig()
	s.Endpoints, s.TokenFile, s.Storage, s.Hello = c.Endpoints, c.TokenFile, c.Storage, h
	s.TLS = orders.TLS{CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, InsecureSkipVerify: c.TLS.InsecureSkipVerify}
	return s
}
