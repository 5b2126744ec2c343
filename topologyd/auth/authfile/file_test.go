package authfile

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/auth"
)

// whole is a file with everything that there is.
const whole = `tokens:
  - name: grafana
    sha256: 03AC674216F3E15C761EE1A5E255F067953623C8B388B4459E13F978D7C846F4
    roles: [viewer]
    packets: true
  - name: web-1
    sha256: 9af15b336e6a9619928537df30b2e6a2376569fcf9d7e773eccede65606529a0
    roles: [host, viewer]
    hosts: [3f0e1ab2, web-1]
    expires: 2027-01-01T00:00:00Z
certificates:
  - name: web-2
    common_name: web-2
    roles: [host]
    hosts_from: common_name
  - name: agents
    dns: '*.agents.example.org'
    roles: [host]
    hosts: [a]
  - name: spiffe
    uri: spiffe://example.org/host/*
    roles: [host]
    hosts_from: uri
oidc:
  issuer: https://login.example.org/realms/net
  audience: skein
  ca_file: /etc/skein/login.pem
  name_claim: email
  roles_claim: realm_access.roles
  roles: {netops: [operator], oncall: [viewer], agents: [host]}
  packets: [netsec]
  hosts_claim: host_ids
`

func TestParse(t *testing.T) {
	f, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Tokens: []TokenRow{
			{Name: "grafana", SHA256: "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4", Grant: Grant{Roles: []auth.Role{auth.Viewer}, Packets: true}},
			{Name: "web-1", SHA256: "9af15b336e6a9619928537df30b2e6a2376569fcf9d7e773eccede65606529a0", Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
				Grant: Grant{Roles: []auth.Role{auth.Host, auth.Viewer}, Hosts: []string{"3f0e1ab2", "web-1"}}},
		},
		Certificates: []CertificateRow{
			{Name: "web-2", CommonName: "web-2", HostsFrom: "common_name", Grant: Grant{Roles: []auth.Role{auth.Host}}},
			{Name: "agents", DNS: "*.agents.example.org", Grant: Grant{Roles: []auth.Role{auth.Host}, Hosts: []string{"a"}}},
			{Name: "spiffe", URI: "spiffe://example.org/host/*", HostsFrom: "uri", Grant: Grant{Roles: []auth.Role{auth.Host}}},
		},
		OIDC: &OIDC{
			Issuer: "https://login.example.org/realms/net", Audience: "skein", CAFile: "/etc/skein/login.pem",
			NameClaim: "email", RolesClaim: "realm_access.roles", HostsClaim: "host_ids", Packets: []string{"netsec"},
			Roles: map[string][]auth.Role{"netops": {auth.Operator}, "oncall": {auth.Viewer}, "agents": {auth.Host}},
		},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("%+v", f)
	}
	f, err = Parse([]byte("oidc: {issuer: 'http://127.0.0.1:1', audience: a, roles: {x: [viewer]}}"))
	if err != nil || f.OIDC.NameClaim != "sub" || f.OIDC.RolesClaim != "groups" {
		t.Error(f, err)
	}
}

