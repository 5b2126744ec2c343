package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says which server to ask and how.
type Config struct {
	// Server is the base URL, for example "http://127.0.0.1:4280". A path in
	// it is kept, for a server behind a reverse proxy.
	Server string
	// Token is sent as a bearer token, if not empty. TokenFile names a file that holds
	// one, and is read for each request; it comes before Token.
	Token, TokenFile string
	// TLS is used for https; nil means the defaults. See [TLSOptions].
	TLS *tls.Config
	// Transport sends the requests; nil means one made for the client, with TLS
	// and the proxies of the environment. With a transport TLS is its own affair.
	// To watch, it must hand on the body of an upgraded connection as it is.
	Transport http.RoundTripper
	// Timeout bounds one request, the reading of its answer included, and the
	// opening of a watch.
	Timeout time.Duration
	// Silence is how long a watch may be silent, pings included, before its
	// connection counts as broken.
	Silence time.Duration
	// MaxAnswer bounds one answer and one message of a watch, in bytes.
	MaxAnswer int64
	// UserAgent is sent with every request.
	UserAgent string
}

// DefaultConfig returns the configuration for a topologyd on this host with
// its default settings.
func DefaultConfig() Config {
	return Config{
		Server:    "http://127.0.0.1:4280",
		Timeout:   30 * time.Second,
		Silence:   time.Minute,
		MaxAnswer: 512 << 20,
		UserAgent: "skein-client",
	}
}

// Client asks one server.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client
	// watch is http without the bound on time.
	watch *http.Client
}

// New returns a client. It does not connect.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Server)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read server URL: %w", err)
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("server %q is not a URL; give for example http://127.0.0.1:4280", cfg.Server)
	case base.RawQuery != "" || base.Fragment != "" || base.User != nil:
		return nil, fmt.Errorf("server URL %q has more than scheme, host, port and path", base.Redacted())
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	transport := cfg.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:       cfg.TLS,
			TLSHandshakeTimeout:   10 * time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   4,
			ForceAttemptHTTP2:     true,
			ExpectContinueTimeout: time.Second,
		}
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		cfg: cfg, base: base,
		http:  &http.Client{Transport: transport, Timeout: cfg.Timeout, CheckRedirect: noRedirect},
		watch: &http.Client{Transport: transport, CheckRedirect: noRedirect},
	}, nil
}

// Close closes connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// url returns the URL of a path of the server.
func (c *Client) url(path string, query url.Values) string {
	u := *c.base
	u.Path += path
	u.RawQuery = query.Encode()
	return u.String()
}

func (c *Client) header() (http.Header, error) {
	h := http.Header{}
	token, err := c.cfg.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	if c.cfg.UserAgent != "" {
		h.Set("User-Agent", c.cfg.UserAgent)
	}
	return h, nil
}

// do sends a request and returns the answer if it is a success, else an error,
// which is an [*Error] when the server gave one.
func (c *Client) do(ctx context.Context, method, path, accept string, body io.Reader) (*http.Response, error) {
	return c.doURL(ctx, method, c.url(path, nil), accept, body)
}

// doURL is do for a whole URL of the server.
func (c *Client) doURL(ctx context.Context, method, to, accept string, body io.Reader) (*http.Response, error) {
	req, err := c.request(ctx, method, to, accept, body)
	if err != nil {
		return nil, err
	}
	return c.send(c.http, req)
}

// request makes a request for a whole URL of the server.
func (c *Client) request(ctx context.Context, method, to, accept string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if req.Header, err = c.header(); err != nil {
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// send sends a request and returns the answer if it is a success.
func (c *Client) send(by *http.Client, req *http.Request) (*http.Response, error) {
	resp, err := by.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.base.Redacted(), plain(err))
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusNotModified && req.Header.Get("If-None-Match") != "" {
			return nil, ErrUnchanged
		}
		return nil, errorOf(resp)
	}
	return resp, nil
}

// plain takes method and URL out of an error of net/http: they are said
// already.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() && !errors.Is(u.Err, context.DeadlineExceeded) && !errors.Is(u.Err, context.Canceled) {
			return fmt.Errorf("no answer in time: %w", u.Err)
		}
		return u.Err
	}
	return err
}

// get reads a whole answer.
func (c *Client) get(ctx context.Context, path, accept string) ([]byte, error) {
	return c.getQuery(ctx, path, nil, accept)
}

// getQuery is get with parameters; those that are empty are left out.
func (c *Client) getQuery(ctx context.Context, path string, query url.Values, accept string) ([]byte, error) {
	for k, v := range query {
		if len(v) == 1 && v[0] == "" {
			delete(query, k)
		}
	}
	resp, err := c.doURL(ctx, http.MethodGet, c.url(path, query), accept, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return c.readAll(resp.Body)
}

// getJSON is getQuery that reads the answer into v, and returns it too.
func (c *Client) getJSON(ctx context.Context, path string, query url.Values, v any) (json.RawMessage, error) {
	b, err := c.getQuery(ctx, path, query, JSON)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return b, nil
}

// limitText is a limit as a parameter: none for the server's default.
func limitText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (c *Client) readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, c.cfg.MaxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", plain(err))
	}
	if int64(len(b)) > c.cfg.MaxAnswer {
		return nil, fmt.Errorf("read answer: more than %d bytes", c.cfg.MaxAnswer)
	}
	return b, nil
}
