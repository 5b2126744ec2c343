package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/skein-net/skein/topologyd/client"
)

// healthDetails are what the health check tells besides its message.
type healthDetails struct {
	Version  string     `json:"version,omitempty"`
	Nodes    int        `json:"nodes"`
	Edges    int        `json:"edges"`
	Revision uint64     `json:"revision"`
	Oldest   *time.Time `json:"oldest,omitempty"`
	Past     bool       `json:"past"`
	Flows    bool       `json:"flows"`
	Warnings []string   `json:"warnings,omitempty"`
	// Verbose is what Grafana shows below the message.
	Verbose string `json:"verboseMessage,omitempty"`
}

func (h *healthDetails) warn(format string, args ...any) {
	h.Warnings = append(h.Warnings, fmt.Sprintf(format, args...))
}

// CheckHealth says whether queries will be answered, and if not what to do. What
// works, but not as people may expect, is a warning in the details.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	ctx, cancel := context.WithTimeout(ctx, d.settings.Timeout)
	defer cancel()
	h, err := d.examine(ctx)
	if err != nil {
		return &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: sentence(d.settings.explain(err).message)}, nil
	}
	message := fmt.Sprintf("topologyd %s answers: %d nodes, %d edges, revision %d.", h.Version, h.Nodes, h.Edges, h.Revision)
	if n := len(h.Warnings); n > 0 {
		h.Verbose = strings.Join(h.Warnings, "\n")
		message += " " + strings.Join(h.Warnings, " ")
	}
	details, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode details: %w", err)
	}
	return &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: d.settings.redact(message), JSONDetails: []byte(d.settings.redact(string(details)))}, nil
}

// sentence begins a message with a capital letter.
func sentence(text string) string {
	if text == "" || strings.HasPrefix(text, "http") || strings.HasPrefix(text, "topologyd") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// examine asks what queries will need.
func (d *Datasource) examine(ctx context.Context) (*healthDetails, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	s, err := d.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	if s.Version == "" || s.Started.IsZero() {
		return nil, &problem{fmt.Sprintf("what answers at %s is no topologyd: check the URL of the data source", d.settings.URL), backend.StatusBadGateway, backend.ErrorSourceDownstream}
	}
	if err := d.client.Ready(ctx); err != nil {
		return nil, err
	}
	var refused *client.Error
	if _, err := d.client.Steps(ctx); errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return nil, &problem{fmt.Sprintf("topologyd %s is too old for this data source: upgrade it", s.Version), backend.StatusBadGateway, backend.ErrorSourceDownstream}
	} else if err != nil {
		return nil, err
	}
	h := &healthDetails{Version: s.Version, Nodes: s.Nodes, Edges: s.Edges, Revision: s.Revision, Past: s.Past != nil}
	if s.Past != nil && !s.Past.Oldest.IsZero() {
		h.Oldest = &s.Past.Oldest
	}
	if s.Past == nil {
		h.warn("It keeps no past: Difference and Events, and time ranges that end before now, will fail.")
	}
	if s.Nodes == 0 {
		h.warn("Its graph is empty: no agent has reported anything yet.")
	}
	_, err = d.client.TopFlows(ctx, client.TopQuery{By: "application", Limit: 1})
	switch {
	case err == nil:
		h.Flows = true
	case errors.As(err, &refused) && refused.Status == http.StatusNotImplemented:
		h.warn("It keeps no flows: start it without --flows=false to see flows and the traffic of interfaces over time.")
	default:
		h.warn("Its flows cannot be asked for: %s.", d.settings.explain(err).message)
	}
	if d.settings.token != "" && inTheClear(d.settings.URL) {
		h.warn("The token is sent without TLS: use https.")
	}
	return h, nil
}

// inTheClear reports whether a URL leads over a network without TLS.
func inTheClear(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}
