package config

import (
	"slices"
	"strings"
	"testing"
)

func TestClusterSettings(t *testing.T) {
	c, err := load(t,
		"cluster-listen: 192.0.2.1:4222\ncluster-peers:\n  - 192.0.2.2:4222\n  - 192.0.2.1:4222\ncluster-secret-file: /run/secret\n",
		env{"SKEIN_LOG_REPLICAS": "3"}, "--cluster-peers", "192.0.2.1:4222,192.0.2.2:4222, [2001:db8::3]:4222")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"192.0.2.2:4222", "[2001:db8::3]:4222"}; !c.Cluster.Used() || !slices.Equal(c.Cluster.Others(), want) {
		t.Errorf("got %q, want %q", c.Cluster.Others(), want)
	}
	if c.Cluster.Name != "skein" || c.LogReplicas != 3 || c.NATS.Used() {
		t.Errorf("got %+v", c)
	}
	c, err = load(t, "", env{"SKEIN_NATS_URL": "nats://a:4222,tls://user:password@b"}, "--nats-credentials", "x.creds")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"nats://a:4222", "tls://user:password@b"}; !slices.Equal(c.NATS.URLs(), want) {
		t.Errorf("got %q, want %q", c.NATS.URLs(), want)
	}
}

func TestClusterMistakes(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"either this or --cluster-peers":                func(c *Config) { c.NATS.URL = "nats://h:1" },
		"--cluster-listen: \"here\"":                    func(c *Config) { c.Cluster.Listen = "here" },
		"--cluster-listen: \"192.0.2.1:0\"":             func(c *Config) { c.Cluster.Listen = "192.0.2.1:0" },
		"names no other daemon":                         func(c *Config) { c.Cluster.Peers = List(c.Cluster.Listen) },
		"--cluster-peers: \"b\" is not an address":      func(c *Config) { c.Cluster.Peers += ",b" },
		"--cluster-peers: \":4222\" is not an address":  func(c *Config) { c.Cluster.Peers += ",:4222" },
		"192.0.2.2:4222 is named twice":                 func(c *Config) { c.Cluster.Peers += ",192.0.2.2:4222" },
		"--cluster-name: \"a b\"":                       func(c *Config) { c.Cluster.Name = "a b" },
		"--cluster-node: \"a>\"":                        func(c *Config) { c.Cluster.Node = "a>" },
		"whoever reaches 192.0.2.1:4222 could join":     func(c *Config) { c.Cluster.SecretFile = "" },
		"needs --cluster-ca, --cluster-cert and":        func(c *Config) { c.Cluster.Cert = "x" },
		"--log-replicas: 5 replicas need as many":       func(c *Config) { c.LogReplicas = 5 },
		"--log-replicas: must be 1, 3 or 5":             func(c *Config) { c.LogReplicas = 2 },
		"--log-replicas: 3 replicas need other daemons": func(c *Config) { c.Cluster, c.LogReplicas = Cluster{}, 3 },
		"--cluster-node: there is no cluster":           func(c *Config) { c.Cluster = Cluster{Node: "n"} },
		"--nats-ca: no NATS is named":                   func(c *Config) { c.NATS.CA = "x" },
		"\"...@h:1\" is not the URL": func(c *Config) {
			c.Cluster, c.NATS.URL = Cluster{}, "http://user:secret@h:1"
		},
		"give both --nats-cert and --nats-key": func(c *Config) { c.Cluster, c.NATS = Cluster{}, NATS{URL: "nats://h", Key: "k"} },
		"--nats-prefix: \"a.b\"":               func(c *Config) { c.Cluster, c.NATS = Cluster{}, NATS{URL: "nats://h", Prefix: "a.b"} },
	} {
		c := DefaultConfig()
		c.Cluster.Listen, c.Cluster.Peers, c.Cluster.SecretFile = "192.0.2.1:4222", "192.0.2.2:4222,192.0.2.3:4222", "f"
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		err := c.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret@") {
			t.Errorf("a password is shown: %v", err)
		}
	}
	c := DefaultConfig()
	c.Cluster.Listen, c.Cluster.Peers = "127.0.0.1:4222", "127.0.0.1:4223"
	if err := c.Validate(); err != nil {
		t.Errorf("on loopback no secret is needed: %v", err)
	}
}
