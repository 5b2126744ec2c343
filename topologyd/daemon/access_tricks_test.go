package daemon

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTricks asks in ways that some servers take for somebody, or for another endpoint:
// nobody is let in, and a viewer does nothing but read.
func TestTricks(t *testing.T) {
	cfg, ts := guarded(t)
	b := start(t, cfg)
	b.definitionsRead(ts)
	admin, viewer := ts["admin"], "Authorization: Bearer "+ts["viewer"]
	addr := strings.TrimPrefix(b.url, "http://")
	// send sends a request line, headers, and a body of JSON, as they are.
	send := func(line string, headers ...string) *http.Response {
		t.Helper()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		const body = `{"name":"x","spec":{}}`
		_, err = fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n\r\n%s",
			line, addr, len(body), strings.Join(headers, "\r\n"), body)
		if err != nil {
			t.Fatal(err)
		}
		method, _, _ := strings.Cut(line, " ")
		resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		_ = resp.Body.Close()
		if s := string(answer); strings.Contains(s, admin) || strings.Contains(s, ts["viewer"]) {
			t.Errorf("%s: a token is in the answer", line)
		}
		return resp
	}
	x := "X: y"
	for _, tt := range []struct {
		line    string
		headers []string
	}{
		{"GET /api/v1/status?access_token=" + admin, []string{x}},
		{"GET /api/v1/status?token=" + admin + "&authorization=Bearer+" + admin, []string{x}},
		{"POST /api/v2/write?u=admin&p=" + admin, []string{x}},
		{"GET http://admin:" + admin + "@" + addr + "/api/v1/status", []string{x}},
		{"GET /api/v1/status", []string{"Cookie: token=" + admin + "; Authorization=Bearer " + admin}},
		{"GET /api/v1/status", []string{"Proxy-Authorization: Bearer " + admin}},
		{"GET /api/v1/status", []string{"X-Authorization: Bearer " + admin, "X-Api-Key: " + admin}},
		{"GET /api/v1/status", []string{"X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1"}},
		{"GET /api/v1/status", []string{"X-Forwarded-User: admin", "X-Remote-User: admin", "X-Webauth-User: admin", "X-SSL-Client-Verify: SUCCESS"}},
		{"GET /api/v1/status", []string{"Authorization: Bearer x", "Authorization: Bearer " + admin}},
		{"GET /api/v1/status", []string{"Authorization: Bearer " + admin, "authorization: Bearer " + admin}},
		{"GET /api/v1/status", []string{"Authorization: Bearer x, Bearer " + admin}},
		{"GET /api/v1/status", []string{"Authorization: Basic " + admin}},
		{"GET /api/v1/status", []string{"Authorization: " + admin}},
		{"GET /api/v1/status", []string{"Authorization: Bearer\t" + admin + "\tx"}},
		{"GET /api/v1/watch", []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Protocol: bearer, " + admin}},
		{"HEAD /api/v1/status", []string{x}},
		{"OPTIONS /api/v1/status", []string{"Origin: https://evil.example", "Access-Control-Request-Method: GET"}},
		{"TRACE /api/v1/status", []string{x}},
		{"get /api/v1/status", []string{x}},
		{"GET //api/v1/status", []string{x}},
		{"GET /-/healthy/../../api/v1/status", []string{x}},
		{"GET /-/healthy/..;/api/v1/status", []string{x}},
		{"GET /-/healthy%2f..%2f..%2fapi/v1/status", []string{x}},
		{"GET /%61pi/v1/status", []string{x}},
		{"GET /api/v1/status/", []string{x}},
		{"GET /api/v1/status;/-/healthy", []string{x}},
		{"GET /api/v1/status?/-/healthy", []string{x}},
		{"GET /-/healthy", []string{"X-Original-URL: /api/v1/status", "X-Rewrite-URL: /api/v1/status", "X-HTTP-Method-Override: DELETE"}},
	} {
		resp := send(tt.line, tt.headers...)
		if public := strings.HasPrefix(tt.line, "GET /-/healthy") && !strings.Contains(tt.line, "api"); (resp.StatusCode < 300) != public {
			t.Errorf("%s, %q: %s", tt.line, tt.headers, resp.Status)
		}
		if h := resp.Header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", tt.line, h)
		}
	}
	for _, override := range []string{x, "X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Method-Override: GET"} {
		for _, line := range []string{
			"POST /api/v1/node-rules", "POST /api/v1/node-rules?_method=GET", "DELETE /api/v1/node-rules/x", "PUT /api/v1/node-rules/x", "PUT /api/v1/joins/table",
			"PATCH /api/v1/node-rules/x", "POST /%61pi/v1/node-rules", "GET /api/v1/audit", "HEAD /api/v1/audit", "HEAD /api/v1/captures/x/packets", "POST /api/v2/write",
		} {
			if resp := send(line, viewer, override); resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("a viewer, %s, %s: %s", line, override, resp.Status)
			}
		}
		if resp := send("GET /api/v1/node-rules?_method=DELETE", viewer, strings.Replace(override, "GET", "DELETE", 1)); resp.StatusCode != http.StatusOK {
			t.Errorf("a viewer reads: %s", resp.Status)
		}
	}
	if resp := send("GET /api/v1/status", "Authorization: bearer   "+ts["viewer"]); resp.StatusCode != http.StatusOK {
		t.Errorf("a scheme has no case, and may be followed by spaces: %s", resp.Status)
	}
}
