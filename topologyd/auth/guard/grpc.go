package guard

import (
	"context"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/skein-net/skein/topologyd/auth"
)

// Admit lets those in over gRPC who may report, by the metadata "authorization" or
// the certificate of the connection. It is asked before a message is received.
func (g *Guard) Admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	// The other requests of the connection stand still meanwhile.
	r := &request{needs: auth.Report, what: "gRPC " + info.FullMethodName, hasty: true}
	switch list := info.Header.Get("authorization"); len(list) {
	case 0:
	case 1:
		r.Authorization = list[0]
	default:
		r.many = true
	}
	r.actor.UserAgent = first(info.Header, "user-agent")
	if p, ok := peer.FromContext(ctx); ok {
		r.actor.Remote = p.Addr.String()
		r.ends = endsOf(p.LocalAddr, p.Addr)
		r.Remote = r.ends.remote.Addr()
		if t, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(t.State.VerifiedChains) > 0 {
			r.Certificates = t.State.PeerCertificates
		}
	}
	id, no := g.let(ctx, r)
	if no == nil && (g.Asks() || !r.Remote.IsLoopback()) {
		c, most := holder(id, r.Remote), g.cfg.Reports
		if !id.SpeaksForAll() {
			most = g.cfg.Streams
		}
		if g.hand.takeUpTo(c, 0, most) {
			context.AfterFunc(ctx, func() { g.hand.give(c, 0) })
		} else {
			no = tooMuchInHand()
		}
	}
	if no != nil {
		g.refused(r, no)
		return nil, status.Error(no.grpc(), no.message)
	}
	g.n.ok.Inc()
	return auth.With(ctx, id), nil
}

func first(md metadata.MD, name string) string {
	if list := md.Get(name); len(list) > 0 {
		return list[0]
	}
	return ""
}

// grpc is the code of gRPC. Only Unavailable is tried again by those who send OTLP
// (OTLP specification, "Failures").
func (r *refusal) grpc() codes.Code {
	switch r.status {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	default:
		return codes.Unavailable
	}
}