// TestMistakes: each is told in words that say where it is and what to do.
func TestMistakes(t *testing.T) {
	hash := Hash("x")
	token := func(fields string) string {
		return fmt.Sprintf("tokens: [{name: x, sha256: %s, %s}]", hash, fields)
	}
	cert := func(fields string) string { return "certificates: [{name: x, " + fields + "}]" }
	issuer := func(fields string) string { return "oidc: {" + fields + "}" }
	for _, tt := range []struct{ file, want string }{
		{"", "nobody could do anything"},
		{"tokens: []", "nobody could do anything"},
		{"tokens:\n  - nme: x", "line 2: there is no field nme"},
		{"tokens:\n  - name: x\n    name: y", "line 3: "},
		{"tokens: {a: b}", "line 1: what stands there has the wrong form"},
		{"tokens:\n\t- name: x", "line 2: this is no YAML"},
		{token("roles: [viewer]") + "\n---\n{}", "more than one document"},
		{"tokens: [{sha256: " + hash + "}]", "token 1 has no name"},
		{`tokens: [{name: "a\x07"}]`, "name of token 1: it has characters that cannot be printed"},
		{"tokens: [{name: " + strings.Repeat("x", 257) + "}]", "more than 256 bytes"},
		{"tokens: [{name: x}]", `token "x": sha256 is not 64 hexadecimal digits; topologyctl token hash`},
		{"tokens: [{name: x, sha256: " + hash[:62] + "}]", "sha256 is not 64"},
		{"tokens: [{name: x, sha256: " + Hash("") + "}]", "of an empty token"},
		{"tokens: [{name: x, sha256: " + Hash("\n") + "}]", "of an empty token"},
		{token("packets: true"), "there are no roles; give for example roles: [viewer]"},
		{token("roles: [root]"), "a role is not known; give some of host, viewer, operator and admin"},
		{token("roles: [host]"), "list their IDs (host.id) in hosts"},
		{token("roles: [host], hosts: ['']"), "a host ID: it is empty"},
		{token("roles: [host], hosts: [a/b]"), "a host ID: it has a slash"},
		{token("roles: [viewer], hosts: [a]"), "hosts are for the role host"},
		{token("roles: [viewer], expires: tomorrow"), "give for example 2027-01-01T00:00:00Z"},
		{fmt.Sprintf("tokens: [{name: a, sha256: %s, roles: [viewer]}, {name: a, sha256: %s, roles: [viewer]}]", hash, Hash("y")), `the name "a" is there twice`},
		{fmt.Sprintf("tokens: [{name: a, sha256: %s, roles: [viewer]}, {name: b, sha256: %s, roles: [viewer]}]", hash, strings.ToUpper(hash)), `token "b": it is the same as that of "a"`},
		{token("roles: [viewer]") + "\n" + cert("common_name: x, roles: [viewer]"), "twice"},
		{cert("roles: [viewer]"), "give one of common_name, dns and uri"},
		{cert("common_name: x, dns: x, roles: [viewer]"), "give one of common_name, dns and uri"},
		{cert("common_name: '*', roles: [viewer]"), "a * stands for one label"},
		{cert("common_name: '*.', roles: [viewer]"), "a * stands for one label"},
		{cert("dns: a.*.b, roles: [viewer]"), "a * stands for one label"},
		{cert("dns: '*.*.b', roles: [viewer]"), "a * stands for one label"},
		{cert("uri: 'spiffe://a/*/*', roles: [viewer]"), "a * stands for one label"},
		{cert("uri: 'spiffe://*', roles: [viewer]"), "uri is no URI"},
		{cert("uri: web-1, roles: [viewer]"), "uri is no URI"},
		{cert("common_name: x, roles: [host], hosts_from: email"), "hosts_from is one of"},
		{cert("common_name: x, roles: [host], hosts_from: dns, hosts: [a]"), "not both"},
		{cert("common_name: x, roles: [viewer], hosts_from: dns"), "hosts are for the role host"},
		{issuer("audience: a"), "oidc: issuer: it is no URL"},
		{issuer("issuer: http://login.example.org, audience: a"), "use https"},
		{issuer("issuer: 'https://u:p@login.example.org', audience: a"), "it is no URL"},
		{issuer("issuer: https://login.example.org"), "audience, which tells"},
		{issuer("issuer: https://login.example.org, audience: a"), "roles say what the values of roles_claim mean"},
		{issuer("issuer: https://login.example.org, audience: a, roles: {x: [root]}"), `roles of "x": role "root" is not known`},
		{issuer("issuer: https://login.example.org, audience: a, roles: {x: [host]}"), "hosts_claim says which claim"},
	} {
		_, err := Parse([]byte(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\n\t%v\n\twant %s", tt.file, err, tt.want)
		}
	}
}

func TestNewToken(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a == b || !strings.HasPrefix(a, TokenPrefix) || len(a) != len(TokenPrefix)+43 || CheckToken(a) != nil || strings.Contains(a, ".") {
		t.Error(a, b)
	}
	if h := Hash("1234"); h != "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4" { // sha256sum(1)
		t.Error(h)
	}
	for token, want := range map[string]string{
		"": "is empty", "hunter2": "could be guessed", strings.Repeat("x", MaxToken+1): "more than", strings.Repeat("x ", 20): "spaces", strings.Repeat("\u00e9", 20): "spaces",
	} {
		if err := CheckToken(token); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// FuzzParse: a file is refused, or everything in it means something: each token has a
// hash of its own, and nobody has a role that is not known, or host IDs without
// being a host.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("tokens: [{name: x, sha256: 0, roles: [viewer]}]"))
	f.Add([]byte("oidc: {issuer: 'https://a', audience: b, roles: {c: [admin]}}"))
	f.Add([]byte("certificates: [{name: x, uri: 'urn:x', roles: [host], hosts_from: dns}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00") || len(err.Error()) > 2000 {
				t.Errorf("%q", err)
			}
			return
		}
		grant := func(g Grant, from string) {
			isHost := false
			for _, r := range g.Roles {
				if _, err := auth.ParseRole(string(r)); err != nil {
					t.Error(err)
				}
				isHost = isHost || r == auth.Host
			}
			if len(g.Roles) == 0 || isHost != (len(g.Hosts) > 0 || from != "") {
				t.Errorf("%+v", g)
			}
		}
		hashes := make(map[string]bool)
		for _, r := range file.Tokens {
			grant(r.Grant, "")
			if b, err := hex.DecodeString(r.SHA256); err != nil || len(b) != 32 || hashes[r.SHA256] || r.SHA256 != strings.ToLower(r.SHA256) {
				t.Errorf("token %q: %v", r.Name, err)
			}
			hashes[r.SHA256] = true
		}
		for _, r := range file.Certificates {
			grant(r.Grant, r.HostsFrom)
		}
	})
}
