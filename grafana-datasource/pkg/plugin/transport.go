package plugin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/skein-net/skein/topologyd/client"
)

// userHeader tells topologyd, or a proxy before it, who asks.
const userHeader = "X-Grafana-User"

// newClient makes the client of one data source: with the TLS settings, proxies,
// limits, traces and metrics of Grafana, and the identity that the settings ask
// for.
func newClient(ctx context.Context, in *backend.DataSourceInstanceSettings, s *settings) (*client.Client, error) {
	opts, err := in.HTTPClientOptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read HTTP settings: %w", err)
	}
	// One query may make several requests, and a watch is no request that ends:
	// both are bounded by contexts.
	opts.Timeouts.Timeout = s.Timeout
	opts.Timeouts.DialTimeout = min(opts.Timeouts.DialTimeout, s.Timeout)
	opts.Timeouts.TLSHandshakeTimeout = min(opts.Timeouts.TLSHandshakeTimeout, s.Timeout)
	opts.ForwardHTTPHeaders = true
	if s.ServerName != "" && opts.TLS == nil {
		opts.TLS = &httpclient.TLSOptions{ServerName: s.ServerName}
	}
	opts.Middlewares = append(httpclient.DefaultMiddlewares(), identity(s), readOnly())
	transport, err := httpclient.GetTransport(opts)
	if err != nil {
		return nil, fmt.Errorf("the TLS settings of the data source cannot be used, check its certificates and its key: %w", err)
	}
	cfg := client.DefaultConfig()
	cfg.Server, cfg.Timeout, cfg.Transport, cfg.UserAgent = s.URL, s.Timeout, transport, "skein-datasource"
	c, err := client.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("use the URL of the data source: %w", err)
	}
	return c, nil
}

// maxStream is how many bytes a stream may be long: not the largest number there
// is, to which the SDK adds one.
const maxStream = 1 << 60

// sharedKey marks the context of a stream, which many users share.
type sharedKey struct{}

// shared returns a context whose requests are made for the data source and not
// for a user; what answers them may be as long as it likes.
func shared(ctx context.Context) context.Context {
	return httpclient.WithResponseLimit(context.WithValue(ctx, sharedKey{}, true), maxStream)
}

// identity puts on each request who asks. It comes after the middleware that
// puts on the headers that Grafana forwards.
func identity(s *settings) httpclient.Middleware {
	return httpclient.NamedMiddlewareFunc("skein-identity", func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			everybody := req.Context().Value(sharedKey{}) != nil
			req = req.Clone(req.Context())
			// Nobody may pretend to be another by a header that Grafana passes on.
			req.Header.Del(userHeader)
			// What the browser can unpack is not what this program does: the transport
			// unpacks only what it asked for itself.
			req.Header.Del("Accept-Encoding")
			if user := backend.PluginConfigFromContext(req.Context()).User; s.ForwardUser && !everybody && user != nil && user.Login != "" {
				req.Header.Set(userHeader, headerText(user.Login))
			}
			forwarded := s.OAuthPassThru && !everybody && req.Header.Get("Authorization") != ""
			if s.token != "" && !forwarded {
				req.Header.Set("Authorization", "Bearer "+s.token)
			}
			return next.RoundTrip(req)
		})
	})
}

// headerText is a login as the value of a header: as it is when it is plain
// ASCII, else percent-encoded.
func headerText(login string) string {
	if strings.ContainsFunc(login, func(r rune) bool { return r < ' ' || r > '~' }) {
		return url.QueryEscape(login)
	}
	return login
}

// readOnly lets through only requests that read.
func readOnly() httpclient.Middleware {
	return httpclient.NamedMiddlewareFunc("skein-read-only", func(o httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			if !reads(req.Method, req.URL.Path) {
				return nil, fmt.Errorf("%s %s is nothing that a data source asks for", req.Method, req.URL.Path)
			}
			return next.RoundTrip(req)
		})
	})
}
