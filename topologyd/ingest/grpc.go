package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // senders may compress
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/skein-net/skein/topologyd/engine"
)

// grpcAtOnce is how many gRPC requests are received at the same time. Each may
// hold a quarter of MaxBody, so that all hold no more than HTTP's may.
const grpcAtOnce = 16

// grpcTimeout is how long one may take, from its headers to its answer: a sender
// that begins requests and does not go on must not hold them.
const grpcTimeout = 30 * time.Second

// Door is what stands before a [GRPC].
type Door struct {
	// Admit lets a request in before its message is received, with a context that
	// tells who sends it, or returns an error with a status. The other requests of
	// the connection stand still until it does. Nil lets everybody in.
	Admit tap.ServerInHandle
	// TLS is the configuration of the listener, nil: no TLS.
	TLS *tls.Config
	// Refused, if not nil, is told of handshakes that failed, and why.
	Refused func(remote, why string)
	// Panicked is told of panics that were recovered from.
	Panicked func(what string, v any)
}

// GRPC receives OTLP over gRPC for an [Ingest].
type GRPC struct {
	in     *Ingest
	server *grpc.Server
	door   Door
	// timeout is grpcTimeout.
	timeout time.Duration
	inHand  atomic.Int64
}

// NewGRPC returns a server.
func NewGRPC(in *Ingest, door Door) *GRPC {
	g := &GRPC{in: in, door: door, timeout: grpcTimeout}
	channel := insecure.NewCredentials()
	if door.TLS != nil {
		channel = &handshakes{credentials.NewTLS(door.TLS), door.Refused}
	}
	g.server = grpc.NewServer(
		grpc.Creds(channel),
		grpc.MaxRecvMsgSize(int(min(in.cfg.MaxBody*bodiesInHand/grpcAtOnce, 1<<30))),
		grpc.MaxConcurrentStreams(grpcAtOnce),
		grpc.MaxHeaderListSize(16<<10),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 5 * time.Minute, Time: time.Minute, Timeout: 20 * time.Second,
			// A sender shows a certificate that it renewed with its next connection
			// alone: this one ends before the old certificate does.
			MaxConnectionAge: 15 * time.Minute, MaxConnectionAgeGrace: time.Minute,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.InTapHandle(g.admit),
		grpc.StatsHandler((*grpcStats)(g)),
		grpc.UnaryInterceptor(g.intercept),
		grpc.ForceServerCodecV2(newNestingCodec()),
	)
	plogotlp.RegisterGRPCServer(g.server, &grpcLogs{g: g})
	pmetricotlp.RegisterGRPCServer(g.server, &grpcMetrics{g: g})
	return g
}

// Serve serves until Stop; then it returns nil.
func (g *GRPC) Serve(l net.Listener) error {
	if err := g.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve OTLP over gRPC: %w", err)
	}
	return nil
}

// Stop lets requests in hand end until ctx does, then cuts them off.
func (g *GRPC) Stop(ctx context.Context) {
	done := make(chan struct{})
	go func() { g.server.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		g.server.Stop()
		<-done
	}
}

// admit refuses a request before its message is received when too many are in
// hand, or the door is shut.
func (g *GRPC) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	inside, err := g.ask(ctx, info)
	if err != nil {
		return g.shut(ctx, err)
	}
	limited, cancel := context.WithTimeout(inside, g.timeout)
	context.AfterFunc(ctx, cancel)
	return limited, nil
}

// ask tells who sends a request, or why it may not go on.
func (g *GRPC) ask(ctx context.Context, info *tap.Info) (context.Context, error) {
	if g.inHand.Load() >= grpcAtOnce {
		g.in.n.reject(protoGRPC, reasonBusy, 1)
		return nil, grpcstatus.Error(codes.Unavailable, "too many requests in hand; try again in a second")
	}
	if g.door.Admit == nil {
		return ctx, nil
	}
	return g.door.Admit(ctx, info)
}

// Bounds of requests that are refused. The context of one that is refused where it
// is admitted is never cancelled (google.golang.org/grpc, http2Server.operateHeaders):
// until the deadline that its sender chose it takes memory. One with a later deadline
// than shutDeadline is let in to be refused, and read for no longer than shutRead.
const (
	shutDeadline = 10 * time.Second
	shutRead     = 100 * time.Millisecond
)

