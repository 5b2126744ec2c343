package e2e

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// Tokens of the tests, which are no secrets.
const (
	tokenViewer   = "skein_viewerviewerviewerviewerviewer"
	tokenOperator = "skein_operatoroperatoroperatoroperat"
	tokenHost     = "skein_hosthosthosthosthosthosthosthos"
	tokenNext     = "skein_nextnextnextnextnextnextnextnex"
	tokenExpired  = "skein_expiredexpiredexpiredexpiredexp"
)

// guarded is a topologyd that asks who reports, with the files of its credentials.
type guarded struct {
	*daemon
	ca    *certtest.CA
	files string
	a, b  *reporter
}

// reporter is a host that reports as deploy/hosts has it.
type reporter struct {
	*hostNS
	credentials         string
	telegraf, collector *proctest.Process
}

// tokenRow is a row of the file of --auth-file.
func tokenRow(name, token, more string) string {
	return fmt.Sprintf("  - {name: %s, sha256: %x, %s}\n", name, sha256.Sum256([]byte(token)), more)
}

// allow writes who may do what: host a by tokens, host b by its certificate.
func (g *guarded) allow(t testing.TB, tokens ...string) {
	t.Helper()
	text := "tokens:\n" +
		tokenRow("grafana", tokenViewer, "roles: [viewer]") +
		tokenRow("ann", tokenOperator, "roles: [operator]") +
		tokenRow("old", tokenExpired, "roles: [host], hosts: ["+g.a.name+"], expires: 2020-01-01T00:00:00Z")
	for _, token := range tokens {
		text += tokenRow("host-a-"+token[len("skein_"):][:4], token, "roles: [host], hosts: ["+g.a.name+"]")
	}
	text += fmt.Sprintf("certificates:\n  - {name: host-b, common_name: host-b, roles: [host], hosts: [%s]}\n", g.b.name)
	certtest.Replace(t, filepath.Join(g.files, "auth.yaml"), []byte(text))
}

// newGuarded starts the daemon and what both hosts report with.
func newGuarded(t testing.TB) *guarded {
	t.Helper()
	needRoot(t)
	g := &guarded{ca: certtest.NewCA(t, "site"), files: t.TempDir()}
	g.a, g.b = &reporter{hostNS: newHost(t), credentials: t.TempDir()}, &reporter{hostNS: newHost(t), credentials: t.TempDir()}
	g.allow(t, tokenHost)
	ca := filepath.Join(g.files, "clients.crt")
	g.ca.Write(t, ca)
	cert, key := certtest.Write(t, g.files, "server", g.ca.Server(t))

	addr := proctest.FreeAddr(t)
	g.daemon = &daemon{addr: addr, dir: t.TempDir()}
	g.daemon.Process = proctest.Start(t, program(t, "topologyd"), nil, "--listen", addr, "--otlp-listen", proctest.FreeAddr(t), "--data-dir", g.dir,
		"--auth-file", filepath.Join(g.files, "auth.yaml"), "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", ca)
	cfg := client.DefaultConfig()
	cfg.Server, cfg.Token, cfg.TLS = "https://"+addr, tokenViewer, &tls.Config{RootCAs: g.ca.Pool(), MinVersion: tls.VersionTLS12}
	var err error
	g.Client, err = client.New(cfg)
	require.NoError(t, err)
	proctest.Eventually(t, 60*time.Second, "topologyd is ready", func() error { return g.Ready(t.Context()) })

	for _, h := range []*reporter{g.a, g.b} {
		h.quiet("")
		h.addNS("one")
		h.quiet("one")
		h.ip("", "link", "add", "left", "type", "veth", "peer", "name", "right")
		h.move("right", "one")
		h.ip("", "link", "set", "left", "up")
		h.ip("one", "link", "set", "right", "up")
		h.ip("", "address", "add", "10.9.0.1/24", "dev", "left")
		h.ip("one", "address", "add", "10.9.0.2/24", "dev", "right")
		g.ca.Write(t, filepath.Join(h.credentials, "ca.crt"))
	}
	require.NoError(t, os.WriteFile(filepath.Join(g.a.credentials, "token"), []byte(tokenHost), 0o600))
	g.certify(t)
	return g
}

// certify gives host b a certificate.
func (g *guarded) certify(t testing.TB) {
	t.Helper()
	certtest.Write(t, g.b.credentials, "host", g.ca.Issue(t, certtest.Leaf{CommonName: "host-b"}))
}

