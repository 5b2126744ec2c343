package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/skein-net/skein/topologyd/client"
)

// checkHops is check for --hops.
func (x *flowFlags) checkHops(set func(string) bool) error {
	switch {
	case !x.hops && (set("join") || set("points")):
		return usageError{errors.New("--join and --points are for --hops; give it too")}
	case !x.hops:
		return nil
	case x.follow || set("top"):
		return usageError{errors.New("give one of --hops, --top and --follow")}
	case set("order"):
		return usageError{errors.New("--hops prints the most first; leave out --order")}
	case x.points < 1:
		return usageError{errors.New("--points must be 1 or more")}
	}
	if !set("sort") {
		x.sort = ""
	}
	if !set("limit") {
		x.limit = 20
	}
	return nil
}

// flowHops prints conversations hop by hop.
func (a *app) flowHops(ctx context.Context, x *flowFlags) error {
	return show(a, x.output, question[*client.HopList]{
		ask: func(c *client.Client) (*client.HopList, error) {
			return c.Hops(ctx, client.HopQuery{FlowFilter: x.filter, From: x.from, To: x.to, Sort: x.sort, Join: x.join, Points: x.points, Limit: x.limit})
		},
		raw: func(l *client.HopList) json.RawMessage { return l.Raw },
		text: func(l *client.HopList) []byte {
			var b bytes.Buffer
			for i := range l.Conversations {
				if i > 0 {
					b.WriteByte('\n')
				}
				appendConversation(&b, &l.Conversations[i])
			}
			switch {
			case len(l.Conversations) == 0:
				fmt.Fprintln(a.env.Stderr, "nothing found")
			case l.More:
				fmt.Fprintf(a.env.Stderr, "topologyctl: there are more than %d conversations: see --limit\n", len(l.Conversations))
			}
			return b.Bytes()
		},
	})
}

// appendConversation writes a conversation: what it is, then a line for each
// point, with an arrow between each two that tells what was lost and how long it
// took.
func appendConversation(b *bytes.Buffer, c *client.Conversation) {
	from, to := ends(&client.Flow{Link: c.Link, Network: c.Network, Transport: c.Transport})
	t := &c.Total
	line := fmt.Sprintf("%s %s -> %s: %s there, %s back, %s", c.Application, from, to, count(t.ABPackets), count(t.BAPackets), size(t.ABBytes+t.BABytes))
	if t.SamplingRate > 1 {
		line += fmt.Sprintf(", sampled 1 of %d", t.SamplingRate)
	}
	one := oneHost(c.Hops)
	if one != "" {
		line += ", on " + one
	}
	writeLine(b, line+" (tracking "+c.TrackingID+")")
	rows := table{header: make([]string, 4)}
	for i := range c.Hops {
		h := &c.Hops[i]
		note := []string{}
		if h.RTT != 0 {
			note = append(note, "rtt "+rtt(h.RTT))
		}
		if h.SamplingRate > 1 {
			note = append(note, "sampled 1 of "+strconv.FormatInt(h.SamplingRate, 10))
		}
		if h.Dropped > 0 {
			note = append(note, "kernel dropped "+strconv.FormatInt(h.Dropped, 10))
		}
		at := "  " + h.Interface
		if one == "" {
			at += " of " + h.Host
		}
		rows.add(at, "-> "+count(h.ABPackets), "<- "+count(h.BAPackets), strings.Join(note, ", "))
	}
	var points bytes.Buffer
	rows.write(&points)
	lines := strings.Split(strings.TrimRight(points.String(), "\n"), "\n")[1:] // there is no heading
	for i, line := range lines {
		if i > 0 && i-1 < len(c.Between) {
			appendBetween(b, &c.Between[i-1])
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
}

// oneHost is the host that all points are on, "" when they are on several.
func oneHost(list []client.Hop) string {
	for i := range list {
		if list[i].Host != list[0].Host {
			return ""
		}
	}
	if len(list) == 0 {
		return ""
	}
	return list[0].Host
}

// appendBetween writes the arrow from one point to the next.
func appendBetween(b *bytes.Buffer, x *client.HopLoss) {
	parts := []string{
		"-> " + lostText(x.LostABPackets, x.SurplusABPackets, x.LossAB), "<- " + lostText(x.LostBAPackets, x.SurplusBAPackets, x.LossBA),
	}
	if x.RoundTrip != nil {
		parts = append(parts, "round trip "+signed(*x.RoundTrip))
	}
	clock := ""
	if !x.SameClock {
		clock = " by two clocks"
	}
	switch {
	case x.OneWayAB != nil && x.OneWayBA != nil:
		parts = append(parts, "one way "+signed(*x.OneWayAB)+" and "+signed(*x.OneWayBA)+clock)
	case x.OneWayAB != nil:
		parts = append(parts, "one way "+signed(*x.OneWayAB)+clock)
	case x.OneWayBA != nil:
		parts = append(parts, "way back "+signed(*x.OneWayBA)+clock)
	}
	writeLine(b, "    | "+strings.Join(append(parts, x.Confidence), "; "))
	if x.Confidence == "exact" {
		return
	}
	for _, e := range x.Evidence {
		writeLine(b, "    |   "+e)
	}
}

func writeLine(b *bytes.Buffer, line string) {
	b.WriteString(printable(line, false))
	b.WriteByte('\n')
}

// lostText says what was lost, or what came out that did not go in.
func lostText(lost, surplus int64, ratio float64) string {
	switch {
	case surplus > 0:
		return fmt.Sprintf("%d more", surplus)
	case lost == 0:
		return "none lost"
	default:
		return fmt.Sprintf("%d lost (%.2g %%)", lost, 100*ratio)
	}
}

// signed is a time that may be below zero.
func signed(ns int64) string {
	switch {
	case ns < 0:
		return "-" + rtt(-ns)
	case ns == 0:
		return "0s"
	default:
		return rtt(ns)
	}
}

func count(n int64) string { return strconv.FormatInt(n, 10) }
