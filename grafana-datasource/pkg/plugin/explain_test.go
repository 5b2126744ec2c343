package plugin

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/skein-net/skein/grafana-datasource/internal/fakedaemon"
)

// closed is the URL of a port at which nobody listens.
func closed(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// TestErrors checks that each error says what to do, in the panel and in the
// health check, and none shows the token.
func TestErrors(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>hello</html>"))
	}))
	defer web.Close()
	secured := fakedaemon.NewTLS(t)
	plain := fakedaemon.New(t)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}))
	type change = func(s *backend.DataSourceInstanceSettings)
	failing := func(status int, body string) string {
		f := fakedaemon.New(t)
		f.Fail("", status, body)
		return f.URL
	}
	for name, c := range map[string]struct {
		url    string
		change change
		want   string
		status backend.Status
	}{
		"no URL":       {"", nil, "has no URL: give that of topologyd", 400},
		"bad URL":      {"http://us er:pw@x:y z", nil, "is not one: give that of topologyd", 400},
		"no scheme":    {"topologyd:4280", nil, "must begin with http://", 400},
		"user in URL":  {"http://u:geheim@x:1", nil, "holds a user", 400},
		"query in URL": {"http://x:1/?a=b", nil, "take away what follows", 400},
		"settings":     {plain.URL, func(s *backend.DataSourceInstanceSettings) { s.JSONData = []byte(`{"forwardUser":5}`) }, "settings of the data source cannot be read", 400},
		"certificate": {secured.URL, func(s *backend.DataSourceInstanceSettings) {
			s.JSONData = []byte(`{"tlsAuthWithCACert":true}`)
			s.DecryptedSecureJSONData["tlsCACert"] = "nonsense"
		}, "check its certificates", 400},
		"nobody listens": {closed(t), nil, "nothing listens at http://127.0.0.1:", 502},
		"unknown host":   {"http://skein-does-not-exist.invalid:4280", nil, "skein-does-not-exist.invalid", 502},
		"authority":      {secured.URL, nil, "signed by an authority that is not known", 502},
		"name": {secured.URL, func(s *backend.DataSourceInstanceSettings) {
			s.JSONData = []byte(`{"tlsAuthWithCACert":true,"serverName":"other.example.net"}`)
			s.DecryptedSecureJSONData["tlsCACert"] = ca
		}, "certificate is for another name", 502},
		"plain for TLS": {strings.Replace(plain.URL, "http:", "https:", 1), nil, "it speaks plain HTTP; begin the URL of the data source with http://", 502},
		"TLS for plain": {strings.Replace(secured.URL, "https:", "http:", 1), nil, "https://", 400},
		"no topologyd":  {web.URL, nil, "check the URL of the data source", 502},
		"wrong path":    {failing(404, "404 page not found"), nil, "has no interface of topologyd (404)", 404},
		"token":         {failing(401, "no "+secret), nil, "does not take the token (401): set a valid one", 401},
		"no token":      {failing(401, ""), func(s *backend.DataSourceInstanceSettings) { s.DecryptedSecureJSONData = nil }, "wants a token (401)", 401},
		"rights":        {failing(403, ""), nil, "forbids it (403)", 403},
		"expired": {failing(401, `{"error":{"code":"unauthenticated","message":"the token is expired; ask for a new one"}}`), nil,
			"set a valid one in the settings of the data source (topologyd says: the token is expired; ask for a new one)", 401},
		"role": {failing(403, `{"error":{"code":"forbidden","message":"\"web-1\" may not do this: this needs the role viewer, operator or admin; it has the role host"}}`), nil,
			"it needs the role viewer (topologyd says: \"web-1\" may not do this", 403},
		"proxy":    {failing(502, "bad gateway"), nil, "cannot reach topologyd (502)", 502},
		"redirect": {failing(302, ""), nil, "redirects (302)", 502},
		"starting": {failing(503, `{"error":{"code":"unavailable","message":"not ready: reading the event log"}}`), nil, "not ready: reading the event log", 503},
		"busy":     {failing(429, `{"error":{"code":"busy","message":"8 queries run already"}}`), nil, "8 queries run already; try again", 429},
		"gone":     {failing(410, `{"error":{"code":"gone","message":"the past is kept from 2026-03-01T12:00:00Z on; ask about that time or a later one","oldest":"2026-03-01T12:00:00Z"}}`), nil, "later time range", 410},
		"limit":    {failing(422, `{"error":{"code":"limit","message":"query stopped by its results limit: ask for fewer"}}`), nil, "ask for fewer", 422},
		"no flows": {failing(501, `{"error":{"code":"unsupported","message":"this daemon keeps no flows; start it without --flows=false"}}`), nil, "start it without --flows=false", 501},
		"too old":  {failing(404, `{"error":{"code":"not_found","message":"no endpoint /api/v1/topology; GET / lists them"}}`), nil, "too old for the data source: upgrade it", 404},
		"echo":     {failing(400, `{"error":{"code":"invalid","message":"bad header Bearer `+secret+`"}}`), nil, "bad header Bearer [secret]", 400},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, c.url, c.change)
			for _, text := range []string{`{"queryType":"status"}`, `{"queryType":"table","gremlin":"G.V()"}`} {
				r := reply(t, d, text)
				if r.Error == nil || !strings.Contains(r.Error.Error(), c.want) || r.Status != c.status {
					t.Errorf("%s: %v, status %d, want %q, status %d", text, r.Error, r.Status, c.want, c.status)
					continue
				}
				if strings.Contains(r.Error.Error(), secret) || strings.Contains(r.Error.Error(), "geheim") {
					t.Errorf("%v shows a secret", r.Error)
				}
			}
			h, err := d.CheckHealth(t.Context(), &backend.CheckHealthRequest{})
			if err != nil || h.Status != backend.HealthStatusError || !strings.Contains(strings.ToLower(h.Message), strings.ToLower(c.want)) {
				t.Errorf("health %v %q, want %q", err, h.Message, c.want)
			}
			hidden(t, "the health check", h)
		})
	}
}

