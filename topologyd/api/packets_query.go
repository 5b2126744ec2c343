package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/pcapwrite"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/packets"
	"github.com/skein-net/skein/topologyd/when"
)

// packetFormats are the media types of packets by the names of the formats, the
// usual one first.
func packetFormats() [3]struct {
	format packets.Format
	media  string
} {
	return [3]struct {
		format packets.Format
		media  string
	}{{packets.PcapNG, pcapwrite.TypePcapNG}, {packets.Pcap, pcapwrite.TypePcap}, {packets.JSON, typeNDJSON}}
}

// packetFormat returns what is asked for: format before Accept.
func packetFormat(r *http.Request) (packets.Format, string, *failure) {
	all := packetFormats()
	if name := r.URL.Query().Get("format"); name != "" {
		for _, x := range all {
			if string(x.format) == name {
				return x.format, x.media, nil
			}
		}
		return "", "", fail(http.StatusBadRequest, httpx.CodeInvalid, "format %.40q is not known; there are pcapng, pcap and json", name)
	}
	media := httpx.Accept(r, all[0].media, all[1].media, all[2].media)
	for _, x := range all {
		if x.media == media {
			return x.format, x.media, nil
		}
	}
	return "", "", fail(http.StatusNotAcceptable, httpx.CodeUnsupported,
		"none of the media types in Accept is known; ask for %s, %s or %s", all[0].media, all[1].media, all[2].media)
}

// packetQuery reads the parameters.
func (a *API) packetQuery(r *http.Request, d *definition.Definition) (q packets.Query, f *failure) {
	if err := packets.Keeps(d); err != nil {
		return q, packetFailure(err)
	}
	p := params(r.URL.Query())
	if f := p.check("node", "flow", "from", "since", "to", "limit", "bytes", "follow", "format"); f != nil {
		return q, f
	}
	q = packets.Query{Captures: []*definition.Definition{d}, Node: p.get("node")}
	for _, text := range p["flow"] {
		id, err := entity.ParseUUID(text)
		if err != nil {
			return q, fail(http.StatusBadRequest, httpx.CodeInvalid, "flow=%.60q is not the ID of a flow: %v", text, err)
		}
		q.Flows = append(q.Flows, id)
	}
	from, f := p.since()
	if f != nil {
		return q, f
	}
	for _, x := range []struct {
		name, text string
		to         *time.Time
	}{{"from", from, &q.From}, {"to", p.get("to"), &q.To}} {
		if x.text == "" {
			continue
		}
		t, err := when.Parse(x.text, a.now())
		if err != nil {
			return q, fail(http.StatusBadRequest, httpx.CodeInvalid, "%s: %v", x.name, err)
		}
		*x.to = t
	}
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		return q, fail(http.StatusBadRequest, httpx.CodeInvalid, "from is after to; exchange them")
	}
	for _, x := range []struct {
		name string
		to   *int64
	}{{"limit", &q.MaxPackets}, {"bytes", &q.MaxBytes}} {
		n, f := p.number(x.name, 0, 1<<50)
		if f != nil {
			return q, f
		}
		*x.to = int64(n)
	}
	return q, yesNo(&q.Follow, "follow", p.get("follow"))
}

// packetFailure says whose an error of the service is.
func packetFailure(err error) *failure {
	var f *failure
	switch {
	case errors.Is(err, packets.ErrForbidden):
		f = fail(http.StatusForbidden, httpx.CodeForbidden, "%v", err)
	case errors.Is(err, packets.ErrKeepsNone):
		f = fail(http.StatusConflict, httpx.CodeConflict, "%v", err)
	case errors.Is(err, packets.ErrMixed):
		f = fail(http.StatusConflict, httpx.CodeConflict, "%v", err)
	case errors.Is(err, packets.ErrNothing):
		f = fail(http.StatusNotFound, httpx.CodeNotFound, "%v", err)
	case errors.Is(err, packets.ErrDeleted):
		f = fail(http.StatusGone, httpx.CodeGone, "%v", err)
	case errors.Is(err, packets.ErrTooMany):
		f = fail(http.StatusUnprocessableEntity, httpx.CodeLimit, "%v", err)
	case errors.Is(err, packets.ErrBusy):
		f = fail(http.StatusServiceUnavailable, httpx.CodeBusy, "%v", err)
		f.retry = 5
	case errors.Is(err, packets.ErrAway), errors.Is(err, context.Canceled):
		f = fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "%v", err)
		f.retry = 5
	default: // the audit log cannot be written, for example
		f = fail(http.StatusInternalServerError, httpx.CodeInternal, "%v", err)
	}
	return f
}

// missingNames lists the names of hosts that are not among others, as a header
// can hold them.
func missingNames(list, others []packets.Missing) string {
	const most = 50
	known := make(map[string]bool, len(others))
	for _, m := range others {
		known[m.Host] = true
	}
	var names []string
	for _, m := range list {
		if known[m.Host] {
			continue
		}
		if len(names) == most {
			names = append(names, "...")
			break
		}
		names = append(names, url.PathEscape(m.Name))
	}
	return strings.Join(names, ", ")
}

// headerText makes a text one that a header can hold.
func headerText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 500)]
}
