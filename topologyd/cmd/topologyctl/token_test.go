package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/auth/authfile"
)

const authTestFile = `tokens:
  - {name: grafana, sha256: 03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4, roles: [viewer], packets: true}
  - {name: old, sha256: 9af15b336e6a9619928537df30b2e6a2376569fcf9d7e773eccede65606529a0, roles: [host], hosts: [a, b], expires: 2001-01-01T00:00:00Z}
certificates:
  - {name: agents, dns: '*.agents.example.org', roles: [host], hosts_from: dns}
oidc: {issuer: https://login.example.org, audience: skein, roles: {netops: [operator]}}
`

func TestTokenGolden(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"auth.yaml": authTestFile, "bad.yaml": "tokens:\n  - nme: x\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type result struct{ name, text string }
	var got []result
	for name, c := range map[string]struct {
		args  string
		stdin string
		code  int
	}{
		"token-help":       {args: "token --help"},
		"token-help-new":   {args: "token new --help"},
		"token-check":      {args: "token check auth.yaml"},
		"token-check-bad":  {args: "token check bad.yaml", code: exitFailed},
		"token-check-none": {args: "token check none.yaml", code: exitFailed},
		"token-check-args": {args: "token check", code: exitUsage},
		"token-hash":       {args: "token hash", stdin: "skein_0123456789abcdefghijklmnopqrstuvwxyz\r\n"},
		"token-hash-weak":  {args: "token hash", stdin: "hunter2\n", code: exitFailed},
		"token-hash-long":  {args: "token hash", stdin: strings.Repeat("x", 1000), code: exitFailed},
		"token-new-role":   {args: "token new --name x", code: exitUsage},
		"token-new-name":   {args: "token new --role viewer", code: exitUsage},
		"token-new-hosts":  {args: "token new --name x --role host", code: exitUsage},
		"token-new-past":   {args: "token new --name x --role viewer --expires 2001-01-01", code: exitUsage},
		"token-new-when":   {args: "token new --name x --role viewer --expires soon", code: exitUsage},
		"token-new-exists": {args: "token new --name x --role viewer --out auth.yaml", code: exitFailed},
	} {
		code, stdout, stderr := call(t, nil, c.stdin, strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
		got = append(got, result{name, stdout + sep(stderr)})
	}
	t.Chdir(here)
	for _, r := range got {
		golden(t, r.name, r.text)
	}
}

// TestTokenNew: what is printed belongs together and is what the daemon reads.
func TestTokenNew(t *testing.T) {
	args := []string{"token", "new", "--name", "web-1: [x]", "--role", "host,viewer", "--host", "a", "--host", "b c", "--packets", "--expires", "90d"}
	code, stdout, stderr := call(t, nil, "", args...)
	if code != exitOK || stderr != "" {
		t.Fatal(code, stderr)
	}
	token, lines, _ := strings.Cut(stdout, "\n")
	if !regexp.MustCompile(`^skein_[A-Za-z0-9_-]{43}$`).MatchString(token) {
		t.Errorf("%q is no token", token)
	}
	check(t, token, "tokens:\n"+lines)

	file := filepath.Join(t.TempDir(), "token")
	code, stdout, stderr = call(t, nil, "", append(args, "--out", file)...)
	if code != exitOK || stderr != "" {
		t.Fatal(code, stderr)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	written := string(b) // without a line break
	if written == token || strings.Contains(stdout, written) {
		t.Errorf("%q and %q in %s", written, token, stdout)
	}
	check(t, written, "tokens:\n"+stdout)
	if _, stdout, _ := call(t, nil, string(b), "token", "hash"); strings.TrimSpace(stdout) != authfile.Hash(written) {
		t.Error(stdout)
	}
}

func check(t *testing.T, token, file string) {
	t.Helper()
	f, err := authfile.Parse([]byte(file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	r := f.Tokens[0]
	left := time.Until(r.Expires)
	if r.Name != "web-1: [x]" || r.SHA256 != authfile.Hash(token) || len(r.Roles) != 2 || len(r.Hosts) != 2 || r.Hosts[1] != "b c" || !r.Packets ||
		left < 89*24*time.Hour || left > 90*24*time.Hour {
		t.Errorf("%+v", r)
	}
}

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 5, time.UTC)
	for text, want := range map[string]string{
		"": "0001-01-01T00:00:00Z", "90d": "2026-07-30T12:00:00Z", "12h": "2026-05-02T00:00:00Z",
		"2027-01-01": "2027-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00": "2027-01-01T00:00:00Z",
	} {
		if got, err := parseExpiry(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"d", "x", "-1d", "0d", "0s", "2026-05-01", "100000d", "99999999999999999999d"} {
		if got, err := parseExpiry(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