// start starts Telegraf and the Collector of a host, with the files of deploy/hosts.
func (g *guarded) start(t testing.TB, h *reporter, certificate bool) {
	t.Helper()
	data := t.TempDir()
	env := []string{"SKEIN_CREDENTIALS=" + h.credentials, "SKEIN_SERVER=" + g.addr, "SKEIN_DATA=" + data}
	telegraf := shipped(t, "telegraf.conf",
		"[[inputs.topology_host]]\n", fmt.Sprintf("[[inputs.topology_host]]\n  host_id = %q\n  host_name = %q\n  root_netns = %q\n  netns_dirs = [%q]\n"+
			"  process_namespaces = false\n  report_interval = \"2s\"\n", h.name, h.name, h.root(), h.dir),
		"[[inputs.topology_ovs]]\n", "", "[[inputs.topology_containers]]\n", "", "[[inputs.topology_lldp]]\n", "",
		`interval = "10s"`, `interval = "1s"`, `flush_jitter = "500ms"`, `flush_jitter = "0s"`)
	otelcol := shipped(t, "otelcol.yaml",
		"  flowcapture:\n", fmt.Sprintf("  flowcapture:\n    host: {id: %[1]s, name: %[1]s, root_netns: %[2]s, netns_dirs: [%[3]s]}\n    update_interval: 1s\n", h.name, h.root(), h.dir),
		"    sockets: {enabled: true}\n", "", "    drops: {enabled: true}\n", "",
		"reload_interval: 1m", "reload_interval: 1s")
	if certificate {
		for _, path := range []string{telegraf, otelcol} {
			for _, key := range []string{"tls_cert", "tls_key", "cert_file", "key_file"} {
				uncomment(t, path, key)
			}
		}
		replaceIn(t, telegraf, "  [outputs.http.headers]\n    Authorization = \"Bearer @{skein:token}\"\n", "")
		replaceIn(t, otelcol, "      token_file: ${env:SKEIN_CREDENTIALS:-/etc/skein/credentials}/token\n", "")
		replaceIn(t, otelcol, "    auth: {authenticator: bearertokenauth}\n", "")
		replaceIn(t, otelcol, "[bearertokenauth, file_storage]", "[file_storage]")
	}
	h.telegraf = proctest.Start(t, program(t, "telegraf"), env, "--config", telegraf)
	h.collector = proctest.Start(t, program(t, "otelcol"), env, "--config", otelcol)
}

// shipped is a file of deploy/hosts with texts replaced, in pairs.
func shipped(t testing.TB, name string, pairs ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "deploy", "hosts", name))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	for i := 0; i < len(pairs); i += 2 {
		replaceIn(t, path, pairs[i], pairs[i+1])
	}
	return path
}

// uncomment has all lines "# key" of a file count.
func uncomment(t testing.TB, path, key string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(b, []byte("# "+key), []byte(key)), 0o600))
}

