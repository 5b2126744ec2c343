package daemon

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/otlplog"
	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// export sends logs over gRPC.
func (b *bench) export(t testing.TB, channel credentials.TransportCredentials, authorization ...string) error {
	t.Helper()
	conn, err := grpc.NewClient(b.d.OTLPAddr().String(), grpc.WithTransportCredentials(channel))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the end of the test
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, a := range authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", a)
	}
	logs := plogotlp.NewExportRequestFromLogs(otlplog.Encode([]entity.Event{host(), event(1, 0)}))
	_, err = plogotlp.NewGRPCClient(conn).Export(ctx, logs)
	return err
}

// TestGRPCAccess reports over gRPC as everybody.
func TestGRPCAccess(t *testing.T) {
	cfg, ts := guarded(t)
	b := start(t, cfg)
	for _, x := range []struct {
		name   string
		header []string
		want   codes.Code
		says   string
	}{
		{"no token", nil, codes.Unauthenticated, "Authorization: Bearer"},
		{"a wrong token", []string{"Bearer " + authfile.NewToken()}, codes.Unauthenticated, "not known"},
		{"two tokens", []string{"Bearer " + ts["host"], "Bearer " + ts["host"]}, codes.Unauthenticated, "more than one"},
		{"a viewer", []string{"Bearer " + ts["viewer"]}, codes.PermissionDenied, "the role host or admin"},
		{"an operator", []string{"Bearer " + ts["operator"]}, codes.PermissionDenied, "the role host or admin"},
		{"a host", []string{"Bearer " + ts["host"]}, codes.OK, ""},
		{"an admin", []string{"Bearer " + ts["admin"]}, codes.OK, ""},
	} {
		err := b.export(t, insecure.NewCredentials(), x.header...)
		if status.Code(err) != x.want || err != nil && !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	_, answer := b.as(ts, "viewer", http.MethodPost, "/api/v1/query", `{"gremlin":"G.V().Has('Type','host').Out().Values('Name')"}`)
	if strings.TrimSpace(answer) != `["eth1"]` {
		t.Errorf("the graph: %s", answer)
	}
	_, answer = b.as(ts, "admin", http.MethodGet, "/api/v1/audit", "")
	if !strings.Contains(answer, `"endpoint":"gRPC /opentelemetry.proto.collector.logs.v1.LogsService/Export"`) {
		t.Errorf("the audit record: %s", answer)
	}
}

// TestTLS proves by certificates who asks, over both listeners.
func TestTLS(t *testing.T) {
	cfg, ts := guarded(t)
	dir := t.TempDir()
	ca, others := certtest.NewCA(t, "skein"), certtest.NewCA(t, "others")
	s := &cfg.Security
	s.TLSCert, s.TLSKey = certtest.Write(t, dir, "tls", ca.Server(t))
	s.TLSClientCA = filepath.Join(dir, "ca.crt")
	ca.Write(t, s.TLSClientCA)
	file, err := os.ReadFile(s.AuthFile)
	if err != nil {
		t.Fatal(err)
	}
	file = append(file, "certificates:\n  - {name: h-by-certificate, common_name: h, roles: [host], hosts_from: common_name}\n"...)
	if err := os.WriteFile(s.AuthFile, file, 0o600); err != nil {
		t.Fatal(err)
	}
	b := start(t, cfg)
	b.url = "https" + strings.TrimPrefix(b.url, "http")
	conf := func(certs ...tls.Certificate) *tls.Config {
		c := &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
		if len(certs) > 0 { // whatever the server says that it takes
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil }
		}
		return c
	}
	h, stranger := ca.Issue(t, certtest.Leaf{CommonName: "h"}), ca.Issue(t, certtest.Leaf{CommonName: "x"})
	foreign := others.Issue(t, certtest.Leaf{CommonName: "h"})
	for _, x := range []struct {
		name  string
		certs []tls.Certificate
		token string
		read  int // of GET /api/v1/status
		want  codes.Code
	}{
		{"nothing", nil, "", 401, codes.Unauthenticated},
		{"a certificate", []tls.Certificate{h}, "", 403, codes.OK},
		{"a certificate without a row", []tls.Certificate{stranger}, "", 401, codes.Unauthenticated},
		{"a certificate and a token, which decides", []tls.Certificate{h}, "viewer", 200, codes.PermissionDenied},
		{"a token", nil, "host", 403, codes.OK},
		{"a certificate of others", []tls.Certificate{foreign}, "", 0, codes.Unavailable},
	} {
		transport := &http.Transport{TLSClientConfig: conf(x.certs...), ForceAttemptHTTP2: true}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/api/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		var header []string
		if x.token != "" {
			header = []string{"Bearer " + ts[x.token]}
			req.Header["Authorization"] = header
		}
		resp, err := transport.RoundTrip(req)
		switch {
		case x.read == 0 && err == nil:
			t.Errorf("%s: it was taken: %d", x.name, resp.StatusCode)
		case x.read != 0 && err != nil:
			t.Errorf("%s: %v", x.name, err)
		case x.read != 0 && (resp.StatusCode != x.read || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") == ""):
			t.Errorf("%s: %d %s %v", x.name, resp.StatusCode, resp.Proto, resp.Header)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
		transport.CloseIdleConnections()
		if err := b.export(t, credentials.NewTLS(conf(x.certs...)), header...); status.Code(err) != x.want {
			t.Errorf("%s: gRPC: %v", x.name, err)
		}
	}
	if resp, err := http.Get("http" + strings.TrimPrefix(b.url, "https") + "/-/healthy"); err == nil { //nolint:noctx // one
		if resp.Body.Close(); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS: %d", resp.StatusCode)
		}
	}
}
