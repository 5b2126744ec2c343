package eventlog

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestFromLeader(t *testing.T) {
	peers := func(names ...string) (out []*jetstream.PeerInfo) {
		for _, n := range names {
			out = append(out, &jetstream.PeerInfo{Name: n})
		}
		return out
	}
	for name, x := range map[string]struct {
		replicas int
		cluster  *jetstream.ClusterInfo
		want     bool
	}{
		"one server":              {1, nil, true},
		"one replica":             {1, &jetstream.ClusterInfo{Leader: "a"}, true},
		"the leader":              {3, &jetstream.ClusterInfo{Leader: "a", Replicas: peers("b", "c")}, true},
		"no leader":               {3, &jetstream.ClusterInfo{Replicas: peers("a", "b", "c")}, false},
		"another than the leader": {3, &jetstream.ClusterInfo{Leader: "a", Replicas: peers("a", "c")}, false},
		"one that just begins":    {3, &jetstream.ClusterInfo{Leader: "a"}, false},
	} {
		info := &jetstream.StreamInfo{Cluster: x.cluster, Config: jetstream.StreamConfig{Replicas: x.replicas}}
		if got := fromLeader(info); got != x.want {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
}
