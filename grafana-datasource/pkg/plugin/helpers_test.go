package plugin

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/grafana-datasource/internal/fakedaemon"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const secret = "s3cr3t-t0ken"

// recorded is the range of the recordings.
func recorded() backend.TimeRange {
	return backend.TimeRange{From: time.Date(2026, 11, 23, 5, 10, 0, 0, time.UTC), To: time.Date(2026, 11, 23, 5, 24, 0, 0, time.UTC)}
}

// set are the settings of a data source for a URL; change changes them.
func set(url string, change func(s *backend.DataSourceInstanceSettings)) *backend.DataSourceInstanceSettings {
	s := &backend.DataSourceInstanceSettings{
		UID: "ds1", Name: "Skein", Type: ID, URL: url, JSONData: []byte(`{"timeout":5}`),
		DecryptedSecureJSONData: map[string]string{"token": secret},
	}
	if change != nil {
		change(s)
	}
	return s
}

// open makes a data source that ends with the test. Its clock stands at the end
// of the recordings.
func open(t testing.TB, url string, change func(s *backend.DataSourceInstanceSettings)) *Datasource {
	t.Helper()
	d := newDatasource(t.Context(), set(url, change))
	d.now = func() time.Time { return recorded().To }
	d.tick = 10 * time.Millisecond
	t.Cleanup(d.Dispose)
	return d
}

func asked(text string) backend.DataQuery {
	return backend.DataQuery{RefID: "A", TimeRange: recorded(), MaxDataPoints: 500, Interval: 10 * time.Second, JSON: []byte(text)}
}

// reply asks one query as a user.
func reply(t testing.TB, d *Datasource, text string) backend.DataResponse {
	t.Helper()
	resp, err := d.QueryData(t.Context(), &backend.QueryDataRequest{PluginContext: who(), Queries: []backend.DataQuery{asked(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return resp.Responses["A"]
}

func who() backend.PluginContext {
	return backend.PluginContext{PluginID: ID, User: &backend.User{Login: "ada", Role: "Viewer"}}
}

// frame returns the only frame of an answer.
func frame(t testing.TB, r backend.DataResponse) *data.Frame {
	t.Helper()
	if r.Error != nil {
		t.Fatal(r.Error)
	}
	if len(r.Frames) != 1 {
		t.Fatalf("%d frames", len(r.Frames))
	}
	return r.Frames[0]
}

// last is the last request to a path.
func last(t testing.TB, f *fakedaemon.Daemon, path string) fakedaemon.Request {
	t.Helper()
	all := f.Requests(path)
	if len(all) == 0 {
		t.Fatalf("nothing asked for %s", path)
	}
	return all[len(all)-1]
}

// hidden fails the test when a text holds the token.
func hidden(t testing.TB, what string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), secret) {
		t.Errorf("%s holds the token: %s", what, b)
	}
}

func withUser(ctx context.Context) context.Context { return backend.WithPluginContext(ctx, who()) }

// forwarding returns a context as the SDK makes it of a request with headers of
// Grafana: they are put on what is asked.
func forwarding(ctx context.Context, req backend.ForwardHTTPHeaders) context.Context {
	return httpclient.WithContextualMiddleware(withUser(ctx), httpclient.MiddlewareFunc(func(o httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			if o.ForwardHTTPHeaders {
				for k, v := range req.GetHTTPHeaders() {
					if r.Header.Get(k) == "" {
						r.Header[k] = v
					}
				}
			}
			return next.RoundTrip(r)
		})
	}))
}
