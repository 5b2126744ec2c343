package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/skein-net/skein/topologyd/client"
)

// hasFlows returns a condition that holds once there are flows, or d is over.
func (a *asker) hasFlows(d time.Duration) func(context.Context) bool {
	end := time.Now().Add(d)
	return func(ctx context.Context) bool {
		n, err := a.count(ctx, "G.Flows().Count()")
		return err == nil && n > 0 || time.Now().After(end)
	}
}

// topFlows is how many flows the summary shows.
const topFlows = 5

// flow is what the summary shows of one.
type flow struct {
	Application, LayersPath  string
	Link, Network, Transport struct{ A, B any }
	Metric                   struct{ ABPackets, ABBytes, BAPackets, BABytes int64 }
}

// end names one end of the flow: an address and a port, or what there is.
func end(network, link, port any) string {
	switch {
	case network == nil && link == nil:
		return "-"
	case network == nil:
		return fmt.Sprint(link)
	case port == nil:
		return fmt.Sprint(network)
	}
	return fmt.Sprintf("%v:%v", network, port)
}

// flows is the part of the summary that tells of the largest flows.
func (a *asker) flows(ctx context.Context) (string, error) {
	answer, err := a.Ask(ctx, client.Query{Gremlin: fmt.Sprintf("G.Flows().Sort(DESC,'Metric.ABBytes').Limit(%d)", topFlows)}, client.JSON)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read flows: %w", err)
	}
	var top []flow
	if err := json.Unmarshal(b, &top); err != nil {
		return "", fmt.Errorf("read flows: %w", err)
	}
	if len(top) == 0 {
		return "No flow has been seen yet on the interface of the default route; topologyctl flows lists them once there are.\n\n", nil
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  APPLICATION\tA\tB\tPACKETS\tBYTES")
	for _, f := range top {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%d\t%d\n", f.Application, end(f.Network.A, f.Link.A, f.Transport.A), end(f.Network.B, f.Link.B, f.Transport.B),
			f.Metric.ABPackets+f.Metric.BAPackets, f.Metric.ABBytes+f.Metric.BABytes)
	}
	if err := w.Flush(); err != nil {
		return "", fmt.Errorf("write flows: %w", err)
	}
	return "What moves through the interface of the default route:\n\n" + out.String() + "\n", nil
}
