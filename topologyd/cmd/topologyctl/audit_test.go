package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const auditedRecords = `{"records":[` +
	`{"time":"2026-03-01T12:00:03.5Z","action":"packets.end","outcome":"ok","user":"alice","method":"token","remote":"192.0.2.1:5","capture":"c1","name":"web","packets":12,"bytes":900},` +
	`{"time":"2026-03-01T12:00:02Z","action":"definition.create","outcome":"ok","user":"alice","method":"jwt","remote":"192.0.2.1:5","kind":"join","id":"cable"},` +
	`{"time":"2026-03-01T12:00:01Z","action":"auth.refused","outcome":"refused","reason":"unknown","remote":"192.0.2.9:4","user_agent":"x\u001b[31m","endpoint":"POST /api/v1/query","suppressed":7}` +
	`],"more":true}`

func TestAudit(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch q := r.URL.Query(); {
		case r.URL.Path != "/api/v1/audit" || q.Get("limit") == "":
			t.Errorf("asked %s", r.URL)
		case q.Get("user") == "viewer":
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"error":{"code":"forbidden","message":"\"viewer\" may not do this: this needs the role admin; it has the role viewer"}}`)
		case q.Get("since") == "-1m":
			io.WriteString(w, `{"records":[],"more":false}`)
		default:
			io.WriteString(w, auditedRecords)
		}
	}))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{name: "list", args: []string{"audit"}},
		{name: "json", args: []string{"audit", "-o", "json"}},
		{name: "none", args: []string{"audit", "--since", "-1m"}},
		{name: "forbidden", args: []string{"audit", "--user", "viewer"}, code: exitFailed},
		{name: "limit", args: []string{"audit", "--limit", "0"}, code: exitUsage},
		{name: "help", args: []string{"audit", "--help"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if strings.ContainsAny(stdout+stderr, "\x1b\x07") {
				t.Error("a control character reached the terminal")
			}
			golden(t, "audit-"+c.name, stdout+sep(stderr))
		})
	}
}
