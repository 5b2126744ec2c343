package daemon

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/config"
)

// TestPacketsPermission has those who may define, and may not have packets, try to
// have packets kept.
func TestPacketsPermission(t *testing.T) {
	cfg, ts := guarded(t)
	cfg.Captures.RawPackets = true
	b := start(t, cfg)
	b.definitionsRead(ts)
	const keeps = `{"id":"k","spec":{"query":"G.V().Has('Name','eth0')","raw_packets":10}}`
	const plain = `{"id":"k","spec":{"query":"G.V().Has('Name','eth0')"}}`
	for _, x := range []struct {
		name, method, path, body string
		code                     int
	}{
		{"operator", "POST", "/api/v1/captures", keeps, 403},
		{"admin", "POST", "/api/v1/captures", keeps, 403},
		{"operator", "POST", "/api/v1/captures", plain, 201},
		{"admin", "PUT", "/api/v1/captures/k", keeps, 403},
		{"admin+packets", "PUT", "/api/v1/captures/k", keeps, 200},
		{"operator", "PUT", "/api/v1/captures/k", plain, 200},
		{"viewer+packets", "PUT", "/api/v1/captures/k", keeps, 403},
		{"operator", "DELETE", "/api/v1/captures/k", "", 204},
	} {
		if resp, answer := b.as(ts, x.name, x.method, x.path, x.body); resp.StatusCode != x.code {
			t.Errorf("%s, %s %s: %d %s, want %d", x.name, x.method, x.path, resp.StatusCode, answer, x.code)
		}
	}
	_, answer := b.as(ts, "admin", "GET", "/api/v1/audit?limit=1000", "")
	for _, want := range []string{`"action":"capture.create","outcome":"ok","user":"operator","method":"token"`, `"action":"capture.replace","outcome":"ok","user":"admin+packets"`,
		`"action":"capture.delete","outcome":"ok","user":"operator"`, `"action":"auth.refused","outcome":"refused","reason":"packets","user":"admin"`,
		`"reason":"role","user":"viewer+packets"`} {
		if !strings.Contains(answer, want) {
			t.Errorf("no %s in the audit record\n%s", want, answer)
		}
	}
}

// TestAnybody is a daemon that asks nobody.
func TestAnybody(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	if code, answer := b.do(http.MethodGet, "/api/v1/audit", nil); code != 200 || answer != `{"records":[],"more":false}` {
		t.Errorf("%d %s", code, answer)
	}
	b.definitionsRead(nil)
	resp, answer := b.as(nil, "", http.MethodPost, "/api/v1/node-rules", `{"id":"r","spec":{"action":"create","metadata":{"Name":"n","Type":"switch"}}}`)
	if resp.StatusCode != 201 || resp.Header.Get("X-Frame-Options") == "" || strings.Contains(resp.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, answer)
	}
	if _, answer := b.do(http.MethodGet, "/api/v1/audit", nil); !strings.Contains(answer, `"action":"definition.create","outcome":"ok","user":"anybody","method":"none"`) {
		t.Errorf("%s", answer)
	}
	for _, x := range []struct {
		header, value, method string
		code                  int
	}{
		{"Origin", "http://evil.example", http.MethodPost, 403},
		{"Sec-Fetch-Site", "cross-site", http.MethodPost, 403},
		{"Origin", b.url, http.MethodPost, 200},
		{"Origin", "http://evil.example", http.MethodGet, 400}, // let in; no page of another site can read it
		{"Host", "rebound.example:4280", http.MethodGet, 403},
		{"Host", "localhost:4280", http.MethodGet, 400},
	} {
		req, err := http.NewRequestWithContext(t.Context(), x.method, b.url+"/api/v1/query", nil)
		if err != nil {
			t.Fatal(err)
		}
		if x.method == http.MethodPost {
			req.Body = io.NopCloser(strings.NewReader(`{"gremlin":"G.V().Count()"}`))
		}
		if req.Header.Set(x.header, x.value); x.header == "Host" {
			req.Host = x.value
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != x.code {
			t.Errorf("%s %s: %s: %d, want %d", x.method, x.header, x.value, resp.StatusCode, x.code)
		}
	}
}

// TestBeyondLoopback starts daemons that others could reach.
func TestBeyondLoopback(t *testing.T) {
	for name, change := range map[string]func(c *config.Config){
		"listen":      func(c *config.Config) { c.Listen = "0.0.0.0:0" },
		"otlp-listen": func(c *config.Config) { c.OTLPListen = ":0" },
	} {
		cfg := testConfig(t.TempDir())
		change(&cfg)
		d, err := New(cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Start(t.Context())
		if err == nil {
			_ = d.Stop(t.Context())
			t.Fatalf("%s: it listens, and asks nobody", name)
		}
		for _, want := range []string{"--" + name + ":", "--auth-file", "--listen-beyond-loopback-without-authentication"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %s in %v", name, want, err)
			}
		}
		d.hub.Stop()
	}
	cfg := testConfig(t.TempDir())
	cfg.Listen, cfg.Security.WithoutAuthentication = "0.0.0.0:0", true
	b := start(t, cfg)
	if b.stop(); !strings.Contains(b.log.String(), "listening beyond loopback without authentication") {
		t.Error("no warning")
	}
	cfg, _ = guarded(t)
	cfg.Listen = "0.0.0.0:0"
	b = start(t, cfg)
	if b.stop(); !strings.Contains(b.log.String(), "listening beyond loopback without TLS") {
		t.Error("no warning of what is missing")
	}
}