// as sends a request with a token, or with a certificate, and returns status and body.
func (g *guarded) as(t testing.TB, token string, cert *tls.Certificate, method, path, body string) (int, string) {
	t.Helper()
	conf := &tls.Config{RootCAs: g.ca.Pool(), MinVersion: tls.VersionTLS12}
	if cert != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	tr := &http.Transport{TLSClientConfig: conf}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+g.addr+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

// metric returns a line of /metrics that begins so.
func (g *guarded) metric(t testing.TB, prefix string) string {
	t.Helper()
	status, text := g.as(t, tokenViewer, nil, http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusOK, status)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// connected waits until both collectors follow their orders.
func (g *guarded) connected(t testing.TB) {
	t.Helper()
	proctest.Eventually(t, 60*time.Second, "both collectors are connected", func() error {
		status, text := g.as(t, tokenViewer, nil, http.MethodGet, "/api/v1/hosts", "")
		if n := strings.Count(text, `"connected":true`); status != http.StatusOK || n != 2 {
			return fmt.Errorf("%d: %s", status, text)
		}
		return nil
	})
}

// flowsOf waits until pings within a host are seen as flows of it.
func (g *guarded) flowsOf(t testing.TB, h *reporter, more int) {
	t.Helper()
	query := fmt.Sprintf("G.Flows().Has('Host', %q).Count()", h.name)
	before := 0
	if more > 0 {
		before = g.number(t, query)
	}
	proctest.Eventually(t, 90*time.Second, "flows of "+h.name, func() error {
		// Each ping is a flow of its own.
		h.run("nsenter", "--net="+h.root(), "ping", "-n", "-q", "-c", "1", "-W", "5", "10.9.0.2")
		if n := g.number(t, query); n <= before {
			return fmt.Errorf("%d flows, had %d", n, before)
		}
		return nil
	})
}

// TestHostsProveWhoTheyAre: two hosts report with their own credentials, one by a
// token and one by a certificate; neither can speak for the other; what they prove
// it with is replaced while they report.
func TestHostsProveWhoTheyAre(t *testing.T) {
	g := newGuarded(t)
	g.start(t, g.a, false)
	g.start(t, g.b, true)
	g.same(t, g.a.hostNS, 60*time.Second)
	g.same(t, g.b.hostNS, 60*time.Second)

	// Orders and flows.
	g.connected(t)
	status, text := g.as(t, tokenOperator, nil, http.MethodPost, "/api/v1/captures", `{"id":"left","name":"left","spec":{"query":"G.V().Has('Name','left')"}}`)
	require.Equal(t, http.StatusCreated, status, text)
	g.flowsOf(t, g.a, 0)
	g.flowsOf(t, g.b, 0)
	require.Empty(t, g.metric(t, `topologyd_ingest_rejected_total{protocol="line",reason="foreign"}`), "a host's own reports are refused: %s", g.Out.String())

	t.Run("InfluxDB", func(t *testing.T) { g.influx(t) })
	t.Run("forged", func(t *testing.T) { g.forge(t) })
	t.Run("refused", func(t *testing.T) { g.refused(t) })
	t.Run("replaced", func(t *testing.T) { g.replace(t) })
}

// influx has host a report by Telegraf's output for InfluxDB, which says Token
// where others say Bearer; and with a token that nobody knows.
func (g *guarded) influx(t *testing.T) {
	unknown := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(unknown, "token"), []byte(tokenNext), 0o600))
	for credentials, want := range map[string]string{g.a.credentials: "", unknown: "the token is not known"} {
		path := filepath.Join(t.TempDir(), "telegraf.conf")
		require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `
[agent]
  omit_hostname = true
[[secretstores.docker]]
  id = "skein"
  path = %q
  dynamic = true
[[inputs.topology_host]]
  host_id = %q
  host_name = %q
  root_netns = %q
  netns_dirs = [%q]
  process_namespaces = false
[[outputs.influxdb_v2]]
  urls = ["https://%s"]
  token = "@{skein:token}"
  organization = "none"
  bucket = "skein"
  tls_ca = %q
`, credentials, g.a.name, g.a.name, g.a.root(), g.a.dir, g.addr, filepath.Join(g.a.credentials, "ca.crt")), 0o600))
		p := proctest.Start(t, program(t, "telegraf"), nil, "--config", path, "--once", "--test-wait", "2")
		select {
		case <-p.Done:
		case <-time.After(60 * time.Second):
			t.Fatal("telegraf does not end")
		}
		if out := p.Out.String(); want == "" {
			require.Zero(t, p.Cmd.ProcessState.ExitCode(), out)
			require.NotContains(t, out, "E! ")
		} else {
			require.NotZero(t, p.Cmd.ProcessState.ExitCode(), out)
			require.Contains(t, out, want)
		}
	}
}

// forge has host a say what is of host b.
func (g *guarded) forge(t *testing.T) {
	name := fmt.Sprintf("G.V().Has('@Host', %q, 'Type', 'host').Values('Name')", g.b.name)
	before := g.text(t, name)
	now := time.Now()
	var lines []byte
	for _, e := range []entity.Event{
		{Ref: entity.HostRef(g.b.name), Source: "host", Time: now, Attributes: entity.Attrs{entity.A(entity.KeyName, entity.String("forged"))}},
		{Kind: entity.Delete, Ref: entity.HostRef(g.b.name), Source: "host", Time: now},
		{Ref: entity.HostRef(g.a.name), Source: "probe", Time: now, Interval: time.Minute, Attributes: entity.Attrs{entity.A("Room", entity.String("7"))}},
	} {
		lines = lineproto.AppendEvent(lines, &e)
	}
	status, text := g.as(t, tokenHost, nil, http.MethodPost, "/api/v2/write", string(lines))
	require.Equal(t, http.StatusBadRequest, status, text)
	require.Contains(t, text, "not yours to report")
	require.Contains(t, text, `"accepted":1,"rejected":2`)
	require.Equal(t, `topologyd_ingest_rejected_total{protocol="line",reason="foreign"} 2`, g.metric(t, `topologyd_ingest_rejected_total{protocol="line",reason="foreign"}`))
	require.Equal(t, string(before), string(g.text(t, name)))
	require.Equal(t, 1, g.number(t, fmt.Sprintf("G.V().Has('@Host', %q, 'Room', '7').Count()", g.a.name)))
	require.Contains(t, g.Out.String(), "identity=host-a-host")

	// Nor can it have the orders of b, or ask anything.
	status, text = g.as(t, tokenHost, nil, http.MethodGet, "/api/v1/hosts/"+g.b.name+"/assignments", "")
	require.Equal(t, http.StatusForbidden, status, text)
	require.Contains(t, text, "does not speak for the host")
	status, text = g.as(t, tokenHost, nil, http.MethodPost, "/api/v1/query", `{"gremlin":"G.V()"}`)
	require.Equal(t, http.StatusForbidden, status, text)
	g.connected(t)
}

