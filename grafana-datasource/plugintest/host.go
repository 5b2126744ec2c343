// Package plugintest runs the datasource's program as Grafana does: by
// go-plugin, over gRPC. It is for tests only, and must know nothing of how the
// plugin works inside.
package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

// ID is the plugin's.
const ID = "skein-topology-datasource"

// Instance is one configured data source.
type Instance struct {
	// UID is Grafana's name of it; "" is "skein".
	UID string
	// URL is where topologyd answers.
	URL string
	// Settings are its jsonData, nil for none; Secrets its secureJsonData.
	Settings map[string]any
	Secrets  map[string]string
	// User asks; the zero value is a viewer.
	User backend.User
	// Updated changes with the settings; the zero value is a fixed time.
	Updated time.Time
}

func (i *Instance) context() backend.PluginContext {
	s := &backend.DataSourceInstanceSettings{
		ID: 1, UID: "skein", Type: ID, Name: "Skein", URL: i.URL,
		JSONData: []byte("{}"), DecryptedSecureJSONData: i.Secrets, Updated: time.Unix(1, 0),
	}
	if i.UID != "" {
		s.UID = i.UID
	}
	if i.Settings != nil {
		s.JSONData, _ = json.Marshal(i.Settings) // maps of plain values cannot fail
	}
	if !i.Updated.IsZero() {
		s.Updated = i.Updated
	}
	user := i.User
	if user.Login == "" {
		user = backend.User{Login: "viewer", Name: "A viewer", Email: "viewer@example.org", Role: "Viewer"}
	}
	return backend.PluginContext{OrgID: 1, PluginID: ID, PluginVersion: "0.0.0", User: &user, DataSourceInstanceSettings: s}
}

// Host is a running plugin. Its methods may be called concurrently.
type Host struct {
	data        pluginv2.DataClient
	diagnostics pluginv2.DiagnosticsClient
	resource    pluginv2.ResourceClient
	stream      pluginv2.StreamClient
	client      *goplugin.Client
}

// Start runs the plugin's program until the test ends. If the test fails, what
// it logged is printed.
func Start(t testing.TB, path string) *Host {
	t.Helper()
	var log buffer
	client := goplugin.NewClient(&goplugin.ClientConfig{
		Cmd: exec.Command(path), //nolint:noctx // Kill ends it
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data": &grpcplugin.DataGRPCPlugin{}, "diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource": &grpcplugin.ResourceGRPCPlugin{}, "stream": &grpcplugin.StreamGRPCPlugin{},
		}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &log}),
		StartTimeout:     30 * time.Second,
	})
	t.Cleanup(func() {
		client.Kill()
		if t.Failed() {
			text := log.String()
			t.Logf("the plugin printed:\n%s", text[max(0, len(text)-8000):])
		}
	})
	conn, err := client.Client()
	if err != nil {
		t.Fatalf("start the plugin: %v", err)
	}
	h := &Host{client: client}
	for name, take := range map[string]func(any) bool{
		"data":        func(v any) (ok bool) { h.data, ok = v.(pluginv2.DataClient); return ok },
		"diagnostics": func(v any) (ok bool) { h.diagnostics, ok = v.(pluginv2.DiagnosticsClient); return ok },
		"resource":    func(v any) (ok bool) { h.resource, ok = v.(pluginv2.ResourceClient); return ok },
		"stream":      func(v any) (ok bool) { h.stream, ok = v.(pluginv2.StreamClient); return ok },
	} {
		v, err := conn.Dispense(name)
		if err != nil || !take(v) {
			t.Fatalf("the plugin does not serve %s: %T, %v", name, v, err)
		}
	}
	return h
}

// Exited reports whether the program has ended.
func (h *Host) Exited() bool { return h.client.Exited() }

// Health asks how the data source is.
func (h *Host) Health(ctx context.Context, i *Instance) (*backend.CheckHealthResult, error) {
	resp, err := h.diagnostics.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: backend.ToProto().PluginContext(i.context())})
	if err != nil {
		return nil, err
	}
	return backend.FromProto().CheckHealthResponse(resp), nil
}

