package eventlog

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Durability says when a record counts as stored.
type Durability string

// The durabilities of the log.
const (
	// Sync: the record is on the disk (fsync), in a cluster on the disks of a
	// majority of the replicas.
	Sync Durability = "sync"
	// Batched: the record is written; a crash of the machine, not of the daemon,
	// can lose what was written within the last [Config.SyncInterval]. In a
	// cluster a majority of the machines has to crash within that time.
	Batched Durability = "batched"
)

// Config says where the log is and how much of it is kept.
type Config struct {
	// Dir holds the files; it is made if need be. It is locked in every mode.
	Dir          string
	Durability   Durability
	SyncInterval time.Duration
	// MaxAge and MaxBytes bound what is kept; the oldest records go first.
	MaxAge   time.Duration
	MaxBytes int64
	// Timeout bounds how long a record may wait for the log.
	Timeout time.Duration
	// InFlight is how many records are sent to the log before the first of them
	// is confirmed; Queue and QueueBytes bound those that Publish has taken,
	// those in flight included.
	InFlight, Queue int
	QueueBytes      int64
	// Cluster and External choose the mode; at most one of them is set.
	Cluster  Cluster
	External External
	// Replicas is on how many servers the log and the buckets are kept: 1, 3 or
	// 5. 0 chooses: of a cluster its daemons up to 3, of an external NATS 1.
	Replicas int
}

// Cluster makes the servers inside several daemons one. All daemons give the
// same Name and, each without itself, the same addresses.
type Cluster struct {
	// Name of the cluster; empty: no cluster.
	Name string
	// NodeName is this daemon's own name in it; it must stay the same, and no two
	// daemons may share one.
	NodeName string
	// Listen is the address, host:port, on which the other daemons reach this
	// one. Peers are theirs. A majority must run before anything can be stored.
	Listen string
	Peers  []string
	// Secret, or what the file SecretFile holds, is what daemons must know to
	// join; it may be empty. CA, Cert and Key, all three or none, are files (PEM)
	// for mutual TLS between the daemons; the certificate must name the host part
	// of the address.
	Secret, SecretFile string
	CA, Cert, Key      string
}

// External is a NATS server or cluster with JetStream that others run.
type External struct {
	// URLs of its servers, nats:// or tls://; empty: not used.
	URLs []string
	// Credentials is a file with user JWT and key, as nsc writes it.
	Credentials string
	// CA verifies the servers; Cert and Key show who we are; all are files (PEM).
	CA, Cert, Key string
	// Prefix begins the names of stream, subjects and buckets, so that several
	// installations can share a NATS account; empty: SKEIN.
	Prefix string
}

// DefaultConfig returns a synchronous log of 7 days and 10 GB.
func DefaultConfig(dir string) Config {
	return Config{
		Dir: dir, Durability: Sync, SyncInterval: 200 * time.Millisecond,
		MaxAge: 7 * 24 * time.Hour, MaxBytes: 10 << 30, Timeout: 10 * time.Second,
		InFlight: 8, Queue: 256, QueueBytes: 64 << 20,
	}
}

// MaxRecord is the longest record that the log takes, in bytes.
const MaxRecord = 8<<20 - 1024

// maxMessage is the largest message on the wire: a record and its headers.
const maxMessage = MaxRecord + 1024

// Mode is where the log is.
type Mode string

// The modes.
const (
	Single    Mode = "single"
	Clustered Mode = "cluster"
	Outside   Mode = "external"
)

func (c *Config) mode() Mode {
	switch {
	case c.Cluster.Name != "":
		return Clustered
	case len(c.External.URLs) > 0:
		return Outside
	}
	return Single
}

// check reports what cannot work.
func (c *Config) check() error {
	cl := &c.Cluster
	switch {
	case c.Dir == "":
		return errors.New("open event log: no data directory is given")
	case cl.Name != "" && len(c.External.URLs) > 0:
		return errors.New("open event log: it is either a cluster of daemons or an external NATS, not both")
	case c.Replicas < 0 || c.Replicas > 5 || c.Replicas != 0 && c.Replicas%2 == 0:
		return fmt.Errorf("open event log: %d replicas; it must be 1, 3 or 5", c.Replicas)
	case c.InFlight < 1 || c.Queue < 1 || c.QueueBytes < 1:
		return errors.New("open event log: records in flight and queue must be at least 1")
	}
	if cl.Name == "" {
		if c.mode() == Single && c.Replicas > 1 {
			return fmt.Errorf("open event log: %d replicas need a cluster", c.Replicas)
		}
		return nil
	}
	switch {
	case cl.NodeName == "" || strings.ContainsAny(cl.Name+cl.NodeName, " \t\n*>"):
		return errors.New("open event log: cluster and node need names without spaces, * and >")
	case len(cl.Peers) == 0:
		return errors.New("open event log: a cluster needs at least one peer; two make the log survive the loss of one")
	case c.Replicas > len(cl.Peers)+1:
		return fmt.Errorf("open event log: %d replicas need as many daemons, there are %d", c.Replicas, len(cl.Peers)+1)
	}
	for _, a := range append(slices.Clone(cl.Peers), cl.Listen) {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return fmt.Errorf("open event log: cluster address %q: want host:port", a)
		}
	}
	return nil
}

// replicas returns how often streams and buckets are kept.
func (c *Config) replicas() int {
	switch {
	case c.Replicas > 0:
		return c.Replicas
	case c.mode() == Clustered && len(c.Cluster.Peers) >= 2:
		return 3
	}
	return 1
}

// prefix begins the names of streams and buckets, subjectPrefix of subjects.
func (c *Config) prefix() string {
	if c.External.Prefix != "" {
		return c.External.Prefix
	}
	return "SKEIN"
}

func (c *Config) streamName() string { return c.prefix() + "_EVENTS" }

func (c *Config) subject(of string) string { return strings.ToLower(c.prefix()) + "." + of }
