package guard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/skein-net/skein/topologyd/auth"
)

// export is the beginning of a request over gRPC. state is that of its connection.
func (w *world) export(ctx context.Context, state *tls.ConnectionState, pairs ...string) (context.Context, error) {
	p := &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5000}}
	if state != nil {
		p.AuthInfo = credentials.TLSInfo{State: *state}
	}
	return w.Admit(peer.NewContext(ctx, p), &tap.Info{FullMethodName: "/logs/Export", Header: metadata.Pairs(pairs...)})
}

func TestAdmit(t *testing.T) {
	cert := &x509.Certificate{}
	verified := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert}}}
	for _, tt := range []struct {
		name  string
		pairs []string
		state *tls.ConnectionState
		want  codes.Code
		who   string
	}{
		{"a host", []string{"Authorization", "Bearer h"}, nil, codes.OK, "h"},
		{"a viewer", []string{"authorization", "Bearer v"}, nil, codes.PermissionDenied, ""},
		{"nobody", nil, nil, codes.Unauthenticated, ""},
		{"somebody wrong", []string{"authorization", "Bearer x"}, nil, codes.Unauthenticated, ""},
		{"two", []string{"authorization", "Bearer h", "authorization", "Bearer h"}, nil, codes.Unauthenticated, ""},
		{"a certificate", nil, verified, codes.OK, "by certificate"},
		{"a certificate that nobody verified", nil, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}, codes.Unauthenticated, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.door.known[""] = &auth.Identity{Name: "by certificate", Method: auth.MethodCertificate, Roles: []auth.Role{auth.Host}}
			ctx, err := w.export(t.Context(), tt.state, tt.pairs...)
			if status.Code(err) != tt.want {
				t.Fatal(err)
			}
			if err == nil {
				if id := auth.From(ctx); id.Name != tt.who {
					t.Errorf("%+v", id)
				}
				return
			}
			if r := w.book.last(); r.Endpoint != "gRPC /logs/Export" || r.Remote != "192.0.2.1:5000" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestAdmitHand lets in as many of one client as may be in hand.
func TestAdmitHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config, _ *Deps) { c.Reports = 2 })
		ctx, end := context.WithCancel(t.Context())
		for i := range 3 {
			if _, err := w.export(ctx, nil, "authorization", "Bearer h"); (status.Code(err) == codes.Unavailable) != (i == 2) {
				t.Errorf("request %d: %v", i, err)
			}
		}
		end()
		synctest.Wait()
		if len(w.hand.clients) != 0 {
			t.Errorf("left in hand: %v", w.hand.clients)
		}
	})
}

// TestAdmitStreams leaves room for others: all that may be in hand over gRPC are few,
// and a host could hold them all without sending a byte.
func TestAdmitStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.door.known["Bearer relay"] = &auth.Identity{Name: "relay", Method: auth.MethodToken, Roles: []auth.Role{auth.Admin}}
		ctx, end := context.WithCancel(t.Context())
		admitted := func(token string) (n int) {
			for range 2 * w.cfg.Reports {
				if _, err := w.export(ctx, nil, "authorization", "Bearer "+token); err == nil {
					n++
				}
			}
			return n
		}
		if n := admitted("h"); n != w.cfg.Streams || n >= w.cfg.Reports {
			t.Errorf("%d of a host, want %d", n, w.cfg.Streams)
		}
		if n := admitted("relay"); n != w.cfg.Reports {
			t.Errorf("%d of who reports for all, want %d", n, w.cfg.Reports)
		}
		end()
		synctest.Wait()
		if len(w.hand.clients) != 0 {
			t.Errorf("left in hand: %v", w.hand.clients)
		}
	})
}

// TestAdmitLater tells senders to try again when it cannot be looked who they are.
func TestAdmitLater(t *testing.T) {
	w := newWorld(t, nil)
	w.door.fault = &fault{Fault{Reason: "unavailable", RetryAfter: time.Second}, "the issuer is away"}
	if _, err := w.export(t.Context(), nil, "authorization", "Bearer h"); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "the issuer is away") {
		t.Error(err)
	}
}

// slow is an [Identifier] that waits, as for an issuer that does not answer.
type slow struct{ *door }

func (s slow) Identify(ctx context.Context, _ auth.Credentials) (*auth.Identity, error) {
	<-ctx.Done()
	return nil, &fault{Fault{Reason: "unavailable", RetryAfter: 5 * time.Second}, "the keys cannot be had"}
}

// TestAdmitWaits: the other requests of a connection stand still while one is looked
// at, so that is not for long, and whoever sent it may send it again.
func TestAdmitWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *Config, d *Deps) { d.Now, d.Identify = time.Now, slow{newDoor()} })
		begin := time.Now()
		_, err := w.Admit(t.Context(), &tap.Info{FullMethodName: "/x/y", Header: metadata.Pairs("authorization", "Bearer eyJ.eyJ.x")})
		if took := time.Since(begin); status.Code(err) != codes.Unavailable || took != patience {
			t.Errorf("%v after %v", err, took)
		}
	})
}