// Query is one query as Grafana sends it.
type Query struct {
	// RefID is that of the query, "" is "A".
	RefID string
	// Model is the query's JSON; its queryType is read from it.
	Model json.RawMessage
	// From and To are the dashboard's range; the zero values are the last hour.
	From, To time.Time
	// Interval and MaxDataPoints are Grafana's suggestions; 0 is 15 s and 1000.
	Interval      time.Duration
	MaxDataPoints int64
}

// Data runs queries in one request. headers are those that Grafana forwards.
func (h *Host) Data(ctx context.Context, i *Instance, headers map[string]string, queries ...Query) (backend.Responses, error) {
	req := &backend.QueryDataRequest{PluginContext: i.context(), Headers: headers}
	for _, q := range queries {
		var model struct {
			QueryType string `json:"queryType"`
		}
		if err := json.Unmarshal(q.Model, &model); err != nil {
			return nil, fmt.Errorf("read query: %w", err)
		}
		d := backend.DataQuery{RefID: q.RefID, QueryType: model.QueryType, JSON: q.Model, Interval: q.Interval, MaxDataPoints: q.MaxDataPoints}
		if d.RefID == "" {
			d.RefID = "A"
		}
		if d.Interval == 0 {
			d.Interval = 15 * time.Second
		}
		if d.MaxDataPoints == 0 {
			d.MaxDataPoints = 1000
		}
		d.TimeRange = backend.TimeRange{From: q.From, To: q.To}
		if q.To.IsZero() {
			now := time.Now()
			d.TimeRange = backend.TimeRange{From: now.Add(-time.Hour), To: now}
		}
		req.Queries = append(req.Queries, d)
	}
	resp, err := h.data.QueryData(ctx, backend.ToProto().QueryDataRequest(req))
	if err != nil {
		return nil, err
	}
	out, err := backend.FromProto().QueryDataResponse(resp)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return out.Responses, nil
}

// Resource calls a resource and returns the answer's status and body.
func (h *Host) Resource(ctx context.Context, i *Instance, method, path string, body []byte) (status int, text []byte, err error) {
	stream, err := h.resource.CallResource(ctx, backend.ToProto().CallResourceRequest(&backend.CallResourceRequest{
		PluginContext: i.context(), Method: method, Path: path, URL: path, Body: body,
		// Grafana passes on what the browser sent.
		Headers: map[string][]string{"Content-Type": {"application/json"}, "Accept-Encoding": {"gzip, deflate, br, zstd"}},
	}))
	if err != nil {
		return 0, nil, err
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return status, text, nil
		}
		if err != nil {
			return 0, nil, err
		}
		if part.Code != 0 {
			status = int(part.Code)
		}
		text = append(text, part.Body...)
	}
}

// Subscribe asks whether a channel may be listened to.
func (h *Host) Subscribe(ctx context.Context, i *Instance, path string, data json.RawMessage) (*backend.SubscribeStreamResponse, error) {
	resp, err := h.stream.SubscribeStream(ctx, backend.ToProto().SubscribeStreamRequest(&backend.SubscribeStreamRequest{
		PluginContext: i.context(), Path: path, Data: data,
	}))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().SubscribeStreamResponse(resp), nil
}

// Run listens to a channel and calls handle with the JSON of each frame until
// handle returns an error, which Run returns, the plugin ends the stream, or ctx
// does.
func (h *Host) Run(ctx context.Context, i *Instance, path string, data json.RawMessage, handle func(json.RawMessage) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := h.stream.RunStream(ctx, backend.ToProto().RunStreamRequest(&backend.RunStreamRequest{
		PluginContext: i.context(), Path: path, Data: data,
	}))
	if err != nil {
		return err
	}
	for {
		packet, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := handle(packet.Data); err != nil {
			return err
		}
	}
}

// Publish tries to send something into a channel.
func (h *Host) Publish(ctx context.Context, i *Instance, path string, data json.RawMessage) (*backend.PublishStreamResponse, error) {
	resp, err := h.stream.PublishStream(ctx, backend.ToProto().PublishStreamRequest(&backend.PublishStreamRequest{
		PluginContext: i.context(), Path: path, Data: data,
	}))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().PublishStreamResponse(resp), nil
}

// buffer keeps what the plugin logs.
type buffer struct {
	mu sync.Mutex
	b  []byte
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b = append(b.b, p...)
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.b)
}
