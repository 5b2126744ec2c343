package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

const flowsHelp = `Print flows: what moves on the network now, and what moved.

Without a time the flows that go on now and those that just ended are printed;
with --since, or --from and --to, those of that time. Filters choose flows: of
one that is repeated any value will do, and all filters must hold. A is the end
that was seen first; -> and <- are what it sent and got.

With --top the addresses, applications or whatever --by names are printed that
moved the most in that time, the last five minutes when no time is given. A flow
that is seen at several places counts at each of them: name one with --node or
--capture, or count it once with --dedup. With --step too what they moved in each
step of the time is printed, of the last hour when no time is given.

With --hops conversations are printed that were seen at several points: what was
lost from one point to the next, and how long it took. --node and other places
choose conversations, all points of which are printed; --join l3 joins across
routers.

With --follow reports of flows are printed as they come, one line each, until
interrupted.

` + timesHelp

// flowFlags are what the command was called with.
type flowFlags struct {
	filter             client.FlowFilter
	since, from, to    string
	sort, order        string
	limit, top         int
	by, metric, output string
	step               string
	join               string
	points             int
	hops, dedup        bool
	follow             bool
}

func (a *app) flowsCommand() *cobra.Command {
	var x flowFlags
	cmd := &cobra.Command{
		Use:   "flows",
		Short: "Print flows, top talkers, or flows as they come",
		Long:  flowsHelp,
		Example: `  topologyctl flows --node eth0 --sort bytes
  topologyctl flows --address 192.0.2.0/24 --port 443 --since -1h
  topologyctl flows --top 10 --by application
  topologyctl flows --top 3 --by source --step 1m --since -15m
  topologyctl flows --hops --node eth0 --since -10m
  topologyctl flows --follow --application DNS`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := x.check(cmd); err != nil {
				return err
			}
			switch {
			case x.follow:
				return a.followFlows(cmd.Context(), &x)
			case x.hops:
				return a.flowHops(cmd.Context(), &x)
			case x.step != "":
				return a.flowSeries(cmd.Context(), &x)
			case x.top > 0:
				return a.topFlows(cmd.Context(), &x)
			default:
				return a.listFlows(cmd.Context(), &x)
			}
		},
	}
	outputFlag(cmd, &x.output, "table", "json", "yaml")
	f := cmd.Flags()
	f.StringArrayVar(&x.filter.Node, "node", nil, "where it was seen: `name`, ID or TID of a node, or a query that gives nodes")
	f.StringArrayVar(&x.filter.Host, "host", nil, "`host` on which it was seen")
	f.StringArrayVar(&x.filter.Interface, "interface", nil, "`name` of the interface on which it was seen")
	f.StringArrayVar(&x.filter.Capture, "capture", nil, "`name` of the capture")
	f.StringArrayVar(&x.filter.Address, "address", nil, "`address` of IP or Ethernet at one of the ends, or one network")
	f.IntSliceVar(&x.filter.Port, "port", nil, "`port` at one of the ends")
	f.StringArrayVar(&x.filter.Application, "application", nil, "`name` of the application, for example HTTPS")
	f.StringArrayVar(&x.filter.Protocol, "protocol", nil, "`name` of a protocol, for example tcp or icmp")
	f.StringArrayVar(&x.filter.Layers, "layers", nil, "all `layers`, for example Ethernet/IPv4/TCP")
	f.StringArrayVar(&x.filter.ID, "id", nil, "`ID` of the flow at one place")
	f.StringArrayVar(&x.filter.Tracking, "tracking", nil, "tracking `ID` of the flow, the same at all places")
	f.StringVar(&x.filter.Finished, "finished", "", "`true` for flows that have ended, false for those that have not")
	f.StringVar(&x.since, "since", "", "beginning of the `time`, for example -5m")
	f.StringVar(&x.from, "from", "", "the same as --since")
	f.StringVar(&x.to, "to", "", "end of the `time`; now when it is left out")
	f.StringVar(&x.sort, "sort", "last", "`what` to sort by: bytes, packets, last, start, rtt, or a field; with --hops lost (default), bytes, packets or last")
	f.StringVar(&x.order, "order", "desc", "`order`: desc or asc")
	f.IntVar(&x.limit, "limit", 100, "most flows; 20 with --hops")
	f.IntVar(&x.top, "top", 0, "print this `number` of top talkers")
	f.StringVar(&x.by, "by", "pair", "with --top, `what` to tell apart: source, destination, pair, conversation, application, protocol, port, host, interface, node, capture, or fields")
	f.StringVar(&x.metric, "metric", "bytes", "with --top, `what` to sum: bytes, packets, flows, ab_bytes, ba_bytes, ab_packets, ba_packets")
	f.StringVar(&x.step, "step", "", "with --top, print what moved in each step of this `duration`, for example 1m")
	f.BoolVar(&x.dedup, "dedup", false, "with --top, count each conversation once, where most of it was seen")
	f.BoolVar(&x.hops, "hops", false, "print what conversations lost from one point to the next")
	f.StringVar(&x.join, "join", "", "with --hops, `what` to join by: tracking (default), or l3, which joins across routers")
	f.IntVar(&x.points, "points", 2, "with --hops, the least `number` of points that saw it")
	f.BoolVar(&x.follow, "follow", false, "print reports as they come")
	return cmd
}

