package eventlog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Status is the state of the log as this daemon sees it.
type Status struct {
	Mode Mode
	ID   string
	// Connected: there is a connection to a server. Reachable: the log answered.
	Connected, Reachable bool
	// Problem says why the log does not work, "" when it does.
	Problem string
	// Node is this daemon's name in the cluster, Leader that of the server that
	// orders the records, "" when there is none.
	Node, Leader string
	// Replicas are the servers that hold the log, when there are several.
	Replicas []Replica
	// First and Last are the numbers of the first and last record, Bytes what
	// they take.
	First, Last, Bytes uint64
	// Waiting is how many records of this daemon are not confirmed yet.
	Waiting int
}

// Replica is one server that holds the log.
type Replica struct {
	Name string
	// Online: it is reachable. Current: it is in step. Lag is how many operations
	// it is behind, Seen how long ago it was heard of; both are 0 for the leader.
	Online, Current bool
	Lag             uint64
	Seen            time.Duration
}

// Status returns the state of the log; it waits for the server at most until
// ctx ends, or for two seconds.
func (l *Log) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s := Status{Mode: l.cfg.mode(), ID: l.ID(), Node: l.cfg.Cluster.NodeName, Connected: l.conn.IsConnected()}
	l.pub.mu.Lock()
	s.Waiting = len(l.pub.items)
	l.pub.mu.Unlock()
	info, err := l.info(ctx)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	s.Reachable = true
	l.mu.Lock()
	if l.problem != nil {
		s.Problem = l.problem.Error()
	}
	l.mu.Unlock()
	s.First, s.Last, s.Bytes = info.State.FirstSeq, info.State.LastSeq, info.State.Bytes
	if info.State.Msgs == 0 {
		s.First = s.Last + 1
	}
	s.addReplicas(info)
	return s
}

func (s *Status) addReplicas(info *jetstream.StreamInfo) {
	c := info.Cluster
	if c == nil {
		return
	}
	s.Leader = c.Leader
	if c.Leader != "" {
		s.Replicas = append(s.Replicas, Replica{Name: c.Leader, Online: true, Current: true})
	}
	for _, r := range c.Replicas {
		s.Replicas = append(s.Replicas, Replica{Name: r.Name, Online: !r.Offline, Current: r.Current, Lag: r.Lag, Seen: r.Active})
	}
}
