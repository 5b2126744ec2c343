package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// client asks topologyd.
type client struct {
	base string
	http *http.Client
}

func newClient(address string) *client {
	return &client{base: "http://" + address, http: &http.Client{Timeout: 10 * time.Second}}
}

func (c *client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask topologyd: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("topologyd answers %s: %s", resp.Status, bytes.TrimSpace(text))
	}
	return text, nil
}

// ready reports whether topologyd serves queries.
func (c *client) ready(ctx context.Context) bool {
	_, err := c.do(ctx, http.MethodGet, "/-/ready", nil)
	return err == nil
}

// count evaluates a query whose answer is a number.
func (c *client) count(ctx context.Context, gremlin string) (int, error) {
	body, err := json.Marshal(map[string]string{"gremlin": gremlin})
	if err != nil {
		return 0, fmt.Errorf("encode query: %w", err)
	}
	text, err := c.do(ctx, http.MethodPost, "/api/v1/query", body)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("answer to %s: %q is not a number", gremlin, text)
	}
	return n, nil
}

// settled returns a condition that holds once the host's interfaces are there
// and their number has not changed for a second.
func (c *client) settled() func(context.Context) bool {
	last, since := -1, time.Now()
	return func(ctx context.Context) bool {
		n, err := c.count(ctx, "G.V().Count()")
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
func (c *client) summary(ctx context.Context, s *settings) (string, error) {
	var counts [4]int
	for i, q := range []string{
		`G.V().Has('Type','netns').Count()`,
		`G.V().HasKey('IfIndex').Count()`,
		`G.E().Has('RelationType','layer2').Count()`,
		`G.E().Has('RelationType','ownership').Count()`,
	} {
		var err error
		if counts[i], err = c.count(ctx, q); err != nil {
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
	for _, q := range examples() {
		fmt.Fprintf(&b, "  %s query%s \"%s\"\n", filepath.Join(s.bin, "topologyctl"), server, q)
	}
	fmt.Fprintf(&b, "  %s watch%s\n\n", filepath.Join(s.bin, "topologyctl"), server)
	fmt.Fprintf(&b, "  query    POST http://%s/api/v1/query  {\"gremlin\":\"G.V().Count()\"}\n", s.http)
	fmt.Fprintf(&b, "  watch    http://%s/api/v1/watch (WebSocket, SSE)\n", s.http)
	fmt.Fprintf(&b, "  metrics  http://%s/metrics\n", s.http)
	fmt.Fprintf(&b, "  OTLP     grpc://%s, http://%s/v1/logs\n", s.otlp, s.http)
	fmt.Fprintf(&b, "  logs     %s, %s\n\nCtrl-C stops both. Their logs follow.\n\n",
		filepath.Join(s.data, "topologyd.log"), filepath.Join(s.data, "telegraf.log"))
	return b.String(), nil
}
