package plugin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/grafana-datasource/pkg/frames"
	"github.com/skein-net/skein/grafana-datasource/pkg/query"
	"github.com/skein-net/skein/topologyd/client"
)

// Streams of a data source. Those of changes and flows have a name behind a
// slash, which the frontend makes of their query.
const (
	streamRevision = "revision"
	streamChanges  = "changes"
	streamFlows    = "flows"
)

// maxStreams bounds the streams of one data source: each is a watch at
// topologyd.
const maxStreams = 100

// maxBatch bounds the rows of one frame of a stream; what comes on top of them
// between two frames is lost, and counted.
const maxBatch = 1000

// stream is what one path and its query ask for.
type stream struct {
	kind  string
	query *query.Query // nil of streamRevision
}

// errNoStream is told for a path that is none.
var errNoStream = errors.New("there is no such stream")

// parseStream reads a path and the query that comes with it.
func (d *Datasource) parseStream(path string, text []byte) (*stream, error) {
	kind, name, named := strings.Cut(path, "/")
	switch kind {
	case streamRevision:
		if named {
			return nil, errNoStream
		}
		return &stream{kind: kind}, nil
	case streamChanges, streamFlows:
	default:
		return nil, errNoStream
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(name) {
		return nil, errNoStream
	}
	q, err := query.Parse(text, d.settings.defaults())
	if err != nil {
		return nil, fmt.Errorf("read the query of the stream: %w", err)
	}
	if want := map[string]string{streamChanges: query.TypeEvents, streamFlows: query.TypeFlows}[kind]; q.Type != want {
		return nil, fmt.Errorf("the stream %s takes queries of type %s, not %s", kind, want, q.Type)
	}
	return &stream{kind, q}, nil
}

// empty is the frame of a stream without rows: what is known before anything
// has come.
func (s *stream) empty() *data.Frame {
	switch s.kind {
	case streamChanges:
		return frames.EventReports(nil, nil, 0)
	case streamFlows:
		return frames.FlowReports(nil, nil, 0)
	}
	return frames.Revision(time.Time{}, 0).EmptyCopy()
}

// SubscribeStream says whether somebody may follow a stream. Streams are shared
// by all who follow them, so they are made with the token of the data source; a
// data source that asks as the user who asks has none.
func (d *Datasource) SubscribeStream(_ context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	s, err := d.parseStream(req.Path, req.Data)
	switch {
	case errors.Is(err, errNoStream):
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	case d.settings.OAuthPassThru, req.PluginContext.User == nil:
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusPermissionDenied}, nil
	case err != nil:
		return nil, err
	}
	initial, err := backend.NewInitialFrame(s.empty(), data.IncludeSchemaOnly)
	if err != nil {
		return nil, fmt.Errorf("encode frame: %w", err)
	}
	return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusOK, InitialData: initial}, nil
}

// PublishStream refuses: nobody publishes through the data source.
func (d *Datasource) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream sends what comes until nobody follows any more, or the settings of
// the data source change. A broken connection to topologyd is made again.
func (d *Datasource) RunStream(ctx context.Context, req *backend.RunStreamRequest, to *backend.StreamSender) error {
	if err := d.usable(); err != nil {
		return err
	}
	if d.settings.OAuthPassThru {
		return errors.New("there are no streams for a data source that forwards the identity of its users")
	}
	s, err := d.parseStream(req.Path, req.Data)
	if err != nil {
		return err
	}
	if d.streams.Add(1) > maxStreams {
		d.streams.Add(-1)
		return fmt.Errorf("there are %d streams of this data source already", maxStreams)
	}
	defer d.streams.Add(-1)
	ctx, cancel := context.WithCancel(shared(ctx))
	defer cancel()
	go func() {
		select {
		case <-d.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	out := &sender{to: to}
	switch s.kind {
	case streamRevision:
		err = d.runRevision(ctx, out)
	case streamChanges:
		err = d.runChanges(ctx, s.query, out)
	case streamFlows:
		err = d.runFlows(ctx, s.query, out)
	}
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return d.settings.explain(err)
}

// sender sends frames of one stream: the first with its schema.
type sender struct {
	to   *backend.StreamSender
	some bool
}

func (s *sender) send(f *data.Frame) error {
	include := data.IncludeDataOnly
	if !s.some {
		include = data.IncludeAll
	}
	if err := s.to.SendFrame(f, include); err != nil {
		return fmt.Errorf("send frame: %w", err)
	}
	s.some = true
	return nil
}

// every runs follow beside calls of flush, one a tick and one at the end, until
// follow returns or flush fails. It returns when both have ended.
func (d *Datasource) every(ctx context.Context, follow func(ctx context.Context) error, flush func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	followed := make(chan error, 1)
	go func() { followed <- guarded(ctx, "stream", func() error { return follow(ctx) }) }()
	ticks := time.NewTicker(d.tick)
	defer ticks.Stop()
	for {
		select {
		case err := <-followed:
			return errors.Join(err, flush(ctx))
		case <-ticks.C:
			if err := flush(ctx); err != nil {
				cancel()
				<-followed
				return err
			}
		}
	}
}

// follow is a watch of the graph that begins now.
func (d *Datasource) follow(ctx context.Context, handle func(*client.Message) error) error {
	s, err := d.statusNow(ctx)
	if err != nil {
		return err
	}
	return d.client.Follow(ctx, client.Follow{From: s.Revision, Handle: handle, Broken: d.broke(ctx)})
}

func (d *Datasource) statusNow(ctx context.Context) (*client.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, d.settings.Timeout)
	defer cancel()
	return d.client.Status(ctx)
}

// broke logs that the connection of a stream broke.
func (d *Datasource) broke(ctx context.Context) func(error, time.Duration) {
	return func(err error, wait time.Duration) {
		backend.Logger.FromContext(ctx).Debug("stream broke", "again", wait, "error", d.settings.explain(err).message)
	}
}
