package daemon

import (
	"os"

	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/eventlog"
)

// logConfig puts the settings of the event log into e.
func logConfig(e *eventlog.Config, c *config.Config) {
	e.Durability = eventlog.Durability(c.Durability)
	e.MaxAge, e.MaxBytes = c.RetentionAge, int64(c.RetentionBytes)
	e.Replicas = c.LogReplicas
	if cl := &c.Cluster; cl.Used() {
		e.Cluster = eventlog.Cluster{
			Name: cl.Name, NodeName: cl.Node, Listen: cl.Listen, Peers: cl.Others(), SecretFile: cl.SecretFile,
			CA: cl.CA, Cert: cl.Cert, Key: cl.Key,
		}
		if cl.Node == "" {
			if name, err := os.Hostname(); err == nil { // without one the log says what is missing
				e.Cluster.NodeName = name
			}
		}
	}
	if n := &c.NATS; n.Used() {
		e.External = eventlog.External{
			URLs: n.URLs(), Credentials: n.Credentials, CA: n.CA, Cert: n.Cert, Key: n.Key, Prefix: n.Prefix,
		}
	}
}