// check refuses flags that do not go together.
func (x *flowFlags) check(cmd *cobra.Command) error {
	set := cmd.Flags().Changed
	for _, name := range []string{"since", "from", "to"} {
		if x.follow && set(name) {
			return usageError{fmt.Errorf("--follow begins now; leave out --%s", name)}
		}
	}
	if err := x.checkHops(set); err != nil {
		return err
	}
	switch {
	case x.since != "" && x.from != "":
		return usageError{errors.New("give --since or --from, not both")}
	case x.follow && set("top"):
		return usageError{errors.New("give --follow or --top, not both")}
	case set("top") && x.top < 1:
		return usageError{errors.New("--top must be 1 or more")}
	case !set("top") && (set("by") || set("metric") || set("step") || set("dedup")):
		return usageError{errors.New("--by, --metric, --step and --dedup are for --top; give it a number too")}
	case (x.follow || set("top")) && (set("sort") || set("order") || set("limit")):
		return usageError{errors.New("--sort, --order and --limit are for lists; --top takes the number of rows")}
	case x.follow && x.output == "yaml":
		return usageError{errors.New("--follow prints lines; give -o json or leave it out")}
	case x.limit < 1:
		return usageError{errors.New("--limit must be 1 or more")}
	}
	x.from = strings.TrimSpace(x.since + x.from)
	x.to = strings.TrimSpace(x.to)
	return nil
}

func (a *app) listFlows(ctx context.Context, x *flowFlags) error {
	return show(a, x.output, question[*client.FlowList]{
		ask: func(c *client.Client) (*client.FlowList, error) {
			return c.Flows(ctx, client.FlowQuery{FlowFilter: x.filter, From: x.from, To: x.to, Sort: x.sort, Order: x.order, Limit: x.limit})
		},
		raw: func(l *client.FlowList) json.RawMessage { return l.Raw },
		text: func(l *client.FlowList) []byte {
			var b bytes.Buffer
			appendFlows(&b, l.Flows)
			switch {
			case len(l.Flows) == 0:
				fmt.Fprintln(a.env.Stderr, "nothing found")
			case l.More:
				fmt.Fprintf(a.env.Stderr, "topologyctl: there are more than %d flows: see --limit\n", len(l.Flows))
			}
			return b.Bytes()
		},
	})
}

func (a *app) topFlows(ctx context.Context, x *flowFlags) error {
	return show(a, x.output, question[*client.FlowTop]{
		ask: func(c *client.Client) (*client.FlowTop, error) {
			return c.TopFlows(ctx, client.TopQuery{FlowFilter: x.filter, From: x.from, To: x.to, By: x.by, Metric: x.metric, Limit: x.top, Dedup: x.dedup})
		},
		raw: func(top *client.FlowTop) json.RawMessage { return top.Raw },
		text: func(top *client.FlowTop) []byte {
			if len(top.Rows) == 0 {
				fmt.Fprintln(a.env.Stderr, "nothing found")
			}
			a.tellSampled(top.Sampled)
			return topTable(top)
		},
	})
}

// tellSampled says that sums are estimates.
func (a *app) tellSampled(rate int64) {
	if rate > 1 {
		fmt.Fprintf(a.env.Stderr, "topologyctl: some of it was sampled, one packet of %d: these are estimates\n", rate)
	}
}

// topTable writes top talkers as a table.
func topTable(top *client.FlowTop) []byte {
	t := table{header: append([]string{strings.ToUpper(top.Metric)}, top.By...), always: true}
	for i := range top.Rows {
		r := &top.Rows[i]
		value := strconv.FormatInt(r.Value, 10)
		if strings.HasSuffix(top.Metric, "bytes") {
			value = size(r.Value)
		}
		row := []string{value}
		for _, name := range top.By {
			row = append(row, cell(r.Key.Get(name)))
		}
		t.add(row...)
	}
	var b bytes.Buffer
	t.write(&b)
	return b.Bytes()
}

// appendFlows writes flows as a table.
func appendFlows(b *bytes.Buffer, flows []client.Flow) {
	t := table{header: []string{"LAST", "APPLICATION", "A", "B", "->", "<-", "PACKETS", "RTT", "LASTED", "ENDED", "HOST", "INTERFACE", "ID"}}
	for i := range flows {
		f := &flows[i]
		m := &f.Metric
		from, to := ends(f)
		t.add(at(f.Last), f.Application, from, to, size(m.ABBytes), size(m.BABytes), strconv.FormatInt(m.ABPackets+m.BAPackets, 10),
			rtt(m.RTT), lasted(f), ended(f), f.Host, f.Interface, f.UUID.String())
	}
	t.write(b)
}

// ends names both ends of a flow by the innermost addresses and the ports.
func ends(f *client.Flow) (from, to string) {
	from, to = f.Network.A, f.Network.B
	if from == "" && to == "" {
		return f.Link.A, f.Link.B
	}
	if f.Transport.Protocol == "" {
		return from, to
	}
	port := func(addr string, n int) string {
		if strings.Contains(addr, ":") {
			addr = "[" + addr + "]"
		}
		return addr + ":" + strconv.Itoa(n)
	}
	return port(from, f.Transport.A), port(to, f.Transport.B)
}

// ended is why a flow has ended, "" while it goes on.
func ended(f *client.Flow) string {
	if f.FinishType == "NOT_FINISHED" {
		return ""
	}
	return f.FinishType
}

func lasted(f *client.Flow) string {
	d := time.Duration(f.Last-f.Start) * time.Millisecond
	if d >= 10*time.Second {
		d = d.Round(time.Second)
	}
	return d.String()
}

func rtt(ns int64) string {
	if ns == 0 {
		return ""
	}
	d := time.Duration(ns)
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	x, i := float64(n)/1000, 0
	for x >= 999.95 && i < len(units)-1 {
		x /= 1000
		i++
	}
	return fmt.Sprintf("%.1f %cB", x, units[i])
}
