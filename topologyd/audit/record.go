package audit

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

// Actions.
const (
	// PacketsFetch is the beginning of an answer with packets, PacketsEnd its end.
	PacketsFetch = "packets.fetch"
	PacketsEnd   = "packets.end"
	// Captures are made, changed and deleted.
	CaptureCreate  = "capture.create"
	CaptureReplace = "capture.replace"
	CaptureDelete  = "capture.delete"
	// Definitions of other kinds are made, changed and deleted.
	DefinitionCreate  = "definition.create"
	DefinitionReplace = "definition.replace"
	DefinitionDelete  = "definition.delete"
	// AuthRefused is a request that was not let in.
	AuthRefused = "auth.refused"
)

// Outcomes.
const (
	OK      = "ok"
	Refused = "refused"
	Failed  = "failed"
)

// Record is one line of the log. What is empty is left out, apart from the first
// members.
type Record struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"`
	// Outcome is OK, Refused or Failed, Reason why it is not OK.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	Actor
	// Endpoint is the method and the pattern of the path of what was refused.
	Endpoint string `json:"endpoint,omitempty"`
	// Request is the same in the records of the beginning and the end of an answer.
	Request string `json:"request,omitempty"`
	// Kind and ID are those of a definition that is no capture.
	Kind string `json:"kind,omitempty"`
	ID   string `json:"id,omitempty"`
	// Capture is the ID of a capture and Name its name, or that of the definition;
	// several are joined by ",".
	Capture string `json:"capture,omitempty"`
	Name    string `json:"name,omitempty"`
	// Query and Filter are those of the capture.
	Query  string `json:"query,omitempty"`
	Filter string `json:"filter,omitempty"`
	// Node, Flows, From and To are what was asked for; Flows counts them.
	Node  string    `json:"node,omitempty"`
	Flows int       `json:"flows,omitempty"`
	From  time.Time `json:"from,omitzero"`
	To    time.Time `json:"to,omitzero"`
	// Follow tells that packets are sent as they come.
	Follow bool `json:"follow,omitempty"`
	// Nodes counts the interfaces, Hosts the hosts that are asked.
	Nodes int `json:"nodes,omitempty"`
	Hosts int `json:"hosts,omitempty"`
	// Packets and Bytes are what was handed out, Missing how many hosts gave nothing.
	Packets int64 `json:"packets,omitempty"`
	Bytes   int64 `json:"bytes,omitempty"`
	Missing int   `json:"missing,omitempty"`
	// Suppressed counts the refusals since the record before that were too many to
	// be written.
	Suppressed int64 `json:"suppressed,omitempty"`
}

// attrs are what the daemon's own log has of a record: what is empty is left out.
func (r *Record) attrs() []slog.Attr {
	out := []slog.Attr{slog.String("action", r.Action), slog.String("outcome", r.Outcome)}
	for _, x := range []struct{ key, value string }{
		{"reason", r.Reason}, {"user", r.User}, {"remote", r.Remote}, {"endpoint", r.Endpoint}, {"request", r.Request},
		{"kind", r.Kind}, {"id", r.ID}, {"capture", r.Capture}, {"name", r.Name},
	} {
		if x.value != "" {
			out = append(out, slog.String(x.key, x.value))
		}
	}
	for _, x := range []struct {
		key   string
		value int64
	}{{"hosts", int64(r.Hosts)}, {"nodes", int64(r.Nodes)}, {"packets", r.Packets}, {"bytes", r.Bytes}, {"suppressed", r.Suppressed}} {
		if x.value != 0 {
			out = append(out, slog.Int64(x.key, x.value))
		}
	}
	return out
}

// Actor is who did it.
type Actor struct {
	// User is who it is, as far as that was proved, and Method how.
	User   string `json:"user,omitempty"`
	Method string `json:"method,omitempty"`
	// Remote is the address that the request came from, UserAgent what it says of
	// itself.
	Remote    string `json:"remote,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
}

// actorKey is the key of a context under which its [Actor] is.
type actorKey struct{}

// WithActor returns a context for what an actor does.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf returns who does it; the zero value when the context does not tell.
func ActorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// maxText is where texts that come from outside are cut, in bytes, and maxRefused
// where those are that somebody says of himself who is not let in.
const (
	maxText    = 1024
	maxRefused = 200
)

// cut bounds the texts of a record.
func (r *Record) cut() {
	for _, s := range []*string{
		&r.Reason, &r.User, &r.Method, &r.Endpoint, &r.Kind, &r.ID, &r.Remote, &r.UserAgent, &r.Request, &r.Capture, &r.Name, &r.Query, &r.Filter, &r.Node,
	} {
		*s = cutTo(*s, maxText)
	}
	if r.Action == AuthRefused {
		r.UserAgent = cutTo(r.UserAgent, maxRefused)
	}
}

// cutTo is a text of so many bytes at most, and a mark if it was longer. What is no
// UTF-8 is one "?", where JSON would have six bytes for each.
func cutTo(s string, most int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= most {
		return s
	}
	n := most
	for n > most-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
