package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Levels of a [TopologyQuery] that are not the key of an attribute.
const (
	// LevelHost groups by host.
	LevelHost = "host"
	// LevelNamespace groups by the network namespace that something is in, else
	// by the host.
	LevelNamespace = "namespace"
	// LevelOwner groups by what owns something.
	LevelOwner = "owner"
	// LevelType groups by Type.
	LevelType = "type"
)

const (
	// OthersPath is the path, and the ID, of the group of all first groups for
	// which there was no room.
	OthersPath = "others"
	// ExpandAll in [TopologyQuery.Expand] opens everything that fits.
	ExpandAll = "*"
)

// TopologyQuery asks for a picture of a graph that has at most so many nodes:
// what does not fit is put together in groups.
type TopologyQuery struct {
	// Gremlin gives a graph, nodes, edges or paths; of all but a graph their
	// SubGraph is taken.
	Gremlin string `json:"gremlin"`
	// At is the time that is asked about, as in [Query].
	At string `json:"at,omitempty"`
	// Since, if not empty, has the graph at that time compared with the one at
	// At: the picture is of both, and says what was added, removed and changed.
	Since string `json:"since,omitempty"`
	// Group are the levels of grouping, coarse to fine: a Level constant or the
	// key of an attribute. Empty is host, namespace, type.
	Group []string `json:"group,omitempty"`
	// Expand are paths of groups to open, ExpandAll for all.
	Expand []string `json:"expand,omitempty"`
	// Limit is the most nodes and groups in the answer; 0 is the server's default.
	Limit int `json:"limit,omitempty"`
	// ChangesOnly leaves out what did not change, apart from the ends of changed
	// edges and the owners of changed nodes. It needs Since.
	ChangesOnly bool `json:"changes_only,omitempty"`
	// Keys are those whose changes count, as in [DiffQuery]. It needs Since.
	Keys   string  `json:"keys,omitempty"`
	Limits *Limits `json:"limits,omitempty"`
}

// Topology is a picture of a graph. Every element of the query's result is
// shown, in a group that is shown (Grouped), or neither (LeftOut).
type Topology struct {
	// Revision is that of the graph, Time the time that was asked about.
	Revision uint64    `json:"revision"`
	Time     time.Time `json:"time"`
	// Since is the time that was compared with, nil without a difference.
	Since *time.Time `json:"since"`
	// Levels are those of grouping. Depth is how many of them everything is
	// opened by: 0 shows groups of the first level, len(Levels) everything.
	Levels []string `json:"levels"`
	Depth  int      `json:"depth"`
	// Total counts the elements of the result; with ChangesOnly, those that are
	// needed.
	Total ElementCount `json:"total"`
	// Grouped counts those that are inside groups; an edge between two groups is
	// shown, though not by itself.
	Grouped ElementCount `json:"grouped"`
	// LeftOut counts those that the group "others" stands for: there is nothing
	// that tells more of them.
	LeftOut ElementCount `json:"left_out"`
	// Summary counts what differs, nil without a difference.
	Summary *DiffSummary `json:"summary"`
	// Hosts are the names of the nodes' hosts, by host.id.
	Hosts map[string]string `json:"hosts"`
	// Nodes are sorted by host, path, time of creation and ID.
	Nodes []TopologyNode `json:"nodes"`
	Edges []TopologyEdge `json:"edges"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// ElementCount counts nodes and edges.
type ElementCount struct {
	Nodes int `json:"nodes"`
	Edges int `json:"edges"`
}

// TopologyNode is a node of a picture: either Node or Group is set.
type TopologyNode struct {
	// ID is that of the node, or the path of the group.
	ID    string         `json:"id"`
	Node  *Node          `json:"node"`
	Group *TopologyGroup `json:"group"`
	// Path is the group's, or that of the innermost group that the node is in;
	// opening and closing its beginnings opens and closes what is around it.
	Path string `json:"path"`
	// Parent is the ID of what is shown of its owner, "" when nothing is.
	Parent string `json:"parent"`
	// Host is the host.id that it belongs to, "" when there is none or more than
	// one.
	Host string `json:"host"`
	// Change is Added, Removed or Changed; "" when it did not change, of groups
	// and without a difference. Keys are those that changed.
	Change string `json:"change"`
	Keys   []Key  `json:"keys"`
	// Rate is the traffic of late, that of a group of all its members; nil when it
	// is not known.
	Rate *TopologyRate `json:"rate"`
}

// TopologyRate is traffic in bytes per second.
type TopologyRate struct {
	Rx float64 `json:"rx"`
	Tx float64 `json:"tx"`
}

// TopologyGroup is a group of nodes.
type TopologyGroup struct {
	// Level is that of the group, Value what its members have in common, Label the
	// same for people.
	Level string `json:"level"`
	Value string `json:"value"`
	Label string `json:"label"`
	// Nodes and Edges count what is inside.
	Nodes int `json:"nodes"`
	Edges int `json:"edges"`
	// Types are those of the nodes, the most common first, at most 8.
	Types []TypeCount `json:"types"`
	// Up and Down count nodes by State, Stale those whose reports are overdue.
	Up    int `json:"up"`
	Down  int `json:"down"`
	Stale int `json:"stale"`
	// Added, Removed and Changed count nodes of a difference.
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Changed int `json:"changed"`
	// Expandable tells that its path may be given as Expand.
	Expandable bool `json:"expandable"`
}

// TypeCount counts nodes of one Type.
type TypeCount struct {
	Type  string `json:"type"`
	Count int    `json:"count"`
}

// TopologyEdge is an edge of a picture, or several that have the same ends in
// it and the same type. Its ends are always among the nodes.
type TopologyEdge struct {
	// ID is the edge's own, or one made of Source, Target and Type.
	ID     entity.UUID `json:"id"`
	Source string      `json:"source"`
	Target string      `json:"target"`
	// Type is the RelationType.
	Type string `json:"type"`
	// Count is how many edges it stands for; Edge is set when that is 1.
	Count int   `json:"count"`
	Edge  *Edge `json:"edge"`
	// Stale tells that the reports of all of them are overdue.
	Stale bool `json:"stale"`
	// Change is Added or Removed when all of them were, Changed when some of them
	// differ; "" when none does. Keys are those that changed, of a single edge.
	Change string `json:"change"`
	Keys   []Key  `json:"keys"`
	// Rate is the traffic of late in bytes per second, of layer2 edges; nil when
	// it is not known.
	Rate *float64 `json:"rate"`
}

// Topology asks for a picture of a graph.
func (c *Client) Topology(ctx context.Context, q TopologyQuery) (*Topology, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode query: %w", err)
	}
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/topology", JSON, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	t := &Topology{}
	if t.Raw, err = c.readAll(resp.Body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(t.Raw, t); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return t, nil
}
