package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/otlplog"
	"github.com/skein-net/skein/internal/proctest"
)

// TestStrangers: connections over HTTP and gRPC on which somebody has proved who he is
// are not among those that are closed when there are too many.
func TestStrangers(t *testing.T) {
	for name, withTLS := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			cfg, ts := guarded(t)
			transport, channel := &http.Transport{ForceAttemptHTTP2: true}, insecure.NewCredentials()
			if withTLS {
				ca, dir := certtest.NewCA(t, "skein"), t.TempDir()
				cfg.Security.TLSCert, cfg.Security.TLSKey = certtest.Write(t, dir, "tls", ca.Server(t))
				conf := &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
				transport.TLSClientConfig, channel = conf, credentials.NewTLS(conf)
			}
			b := start(t, cfg)
			defer transport.CloseIdleConnections()
			unproved := func(want float64) {
				t.Helper()
				proctest.Eventually(t, time.Minute, fmt.Sprintf("%v connections have proved nothing", want), func() error {
					families, err := b.d.registry.Gather()
					if err != nil {
						return err
					}
					for _, f := range families {
						if f.GetName() == "topologyd_auth_connections_unproved" && f.GetMetric()[0].GetGauge().GetValue() == want {
							return nil
						}
					}
					return errors.New("it is another number")
				})
			}
			for _, addr := range []net.Addr{b.d.HTTPAddr(), b.d.OTLPAddr()} {
				c, err := net.Dial(addr.Network(), addr.String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			}
			unproved(2)
			url := b.url + "/api/v1/status"
			if withTLS {
				url = "https" + strings.TrimPrefix(url, "http")
			}
			ask := func(token string, want int) {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+token)
				resp, err := transport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				if _ = resp.Body.Close(); resp.StatusCode != want {
					t.Errorf("%s, want %d", resp.Status, want)
				}
			}
			ask("wrong", http.StatusUnauthorized)
			unproved(3)
			ask(ts["viewer"], http.StatusOK) // on the same connection
			unproved(2)
			conn, err := grpc.NewClient(b.d.OTLPAddr().String(), grpc.WithTransportCredentials(channel))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() //nolint:errcheck // the end of the test
			logs := plogotlp.NewExportRequestFromLogs(otlplog.Encode([]entity.Event{host(), event(1, 0)}))
			export := func(token string) error {
				ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token), time.Minute)
				defer cancel()
				_, err := plogotlp.NewGRPCClient(conn).Export(ctx, logs)
				return err
			}
			if export("wrong") == nil {
				t.Error("somebody wrong is taken")
			}
			unproved(3)
			if err := export(ts["host"]); err != nil {
				t.Error(err)
			}
			unproved(2)
		})
	}
}
