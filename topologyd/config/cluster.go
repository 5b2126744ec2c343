package config

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Cluster makes several daemons hold one event log. It is used when Listen or
// Peers are set.
type Cluster struct {
	// Name is the same for all daemons of a cluster.
	Name string
	// Node is this daemon's own name in it, "" that of the host.
	Node string
	// Listen is where the other daemons reach this one, Peers where it reaches
	// them.
	Listen string
	Peers  List
	// SecretFile holds what daemons must know to join.
	SecretFile string
	// CA, Cert and Key are for TLS between the daemons.
	CA, Cert, Key string
}

// NATS is an existing NATS with JetStream that holds the event log. It is used
// when URL is set.
type NATS struct {
	URL           List
	Credentials   string
	CA, Cert, Key string
	Prefix        string
}

// Used reports whether the daemon is part of a cluster.
func (c *Cluster) Used() bool { return c.Listen != "" || c.Peers != "" }

// Others returns the addresses of the other daemons.
func (c *Cluster) Others() []string {
	return slices.DeleteFunc(split(c.Peers), func(p string) bool { return p == c.Listen })
}

// Used reports whether the log is in an existing NATS.
func (n *NATS) Used() bool { return n.URL != "" }

// URLs returns the addresses of its servers.
func (n *NATS) URLs() []string { return split(n.URL) }

// split returns the items of a list that may be separated by commas too.
func split(l List) (out []string) {
	for _, line := range l.Items() {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); item != "" {
				out = append(out, item)
			}
		}
	}
	return out
}

func (c *Config) logFlags(f *pflag.FlagSet) {
	f.StringVar(&c.Cluster.Listen, "cluster-listen", c.Cluster.Listen, "Address on which the other daemons of a cluster reach this one.")
	f.Var(&c.Cluster.Peers, "cluster-peers", "Addresses of the other daemons of the cluster, separated by commas; the own one may be among them.")
	f.StringVar(&c.Cluster.Name, "cluster-name", c.Cluster.Name, "Name of the cluster, the same for all of its daemons.")
	f.StringVar(&c.Cluster.Node, "cluster-node", c.Cluster.Node, "Name of this daemon in the cluster, which must stay the same; none: the name of the host.")
	f.StringVar(&c.Cluster.SecretFile, "cluster-secret-file", c.Cluster.SecretFile, "File with a secret that a daemon must know to join the cluster.")
	f.StringVar(&c.Cluster.CA, "cluster-ca", c.Cluster.CA, "File with the CA (PEM) that signs the daemons' certificates.")
	f.StringVar(&c.Cluster.Cert, "cluster-cert", c.Cluster.Cert, "File with this daemon's certificate (PEM), for TLS between the daemons.")
	f.StringVar(&c.Cluster.Key, "cluster-key", c.Cluster.Key, "File with the key (PEM) of that certificate.")
	f.Var(&c.NATS.URL, "nats-url", "Existing NATS with JetStream that holds the event log instead: URLs of its servers, separated by commas.")
	f.StringVar(&c.NATS.Credentials, "nats-credentials", c.NATS.Credentials, "File with user JWT and key for that NATS.")
	f.StringVar(&c.NATS.CA, "nats-ca", c.NATS.CA, "File with the CA (PEM) that signs the certificates of that NATS.")
	f.StringVar(&c.NATS.Cert, "nats-cert", c.NATS.Cert, "File with the certificate (PEM) that this daemon shows to that NATS.")
	f.StringVar(&c.NATS.Key, "nats-key", c.NATS.Key, "File with the key (PEM) of that certificate.")
	f.StringVar(&c.NATS.Prefix, "nats-prefix", c.NATS.Prefix, "Begins the names of stream and buckets there; several installations in one account need different ones.")
	f.IntVar(&c.LogReplicas, "log-replicas", c.LogReplicas, "On how many servers the event log is kept: 1, 3 or 5; 0: on up to 3 daemons of a cluster, on 1 server of an existing NATS.")
}

