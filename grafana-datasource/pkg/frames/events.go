package frames

import (
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// Hosts gives the names of hosts by their host.id.
type Hosts map[string]string

// name is the name of a host, its ID when that is not known.
func (h Hosts) name(id string) string {
	if name := h[id]; name != "" {
		return name
	}
	return id
}

// eventColumns are the columns of events, which never change, so that streams
// can add rows to them. node is the ID of the node that changed, or of the child
// of the edge.
type eventColumns struct {
	time                              []time.Time
	title, text, tags, id, node       []string
	op, kind, name, typ, host, hostID []string
	keys                              []string
	revision                          []int64
}

// opWord cuts an operation into what and how: node, added.
func opWord(op string) (kind, word string) {
	kind, word, _ = strings.Cut(op, "_")
	switch word {
	case "deleted":
		word = "removed"
	case "updated":
		word = "changed"
	}
	return kind, word
}

func (c *eventColumns) add(p *client.PastChange, hosts Hosts) {
	kind, word := opWord(p.Op)
	var name, typ, id, node, hostID string
	switch {
	case p.Node != nil:
		name, typ, hostID, id = nodeName(p.Node), p.Node.Metadata.Get("Type").Text(), p.Node.Host, p.Node.ID.String()
		node = id
		if p.Node.Metadata.Get("Type").IsZero() {
			typ = ""
		}
	case p.Edge != nil:
		typ, hostID, id = p.Edge.Metadata.Get("RelationType").Str(), p.Edge.Host, p.Edge.ID.String()
		node = p.Edge.Child.String()
		name = endName(p.Parent, p.Edge.Parent) + " → " + endName(p.Child, p.Edge.Child)
	default:
		return
	}
	host := hosts.name(hostID)
	what := name
	if typ != "" {
		what += " (" + typ + ")"
	}
	title := strings.ToUpper(kind[:1]) + kind[1:] + " " + word + ": " + what
	text := title
	if host != "" && host != name {
		text += " on " + host
	}
	var keys []string
	for i := range p.Keys {
		k := &p.Keys[i]
		keys = append(keys, k.Key)
		text += "\n" + keyLine(k)
	}
	tags := []string{word, kind}
	if typ != "" {
		tags = append(tags, typ)
	}
	c.time, c.title, c.text = append(c.time, p.Time.UTC()), append(c.title, clip(title, 500)), append(c.text, clip(text, maxCell))
	c.tags, c.id = append(c.tags, strings.Join(tags, ",")), append(c.id, id)
	c.node = append(c.node, node)
	c.op, c.kind, c.name, c.typ = append(c.op, word), append(c.kind, kind), append(c.name, name), append(c.typ, typ)
	c.host, c.hostID = append(c.host, host), append(c.hostID, hostID)
	c.keys, c.revision = append(c.keys, clip(strings.Join(keys, ", "), maxCell)), append(c.revision, int64(p.Revision))
}

// endName is what people know the end of an edge by.
func endName(n *client.NodeName, id entity.UUID) string {
	if n != nil && n.Name != "" {
		return n.Name
	}
	return id.String()
}

// keyLine says how one key changed.
func keyLine(k *client.Key) string {
	return fmt.Sprintf("%s: %s → %s", k.Key, orNone(k.Old), orNone(k.New))
}

func orNone(v entity.Value) string {
	if v.IsZero() {
		return "none"
	}
	return clip(text(v), 200)
}

func (c *eventColumns) frame() *data.Frame {
	return data.NewFrame("events",
		data.NewField("time", nil, c.time), data.NewField("title", nil, c.title), data.NewField("text", nil, c.text), data.NewField("tags", nil, c.tags),
		data.NewField("op", nil, c.op), data.NewField("kind", nil, c.kind), data.NewField("name", nil, c.name), data.NewField("type", nil, c.typ),
		data.NewField("host", nil, c.host), data.NewField("keys", nil, c.keys), data.NewField("revision", nil, c.revision),
		data.NewField("hostid", nil, c.hostID), data.NewField("id", nil, c.id), data.NewField("node", nil, c.node),
	)
}

// Events makes a frame of changes, the oldest first, which serves as a table and
// as annotations. asked is when the range begins.
func Events(l *client.Changes, hosts Hosts, asked time.Time, maxRows int) *data.Frame {
	changes := l.Changes
	if maxRows > 0 && len(changes) > maxRows {
		changes = changes[len(changes)-maxRows:]
	}
	c := &eventColumns{}
	for i := range changes {
		c.add(&changes[i], hosts)
	}
	f := table(c.frame())
	if l.More || len(changes) < len(l.Changes) {
		f.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
			"The newest %d changes are shown, older ones in that time are left out: narrow the time range or the query, or raise the limit.", len(changes))})
	}
	if !asked.IsZero() && l.From.Sub(asked) > time.Second {
		f.AppendNotices(notice("The past is kept from %s on: changes before are not known.", l.From.UTC().Format(time.RFC3339)))
	}
	return f
}

// EventReports makes a frame of changes for a stream: as of [Events] and, in the
// first row, how many were lost before it.
func EventReports(changes []client.PastChange, hosts Hosts, lost int64) *data.Frame {
	c := &eventColumns{}
	for i := range changes {
		c.add(&changes[i], hosts)
	}
	f := c.frame()
	f.Fields = append(f.Fields, lostField(len(c.time), lost))
	return f
}

// Revision makes the frame that tells a stream that the graph has changed.
func Revision(at time.Time, revision uint64) *data.Frame {
	return data.NewFrame("revision", data.NewField("time", nil, []time.Time{at.UTC()}), data.NewField("revision", nil, []int64{int64(revision)}))
}
