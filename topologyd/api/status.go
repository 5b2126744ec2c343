package api

import (
	"net/http"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/engine"
)

// statusAnswer is the body of GET /api/v1/status. Counts are since the start.
type statusAnswer struct {
	Version       string    `json:"version"`
	Started       time.Time `json:"started"`
	UptimeSeconds int64     `json:"uptime_seconds"`

	Revision uint64 `json:"revision"`
	Nodes    int    `json:"nodes"`
	Edges    int    `json:"edges"`
	Facets   int    `json:"facets"`
	Stale    int    `json:"stale"`
	Dangling int    `json:"dangling"`

	Events  statusEvents  `json:"events"`
	Log     statusLog     `json:"log"`
	Watch   statusWatch   `json:"watch"`
	Queries statusQueries `json:"queries"`
	// Past is left out when the daemon keeps none.
	Past *statusPast `json:"past,omitempty"`
}

type statusEvents struct {
	Changed   uint64 `json:"changed"`
	Unchanged uint64 `json:"unchanged"`
	Outdated  uint64 `json:"outdated"`
	Expired   uint64 `json:"expired"`
	Waiting   int64  `json:"waiting"`
	Busy      uint64 `json:"busy"`
}

type statusLog struct {
	Records        uint64 `json:"records"`
	Bytes          uint64 `json:"bytes"`
	Replayed       uint64 `json:"replayed"`
	Errors         uint64 `json:"errors"`
	Snapshots      uint64 `json:"snapshots"`
	SnapshotErrors uint64 `json:"snapshot_errors"`
	// Record is the last one that the graph holds, Last that of the log.
	Record    uint64 `json:"record"`
	Last      uint64 `json:"last"`
	Missing   uint64 `json:"missing"`
	Damaged   uint64 `json:"damaged"`
	Mode      string `json:"mode"`
	Reachable bool   `json:"reachable"`
	Problem   string `json:"problem,omitempty"`
	// Leads is set on the daemon that decides what has expired.
	Leads    bool            `json:"leads"`
	Node     string          `json:"node,omitempty"`
	Leader   string          `json:"leader,omitempty"`
	Replicas []statusReplica `json:"replicas,omitempty"`
}

// statusReplica is one daemon that holds the log.
type statusReplica struct {
	Name    string `json:"name"`
	Online  bool   `json:"online"`
	Current bool   `json:"current"`
	Lag     uint64 `json:"lag"`
}

func logStatus(s *engine.Status) statusLog {
	l := statusLog{
		Records: s.LogRecords, Bytes: s.LogBytes, Replayed: s.Replayed, Errors: s.LogErrors,
		Snapshots: s.Snapshots, SnapshotErrors: s.SnapshotErrors,
		Record: s.Record, Last: s.Log.Last, Missing: s.Missing, Damaged: s.Corrupt,
		Mode: string(s.Log.Mode), Reachable: s.Log.Reachable, Problem: s.Log.Problem,
		Leads: s.Leads, Node: s.Log.Node, Leader: s.Log.Leader,
	}
	for _, r := range s.Log.Replicas {
		l.Replicas = append(l.Replicas, statusReplica{r.Name, r.Online, r.Current, r.Lag})
	}
	return l
}

type statusWatch struct {
	Subscribers int    `json:"subscribers"`
	Limit       int    `json:"limit"`
	CutOff      uint64 `json:"cut_off"`
}

type statusQueries struct {
	Running int `json:"running"`
	Limit   int `json:"limit"`
}

// statusPast tells what can be asked about.
type statusPast struct {
	Oldest time.Time `json:"oldest,omitzero"`
	Newest time.Time `json:"newest,omitzero"`
	// OldestRevision is the first after which a watch can resume.
	OldestRevision uint64 `json:"oldest_revision"`
}

// past tells what can be asked about, nil when nothing is kept.
func (a *API) past() *statusPast {
	if a.deps.Records == nil {
		return nil
	}
	oldest, newest, revision := a.deps.Records.Bounds()
	if !oldest.IsZero() {
		oldest, newest = oldest.UTC(), newest.UTC()
	}
	return &statusPast{oldest, newest, revision}
}

// status is GET /api/v1/status.
func (a *API) status(w http.ResponseWriter, r *http.Request) {
	s, err := a.deps.Status(r.Context())
	if err != nil {
		httpx.WriteRetry(w, http.StatusServiceUnavailable, 1, &httpx.Error{Code: httpx.CodeUnavailable,
			Message: "the state of the engine is not known: " + err.Error()})
		return
	}
	g := &s.Graph
	httpx.WriteJSON(w, http.StatusOK, statusAnswer{
		Version: a.deps.Version, Started: s.Started.UTC(), UptimeSeconds: int64(time.Since(s.Started).Seconds()),
		Revision: g.Revision, Nodes: g.Nodes, Edges: g.Edges, Facets: g.Facets, Stale: g.Stale, Dangling: g.Dangling,
		Events:  statusEvents{g.Changed, g.Unchanged, g.Outdated, g.Expired, s.Waiting, s.Busy},
		Log:     logStatus(&s),
		Watch:   statusWatch{a.watchers.count(), a.cfg.MaxSubscribers, s.CutOff},
		Queries: statusQueries{a.running(), a.cfg.Concurrency},
		Past:    a.past(),
	})
}