func TestTLS(t *testing.T) {
	f := fakedaemon.NewTLS(t)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}))
	for name, change := range map[string]func(s *backend.DataSourceInstanceSettings){
		"authority": func(s *backend.DataSourceInstanceSettings) {
			s.JSONData = []byte(`{"tlsAuthWithCACert":true,"serverName":"example.com"}`)
			s.DecryptedSecureJSONData["tlsCACert"] = ca
		},
		"skip": func(s *backend.DataSourceInstanceSettings) { s.JSONData = []byte(`{"tlsSkipVerify":true}`) },
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, f.URL, change)
			if r := reply(t, d, `{"queryType":"status"}`); r.Error != nil {
				t.Error(r.Error)
			}
		})
	}
}

// TestShift checks that positions are those in the text that the user wrote.
func TestShift(t *testing.T) {
	f := fakedaemon.New(t)
	f.Special(func(w http.ResponseWriter, r *http.Request, body string) bool {
		if r.URL.Path != "/api/v1/query" {
			return false
		}
		offset := strings.Index(body, "Hsa") - len(`{"gremlin":"`)
		if i := strings.Index(body, `\n`) - len(`{"gremlin":"`); i >= 0 && i < offset {
			offset--
		}
		line, column := 1, offset+1
		text := strings.ReplaceAll(strings.TrimPrefix(body, `{"gremlin":"`), `\n`, "\n")
		if i := strings.LastIndexByte(text[:offset], '\n'); i >= 0 {
			line, column = 2, offset-i
		}
		w.WriteHeader(400)
		writeJSON(discard{w}, 400, map[string]any{"error": map[string]any{"code": "type",
			"message":  "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + ": Hsa is wrong",
			"position": map[string]int{"offset": offset, "line": line, "column": column}}})
		return true
	})
	d := open(t, f.URL, nil)
	for text, want := range map[string]string{
		"G.V().Hsa()":       "line 1, column 7: Hsa is wrong",
		"  G.V()\\n .Hsa()": "line 2, column 3: Hsa is wrong",
	} {
		r := reply(t, d, `{"queryType":"timeseries","gremlin":"`+text+`"}`)
		if r.Error == nil || r.Error.Error() != want {
			t.Errorf("%s: %v, want %s", text, r.Error, want)
		}
	}
}

// discard takes a second status away.
type discard struct{ http.ResponseWriter }

func (discard) WriteHeader(int) {}
