package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
)

// asker is the client of the daemon that was started.
type asker struct{ *client.Client }

func newAsker(address string) (*asker, error) {
	cfg := client.DefaultConfig()
	cfg.Server = "http://" + address
	cfg.Timeout = 10 * time.Second
	c, err := client.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return &asker{c}, nil
}

// ready reports whether topologyd serves queries.
func (a *asker) ready(ctx context.Context) bool { return a.Ready(ctx) == nil }

// count evaluates a query whose answer is a number.
func (a *asker) count(ctx context.Context, gremlin string) (int64, error) {
	r, err := a.Query(ctx, client.Query{Gremlin: gremlin})
	if err != nil {
		return 0, err
	}
	if r.Kind != client.KindNumber {
		return 0, fmt.Errorf("the answer to %s is %s, not a number", gremlin, r.Kind)
	}
	return r.Number.Int(), nil
}

// settled returns a condition that holds once the host's interfaces are there
// and their number has not changed for a second.
func (a *asker) settled() func(context.Context) bool {
	last, since := int64(-1), time.Now()
	return func(ctx context.Context) bool {
		n, err := a.count(ctx, "G.V().Count()")
		if err != nil || n < 2 {
			return false
		}
		if n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) >= time.Second
	}
}

// examples are queries to begin with; each answers on every Linux host.
func examples() []string {
	return []string{
		`G.V().Has('Type','host').Out().Values('Name')`,
		`G.V().Has('State','UP').HasKey('IPV4').ValueMap('Name','IPV4')`,
		`G.V().Has('Type','veth').Out().Count()`,
		`G.V().HasKey('IfIndex').Has('MTU',Gt(1500)).ValueMap('Name','MTU')`,
		`G.V().Has('Name','lo').ShortestPathTo(Metadata('Type','host'))`,
	}
}

// summary tells what the graph holds and how to ask it.
func (a *asker) summary(ctx context.Context, s *settings) (string, error) {
	var counts [4]int64
	for i, q := range []string{
		`G.V().Has('Type','netns').Count()`,
		`G.V().HasKey('IfIndex').Count()`,
		`G.E().Has('RelationType','layer2').Count()`,
		`G.E().Has('RelationType','ownership').Count()`,
	} {
		var err error
		if counts[i], err = a.count(ctx, q); err != nil {
			return "", err
		}
	}
	server := ""
	if s.http != defaultHTTP {
		server = " --server http://" + s.http
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nSkein shows this host: %d network namespaces besides its own, %d interfaces, %d layer 2 links, %d ownership links.\n\n",
		counts[0], counts[1], counts[2], counts[3])
	sentence, more, err := a.besides(ctx)
	if err != nil {
		return "", err
	}
	b.WriteString(sentence)
	examples := append(examples(), more...)
	if s.capture {
		text, err := a.flows(ctx)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		examples = append(examples, `G.V().HasKey('IfIndex').Flows().Has('Application','HTTPS').Metrics()`)
	} else {
		b.WriteString("Packets are captured as root only: there are no flows.\n\n")
	}
	for _, q := range examples {
		fmt.Fprintf(&b, "  %s query%s \"%s\"\n", filepath.Join(s.bin, "topologyctl"), server, q)
	}
	fmt.Fprintf(&b, "  %s watch%s\n", filepath.Join(s.bin, "topologyctl"), server)
	fmt.Fprintf(&b, "  %s alert active%s\n", filepath.Join(s.bin, "topologyctl"), server)
	if s.capture {
		fmt.Fprintf(&b, "  %s flows%s --follow\n", filepath.Join(s.bin, "topologyctl"), server)
		fmt.Fprintf(&b, "  %s capture create%s --gremlin \"G.V().Has('Type','veth')\" --ttl 1h --wait\n", filepath.Join(s.bin, "topologyctl"), server)
	}
	b.WriteString("\n")
	fmt.Fprintf(&b, "  query    POST http://%s/api/v1/query  {\"gremlin\":\"G.V().Count()\"}\n", s.http)
	fmt.Fprintf(&b, "  watch    http://%s/api/v1/watch (WebSocket, SSE)\n", s.http)
	fmt.Fprintf(&b, "  metrics  http://%s/metrics\n", s.http)
	fmt.Fprintf(&b, "  OTLP     grpc://%s, http://%s/v1/logs\n", s.otlp, s.http)
	logs := make([]string, 0, 3)
	for _, name := range s.programs() {
		logs = append(logs, filepath.Join(s.data, name+".log"))
	}
	if s.capture {
		fmt.Fprintf(&b, "  flows    http://%s/metrics as metrics; the Collector's own http://%s/metrics\n", s.prom, s.collector)
	}
	fmt.Fprintf(&b, "  Grafana  make plugin, give build/skein-topology-datasource-*.zip to a Grafana 12.3 or later,\n")
	fmt.Fprintf(&b, "           and add a data source with the URL http://%s: docs/grafana.md has the dashboards\n", s.http)
	fmt.Fprintf(&b, "  logs     %s\n\nCtrl-C stops them. Their logs follow.\n\n", strings.Join(logs, ", "))
	return b.String(), nil
}
