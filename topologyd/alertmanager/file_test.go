package alertmanager

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// everything is a file with all that Prometheus' has in these places and this one
// takes.
const everything = `
external_labels: {site: west}
alertmanagers:
  - scheme: https
    path_prefix: /am
    timeout: 3s
    api_version: v2
    basic_auth: {username: skein, password_file: secrets/password}
    tls_config: {ca_file: ca.pem, cert_file: /etc/cert.pem, key_file: key.pem, server_name: am, min_version: TLS13}
    follow_redirects: false
    enable_http2: false
    proxy_url: http://127.0.0.1:3128
    static_configs:
      - targets: ['127.0.0.1:9093', '[::1]:9093', am.example]
        labels: {az: a}
    file_sd_configs:
      - files: [found/*.yml]
        refresh_interval: 1m
    dns_sd_configs:
      - names: [_web._tcp.am.example]
      - names: [am.example]
        type: A
        port: 9093
  - oauth2: {client_id: skein, client_secret_file: secret, token_url: 'https://id.example/token', scopes: [alerts]}
    static_configs: [{targets: ['127.0.0.1:9094']}]
  - authorization: {credentials_file: token}
    static_configs: [{targets: ['127.0.0.1:9095']}]
`

func TestParse(t *testing.T) {
	f, err := Parse("/etc/skein/alertmanagers.yml", []byte(everything))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"site": "west"}, f.ExternalLabels)
	e := f.Alertmanagers[0]
	require.Equal(t, "https://127.0.0.1:9093/am", urlOf(&e, e.Static[0].Targets[0]))
	require.Equal(t, "/etc/skein/secrets/password", e.HTTP.BasicAuth.PasswordFile)
	require.Equal(t, "/etc/skein/ca.pem", e.HTTP.TLSConfig.CAFile)
	require.Equal(t, "/etc/cert.pem", e.HTTP.TLSConfig.CertFile)
	require.Equal(t, []string{"/etc/skein/found/*.yml"}, e.Files[0].Files)
	require.False(t, e.HTTP.FollowRedirects)
	require.Equal(t, model.Duration(3*time.Second), e.Timeout)
	require.Equal(t, "SRV", e.DNS[0].Type)
	require.Equal(t, model.Duration(30*time.Second), e.DNS[0].RefreshInterval)
	require.Len(t, e.configs(), 3)

	e = f.Alertmanagers[1]
	require.Equal(t, promconfig.DefaultHTTPClientConfig.FollowRedirects, e.HTTP.FollowRedirects)
	require.Equal(t, "http://127.0.0.1:9094", urlOf(&e, e.Static[0].Targets[0]))
	require.Equal(t, model.Duration(10*time.Second), e.Timeout)
	require.Equal(t, "/etc/skein/token", f.Alertmanagers[2].HTTP.Authorization.CredentialsFile)

	f, err = Parse("x", nil)
	require.NoError(t, err)
	require.Empty(t, f.Alertmanagers, "an empty file has none")
}

func TestParseRefuses(t *testing.T) {
	static := "\n    static_configs: [{targets: ['127.0.0.1:9093']}]\n"
	for name, x := range map[string]struct{ text, want string }{
		"field":       {"alertmanager: []", "line 1: field alertmanager not found"},
		"inner field": {"alertmanagers:\n  - tls_config: {cafile: x}" + static, "line 2: field cafile not found"},
		"secret":      {"alertmanagers:\n  - authorization: hunter2" + static, "line 2: cannot unmarshal"},
		"quotes":      {"alertmanagers:\n  - authorization: 'a`b\"hunt'" + static, "line 2: cannot unmarshal"},
		"two ways":    {"alertmanagers:\n  - basic_auth: {username: a, password: hunter2}\n    authorization: {credentials: hunter2}" + static, "item 1: at most one of basic_auth"},
		"scheme":      {"alertmanagers:\n  - scheme: hunter2" + static, "item 1: scheme is neither"},
		"api":         {"alertmanagers:\n  - api_version: v1" + static, "api_version is not v2"},
		"timeout":     {"alertmanagers:\n  - timeout: hunter2" + static, "not a valid duration"},
		"no timeout":  {"alertmanagers:\n  - timeout: 0s" + static, "timeout must be more"},
		"prefix":      {"alertmanagers:\n  - path_prefix: /?a=hunter2" + static, "path_prefix is not a path"},
		"no address":  {"alertmanagers:\n  - scheme: https", "item 1 has no address"},
		"url":         {"alertmanagers: [{static_configs: [{targets: ['http://a:hunter2@b:9093']}]}]", "not of the form HOST:PORT"},
		"user":        {"alertmanagers: [{static_configs: [{targets: ['hunter2@b:9093']}]}]", "not of the form HOST:PORT"},
		"port":        {"alertmanagers: [{static_configs: [{targets: ['b:http']}]}]", "not of the form HOST:PORT"},
		"empty":       {"alertmanagers: [{static_configs: [null]}]", "static_configs has an empty item"},
		"empty found": {"alertmanagers: [{dns_sd_configs: [null]}]", "has an empty item"},
		"interval":    {"alertmanagers: [{dns_sd_configs: [{names: [a], refresh_interval: 0s}]}]", "refresh_interval must be"},
		"interval 2":  {"alertmanagers: [{file_sd_configs: [{files: [a.yml], refresh_interval: 0s}]}]", "refresh_interval must be"},
		"dns":         {"alertmanagers: [{dns_sd_configs: [{names: [a], type: A}]}]", "a port is required"},
		"file":        {"alertmanagers: [{file_sd_configs: [{files: [a.txt]}]}]", "not valid for file discovery"},
		"label":       {"external_labels: {'a-b': c}", "no name of a label"},
		"documents":   {"{}\n---\n{}", "more than one document"},
		"twice":       {"alertmanagers: []\nalertmanagers: []", "already defined"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x", []byte(x.text))
			require.ErrorContains(t, err, x.want)
			require.NotContains(t, err.Error(), "hunt")
		})
	}
}

// FuzzParse checks that what is taken can be used: every address is one, and each
// configuration of discovery has a key; and that errors repeat no values.
func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte("alertmanagers:\n  - authorization: hunter2\n"))
	f.Add([]byte("alertmanagers: [{static_configs: [{targets: ['http://a:b@c:1']}]}]"))
	f.Add([]byte("alertmanagers: [null, {http_headers: {X: {values: [a]}}}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("/nowhere/alertmanagers.yml", data)
		if err != nil {
			if strings.Contains(err.Error(), "`") && !bytes.ContainsRune(data, '`') { // names of fields may have any
				t.Fatalf("the error repeats a value: %v", err)
			}
			return
		}
		for i := range file.Alertmanagers {
			e := &file.Alertmanagers[i]
			for _, s := range e.Static {
				for _, a := range s.Targets {
					post := newPoster(a, e, nil)
					if post.timeout <= 0 || !strings.HasPrefix(urlOf(e, a), e.Scheme+"://") {
						t.Fatalf("%q %+v", a, e)
					}
				}
			}
			for _, c := range e.configs() { // a ticker without an interval would panic
				if strings.Contains(fmt.Sprintf("%+v", c), "RefreshInterval:0s") {
					t.Fatalf("%+v", c)
				}
				if _, err := keyOf(c); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
