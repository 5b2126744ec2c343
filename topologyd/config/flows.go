package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Flows are the settings of flows: where they are kept and how many.
type Flows struct {
	// Keep is whether flow records are taken at all.
	Keep bool
	// Dir is where flows are kept, "" for a directory within DataDir. URL is a
	// VictoriaLogs that keeps them instead.
	Dir string
	URL string
	// User with PasswordFile, or TokenFile, are for that VictoriaLogs; CA, Cert and
	// Key too.
	User, PasswordFile, TokenFile string
	CA, Cert, Key                 string
	// Tenant is AccountID:ProjectID there, "" for none.
	Tenant string
	// RetentionAge and RetentionBytes bound what the directory keeps.
	RetentionAge   time.Duration
	RetentionBytes ByteSize
	// LiveMax is how many flows are held in memory.
	LiveMax int
}

// FlowDir returns the directory of the flow store.
func (c *Config) FlowDir() string {
	if c.Flows.Dir != "" {
		return c.Flows.Dir
	}
	return filepath.Join(c.DataDir, "flows")
}

func defaultFlows() Flows {
	return Flows{Keep: true, RetentionAge: 7 * 24 * time.Hour, RetentionBytes: 10 << 30, LiveMax: 200_000}
}

func (c *Config) flowFlags(f *pflag.FlagSet) {
	x := &c.Flows
	f.BoolVar(&x.Keep, "flows", x.Keep, "Take and keep flow records; with false they are passed over and queries for flows fail.")
	f.StringVar(&x.Dir, "flow-store-dir", x.Dir, "Directory of the flow store; none: flows in --data-dir.")
	f.StringVar(&x.URL, "flow-store-url", x.URL, "VictoriaLogs that keeps flows instead, for example http://victorialogs:9428.")
	f.StringVar(&x.User, "flow-store-user", x.User, "User name for that VictoriaLogs (basic authentication).")
	f.StringVar(&x.PasswordFile, "flow-store-password-file", x.PasswordFile, "File with the password of that user.")
	f.StringVar(&x.TokenFile, "flow-store-token-file", x.TokenFile, "File with a bearer token for that VictoriaLogs.")
	f.StringVar(&x.CA, "flow-store-ca", x.CA, "File with the CA (PEM) that signs the certificate of that VictoriaLogs.")
	f.StringVar(&x.Cert, "flow-store-cert", x.Cert, "File with the certificate (PEM) that this daemon shows to that VictoriaLogs.")
	f.StringVar(&x.Key, "flow-store-key", x.Key, "File with the key (PEM) of that certificate.")
	f.StringVar(&x.Tenant, "flow-store-tenant", x.Tenant, "Tenant in that VictoriaLogs, AccountID:ProjectID.")
	f.DurationVar(&x.RetentionAge, "flow-retention-age", x.RetentionAge, "How long flows are kept in the directory, in whole days; a VictoriaLogs has its own setting, which this must not be more than.")
	f.Var(&x.RetentionBytes, "flow-retention-bytes", "How large the directory of flows may grow; the oldest days go first.")
	f.IntVar(&x.LiveMax, "flow-live-max", x.LiveMax, "Flows that are held in memory, about 1 kB each; those heard of least recently go first.")
}

// validateFlows checks the settings of flows against one another.
func (c *Config) validateFlows(bad func(flag, format string, args ...any)) {
	x := &c.Flows
	if x.URL == "" {
		for _, o := range []struct{ flag, value string }{
			{"flow-store-user", x.User}, {"flow-store-password-file", x.PasswordFile}, {"flow-store-token-file", x.TokenFile},
			{"flow-store-ca", x.CA}, {"flow-store-cert", x.Cert}, {"flow-store-key", x.Key}, {"flow-store-tenant", x.Tenant},
		} {
			if o.value != "" {
				bad(o.flag, "no VictoriaLogs is named; give --flow-store-url too")
			}
		}
	} else {
		c.validateFlowURL(bad)
	}
	if x.RetentionAge > 0 && x.RetentionAge < 24*time.Hour {
		bad("flow-retention-age", "%v is less than a day; flows are kept in whole days, so give 24h or more", x.RetentionAge)
	}
}

func (c *Config) validateFlowURL(bad func(flag, format string, args ...any)) {
	x := &c.Flows
	u, err := url.Parse(x.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		bad("flow-store-url", "%q is not the URL of a VictoriaLogs; write http://host:9428 or https://host:9428", redact(x.URL))
	case u.User != nil:
		bad("flow-store-url", "holds a name or a password; give --flow-store-user and --flow-store-password-file instead")
	case u.RawQuery != "" || u.Fragment != "":
		bad("flow-store-url", "has more than scheme, host, port and path; leave the rest out")
	case u.Scheme == "http" && x.CA+x.Cert+x.Key != "":
		bad("flow-store-url", "is without TLS; write https://, or leave out --flow-store-ca, --flow-store-cert and --flow-store-key")
	}
	if x.Dir != "" {
		bad("flow-store-dir", "flows are kept at --flow-store-url; give one of the two")
	}
	if (x.User == "") != (x.PasswordFile == "") {
		bad("flow-store-user", "a name and its password belong together; give both --flow-store-user and --flow-store-password-file")
	}
	if x.User != "" && x.TokenFile != "" {
		bad("flow-store-token-file", "give a token or a user with a password, not both")
	}
	if (x.Cert == "") != (x.Key == "") {
		bad("flow-store-cert", "a certificate and its key belong together; give both --flow-store-cert and --flow-store-key")
	}
	if _, _, err := x.TenantIDs(); err != nil {
		bad("flow-store-tenant", "%q is not a tenant; write two numbers, for example 12:0", x.Tenant)
	}
}

// TenantIDs returns AccountID and ProjectID of Tenant, 0 and 0 when it is empty.
func (x *Flows) TenantIDs() (account, project uint32, err error) {
	if x.Tenant == "" {
		return 0, 0, nil
	}
	left, right, _ := strings.Cut(x.Tenant, ":")
	a, err := strconv.ParseUint(left, 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("read AccountID: %w", err)
	}
	p, err := strconv.ParseUint(right, 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("read ProjectID: %w", err)
	}
	return uint32(a), uint32(p), nil
}