// refused has some ask who have no right to.
func (g *guarded) refused(t *testing.T) {
	other := certtest.NewCA(t, "another site")
	issue := func(ca *certtest.CA, l certtest.Leaf) *tls.Certificate { c := ca.Issue(t, l); return &c }
	line := string(lineproto.AppendEvent(nil, &entity.Event{Ref: entity.HostRef(g.b.name), Source: "x", Time: time.Now(),
		Attributes: entity.Attrs{entity.A("Forged", entity.String("1"))}}))
	for name, c := range map[string]struct {
		token string
		cert  *tls.Certificate
		want  string
	}{
		"nobody":                {want: "401"},
		"an unknown token":      {token: tokenNext, want: "not known"},
		"an expired token":      {token: tokenExpired, want: "expired"},
		"an expired one":        {cert: issue(g.ca, certtest.Leaf{CommonName: "host-b", NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(-time.Minute)}), want: "expired"},
		"of another CA":         {cert: issue(other, certtest.Leaf{CommonName: "host-b"}), want: "not signed"},
		"of nobody":             {cert: issue(g.ca, certtest.Leaf{CommonName: "host-c"}), want: "no name"},
		"one to serve with":     {cert: issue(g.ca, certtest.Leaf{CommonName: "host-b", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}), want: ""},
		"a viewer":              {token: tokenViewer, want: "403"},
		"who may define things": {token: tokenOperator, want: "403"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := g.as(t, c.token, c.cert, http.MethodPost, "/api/v2/write", line)
			t.Logf("%d %s", status, text)
			require.Contains(t, []int{0, http.StatusUnauthorized, http.StatusForbidden}, status, text)
			if status != 0 { // else the handshake failed
				require.Contains(t, fmt.Sprint(status, " ", text), c.want)
			}
		})
	}
	require.Zero(t, g.number(t, "G.V().Has('Forged', '1').Count()"))
	require.Contains(t, g.Out.String(), "token is expired")
	require.Contains(t, g.Out.String(), "reason=expired")
	// Handshakes that fail are told in the log, and counted.
	require.Contains(t, g.Out.String(), "a client was refused by its certificate")
	for _, reason := range []string{"expired", "unknown_ca", "certificate"} {
		require.NotEmpty(t, g.metric(t, fmt.Sprintf("topologyd_tls_refused_total{reason=%q}", reason)), reason)
	}
}

// replace replaces the token of a, and the certificates of b and of the daemon.
func (g *guarded) replace(t *testing.T) {
	g.allow(t, tokenHost, tokenNext)
	probe := func(token string) int {
		status, _ := g.as(t, token, nil, http.MethodPost, "/api/v2/write", "# nothing\n")
		return status
	}
	proctest.Eventually(t, 60*time.Second, "the next token is known", func() error {
		if s := probe(tokenNext); s != http.StatusNoContent {
			return fmt.Errorf("%d", s)
		}
		return nil
	})
	certtest.Replace(t, filepath.Join(g.a.credentials, "token"), []byte(tokenNext))
	g.allow(t, tokenNext)
	proctest.Eventually(t, 60*time.Second, "the first token is not known any more", func() error {
		if s := probe(tokenHost); s != http.StatusUnauthorized {
			return fmt.Errorf("%d", s)
		}
		return nil
	})

	first := g.serial(t)
	certtest.Write(t, g.files, "server", g.ca.Server(t))
	g.certify(t)
	require.NoError(t, g.b.telegraf.Cmd.Process.Signal(syscall.SIGHUP)) // the Collector needs none
	proctest.Eventually(t, 60*time.Second, "the daemon shows its next certificate", func() error {
		if now := g.serial(t); now == first {
			return fmt.Errorf("still %s", now)
		}
		return nil
	})

	for _, h := range []*reporter{g.a, g.b} {
		h.ip("", "link", "add", "late", "type", "veth", "peer", "name", "later")
	}
	g.same(t, g.a.hostNS, 90*time.Second)
	g.same(t, g.b.hostNS, 90*time.Second)
	g.connected(t)
	g.flowsOf(t, g.a, 1)
	g.flowsOf(t, g.b, 1)
	require.NotContains(t, g.Out.String(), tokenNext, "the log has a token")
	require.NotContains(t, g.Out.String(), tokenHost, "the log has a token")
}

// serial returns the number of the certificate that the daemon shows now.
func (g *guarded) serial(t testing.TB) string {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 20 * time.Second}, Config: &tls.Config{RootCAs: g.ca.Pool(), MinVersion: tls.VersionTLS12}}
	c, err := d.DialContext(t.Context(), "tcp", g.addr)
	require.NoError(t, err)
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}