// refusedKey is that of the error with which a request is refused that was let in.
type refusedKey struct{}

// shut refuses a request.
func (g *GRPC) shut(ctx context.Context, no error) (context.Context, error) {
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) <= shutDeadline {
		return nil, no
	}
	limited, cancel := context.WithTimeout(context.WithValue(ctx, refusedKey{}, no), shutRead)
	context.AfterFunc(ctx, cancel)
	return limited, nil
}

// isShut tells whether a request is only let in to be refused, and why.
func isShut(ctx context.Context) error {
	no, _ := ctx.Value(refusedKey{}).(error)
	return no
}

// intercept gives every request its turn, counts it and survives its panic.
func (g *GRPC) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	if no := isShut(ctx); no != nil {
		return nil, no
	}
	defer func() {
		if v := recover(); v != nil {
			g.door.Panicked(info.FullMethod, v)
			resp, err = nil, grpcstatus.Error(codes.Internal, "the server made a mistake; its log says which")
		}
		g.in.n.requests.WithLabelValues(protoGRPC, grpcstatus.Code(err).String()).Inc()
	}()
	if !g.in.slots.Acquire(ctx, g.in.cfg.Patience) {
		return nil, g.refuse(engine.ErrBusy)
	}
	defer g.in.slots.Release()
	return next(ctx, req)
}

// refuse says what an error means for the sender; how long to wait is part of
// it, as OTLP wants it for RESOURCE_EXHAUSTED.
func (g *GRPC) refuse(err error) error {
	no := g.in.refuse(err)
	g.in.n.reject(protoGRPC, no.reason, 1)
	st := grpcstatus.New(grpcCode(no.status), no.err.Message)
	if no.retry > 0 {
		retry := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Duration(no.retry) * time.Second)}
		if with, err := st.WithDetails(retry); err == nil {
			st = with
		}
	}
	return st.Err()
}

// grpcLogs is the logs service of OTLP.
type grpcLogs struct {
	plogotlp.UnimplementedGRPCServer
	g *GRPC
}

// Export takes one request.
func (s *grpcLogs) Export(ctx context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	resp, err := s.g.in.takeLogs(ctx, protoGRPC, req.Logs())
	if err != nil {
		return plogotlp.NewExportResponse(), s.g.refuse(err)
	}
	return resp, nil
}

// grpcMetrics is the metrics service of OTLP; see [Ingest.metrics].
type grpcMetrics struct {
	pmetricotlp.UnimplementedGRPCServer
	g *GRPC
}

// Export counts and passes over.
func (s *grpcMetrics) Export(_ context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	s.g.in.n.ignored.WithLabelValues(protoGRPC, "data_point").Add(float64(req.Metrics().DataPointCount()))
	return pmetricotlp.NewExportResponse(), nil
}

// handshakes tells of those that fail, of which gRPC says nothing.
type handshakes struct {
	credentials.TransportCredentials
	refused func(remote, why string)
}

// ServerHandshake is that of TLS.
func (h *handshakes) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ServerHandshake(c)
	if err != nil && h.refused != nil {
		h.refused(c.RemoteAddr().String(), err.Error())
	}
	return conn, info, err //nolint:wrapcheck // it stands for TLS
}

// Clone implements [credentials.TransportCredentials].
func (h *handshakes) Clone() credentials.TransportCredentials {
	return &handshakes{h.TransportCredentials.Clone(), h.refused}
}

// grpcStats counts the requests in hand and the bytes that came.
type grpcStats GRPC

// TagRPC implements [stats.Handler].
func (g *grpcStats) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements [stats.Handler].
func (g *grpcStats) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if isShut(ctx) != nil {
		return // it takes no place of those who may
	}
	switch s := s.(type) {
	case *stats.Begin:
		g.inHand.Add(1)
	case *stats.End:
		g.inHand.Add(-1)
	case *stats.InPayload:
		g.in.n.bytes.WithLabelValues(protoGRPC).Add(float64(s.WireLength))
	}
}

// TagConn implements [stats.Handler].
func (g *grpcStats) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements [stats.Handler].
func (g *grpcStats) HandleConn(context.Context, stats.ConnStats) {}