// validateLog checks the settings of the event log against one another.
func (c *Config) validateLog(bad func(flag, format string, args ...any)) {
	if c.Cluster.Used() && c.NATS.Used() {
		bad("nats-url", "an existing NATS needs no cluster of daemons; give either this or --cluster-peers")
	}
	c.validateCluster(bad)
	c.validateNATS(bad)
	r := c.LogReplicas
	switch {
	case r < 0 || r > 5 || r != 0 && r%2 == 0:
		bad("log-replicas", "must be 1, 3 or 5, or 0 to choose")
	case r > 1 && !c.Cluster.Used() && !c.NATS.Used():
		bad("log-replicas", "%d replicas need other daemons or an existing NATS; give --cluster-peers or --nats-url", r)
	case c.Cluster.Used() && r > len(c.Cluster.Others())+1:
		bad("log-replicas", "%d replicas need as many daemons, but --cluster-peers and this one are %d", r, len(c.Cluster.Others())+1)
	}
}

func (c *Config) validateCluster(bad func(flag, format string, args ...any)) {
	cl := &c.Cluster
	if !cl.Used() {
		for _, x := range []struct{ flag, value string }{
			{"cluster-node", cl.Node}, {"cluster-secret-file", cl.SecretFile},
			{"cluster-ca", cl.CA}, {"cluster-cert", cl.Cert}, {"cluster-key", cl.Key},
		} {
			if x.value != "" {
				bad(x.flag, "there is no cluster; give --cluster-listen and --cluster-peers too")
			}
		}
		return
	}
	if strings.ContainsAny(cl.Name, " \t\n.*>") || cl.Name == "" {
		bad("cluster-name", "%q is not a name; use letters, digits, - and _", cl.Name)
	}
	if strings.ContainsAny(cl.Node, " \t\n*>") {
		bad("cluster-node", "%q is not a name; use letters, digits, dots, - and _", cl.Node)
	}
	if err := checkAddress(cl.Listen); err != nil || wildcardPort(cl.Listen) {
		bad("cluster-listen", "%q; give the host:port that the other daemons have in --cluster-peers, for example 192.0.2.1:4222", cl.Listen)
	}
	peers := cl.Others()
	if len(peers) == 0 {
		bad("cluster-peers", "names no other daemon; give host:port of each, of two for a cluster that survives the loss of one")
	}
	for i, p := range peers {
		if host, _, err := net.SplitHostPort(p); err != nil || host == "" || checkAddress(p) != nil || wildcardPort(p) {
			bad("cluster-peers", "%q is not an address; give host:port", p)
		} else if slices.Contains(peers[:i], p) {
			bad("cluster-peers", "%s is named twice", p)
		}
	}
	threeFiles(bad, "cluster", cl.CA, cl.Cert, cl.Key)
	if cl.SecretFile == "" && cl.CA == "" && !loopback(cl.Listen) {
		bad("cluster-secret-file", "whoever reaches %s could join the cluster; give a file with a secret that all daemons share, or --cluster-ca, --cluster-cert and --cluster-key", cl.Listen)
	}
}

func (c *Config) validateNATS(bad func(flag, format string, args ...any)) {
	n := &c.NATS
	if !n.Used() {
		for _, x := range []struct{ flag, value string }{
			{"nats-credentials", n.Credentials}, {"nats-ca", n.CA}, {"nats-cert", n.Cert}, {"nats-key", n.Key}, {"nats-prefix", n.Prefix},
		} {
			if x.value != "" {
				bad(x.flag, "no NATS is named; give --nats-url too")
			}
		}
		return
	}
	for _, text := range n.URLs() {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			bad("nats-url", "%q is not the URL of a NATS server; write nats://host:4222 or tls://host:4222", redact(text))
		}
	}
	if (n.Cert == "") != (n.Key == "") {
		bad("nats-cert", "a certificate and its key belong together; give both --nats-cert and --nats-key")
	}
	if strings.ContainsAny(n.Prefix, " \t\n.*>/\\") {
		bad("nats-prefix", "%q cannot begin a name; use letters, digits, - and _", n.Prefix)
	}
}

// redact leaves out what may be a password.
func redact(text string) string {
	if _, host, ok := strings.Cut(text, "@"); ok {
		return "...@" + host
	}
	return text
}

// threeFiles: TLS between equals needs all of them.
func threeFiles(bad func(flag, format string, args ...any), prefix, ca, cert, key string) {
	if all := ca + cert + key; all != "" && (ca == "" || cert == "" || key == "") {
		bad(prefix+"-ca", "TLS between the daemons needs --%[1]s-ca, --%[1]s-cert and --%[1]s-key", prefix)
	}
}

// loopback reports whether an address is reached from this host alone.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
