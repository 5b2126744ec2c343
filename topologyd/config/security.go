package config

import "github.com/spf13/pflag"

// Security says who may ask and how the listeners prove who they are.
type Security struct {
	// AuthFile is a YAML file with hashed tokens, certificates and the issuer of
	// JWTs (docs/security.md). "": whoever reaches the listeners may do everything.
	AuthFile string
	// WithoutAuthentication allows listening beyond loopback without AuthFile.
	WithoutAuthentication bool
	// TLSCert and TLSKey are the files of the certificate that both listeners show,
	// TLSClientCA that of those who sign clients' certificates. All are read again
	// when they change.
	TLSCert, TLSKey, TLSClientCA string
	// TLSClientRequired refuses connections without a client's certificate.
	TLSClientRequired bool
	// RequestRate is how many requests a second one client may make, RequestBurst
	// how many at once. Writes of sources are not counted.
	RequestRate, RequestBurst int
	// HostChangeRate is how many bytes of events a second each host may change the
	// graph with in the long run, HostRecordRate how many flow records and counters a
	// second it may have kept; 0: no bound. Those who speak for all hosts have none.
	HostChangeRate ByteSize
	HostRecordRate int
	// FailureRate is how many failed proofs a second of one address are told why.
	FailureRate int
}

func defaultSecurity() Security {
	return Security{RequestRate: 200, RequestBurst: 1000, FailureRate: 10, HostChangeRate: 256 << 10, HostRecordRate: 20_000}
}

func (c *Config) securityFlags(f *pflag.FlagSet) {
	s := &c.Security
	f.StringVar(&s.AuthFile, "auth-file", s.AuthFile, "YAML file with who may do what: hashed tokens, certificates, the issuer of JWTs, as in docs/security.md; read again when it changes. None: whoever reaches the listeners may do everything.")
	f.BoolVar(&s.WithoutAuthentication, "listen-beyond-loopback-without-authentication", s.WithoutAuthentication, "Allow addresses beyond loopback without --auth-file: whoever reaches them can read and write the graph.")
	f.StringVar(&s.TLSCert, "tls-cert", s.TLSCert, "File with the certificate (PEM) of the HTTP and OTLP listeners; read again when it changes. None: no TLS.")
	f.StringVar(&s.TLSKey, "tls-key", s.TLSKey, "File with the key (PEM) of that certificate.")
	f.StringVar(&s.TLSClientCA, "tls-client-ca", s.TLSClientCA, "File with the CAs (PEM) that sign the certificates of clients; a client that shows one is known by it.")
	f.BoolVar(&s.TLSClientRequired, "tls-client-required", s.TLSClientRequired, "Refuse clients that show no certificate.")
	f.IntVar(&s.RequestRate, "request-rate", s.RequestRate, "Requests a second that one client may make, those that write entities, counters or flows not counted.")
	f.IntVar(&s.RequestBurst, "request-burst", s.RequestBurst, "Requests that one client may make at once.")
	f.Var(&s.HostChangeRate, "host-change-rate", "Bytes of events a second with which each host of a sender with the role host may change the graph in the long run; those of ten minutes may come at once. 0: no bound.")
	f.IntVar(&s.HostRecordRate, "host-record-rate", s.HostRecordRate, "Flow records and interface counters a second that each such host may have kept, in the same way. 0: no bound.")
	f.IntVar(&s.FailureRate, "auth-failure-rate", s.FailureRate, "Failed proofs of identity a second of one address that are told why and written down. JWTs of an address with more of them are looked at one at a time.")
}

// validateSecurity checks those settings against one another.
func (c *Config) validateSecurity(bad func(flag, format string, args ...any)) {
	s := &c.Security
	if (s.TLSCert == "") != (s.TLSKey == "") {
		bad("tls-cert", "TLS needs both --tls-cert and --tls-key")
	}
	if s.TLSClientCA != "" && s.TLSCert == "" {
		bad("tls-client-ca", "clients show certificates on connections with TLS only; give --tls-cert and --tls-key too")
	}
	if s.TLSClientRequired && s.TLSClientCA == "" {
		bad("tls-client-required", "nobody's certificate would be good; give --tls-client-ca too")
	}
	for _, n := range []struct {
		flag string
		v    int
	}{{"request-rate", s.RequestRate}, {"request-burst", s.RequestBurst}, {"auth-failure-rate", s.FailureRate}} {
		if n.v <= 0 {
			bad(n.flag, "must be more than zero")
		}
	}
	if s.HostRecordRate < 0 {
		bad("host-record-rate", "must not be less than zero; 0 is no bound")
	}
}
