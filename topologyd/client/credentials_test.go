package client_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/topologyd/client"
)

// TestTokenFile: whoever replaces the file replaces the token of a client that runs,
// for requests as for watches.
func TestTokenFile(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, strings.Join(r.Header["Authorization"], "|"))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":{"code":"forbidden","message":"no"}}`)
	}))
	defer s.Close()
	cfg := client.DefaultConfig()
	cfg.Server, cfg.Token, cfg.TokenFile = s.URL, "other", filepath.Join(t.TempDir(), "token")
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all := func() (errs []string) {
		_, err := c.Query(t.Context(), client.Query{})
		errs = append(errs, err.Error())
		err = c.Watch(t.Context(), 0, func(*client.Message) error { return nil })
		errs = append(errs, err.Error())
		err = c.FollowFlows(t.Context(), client.FollowFlows{Handle: func(*client.FlowMessage) error { return nil }})
		return append(errs, err.Error())
	}
	for _, tt := range []struct{ file, want, fails string }{
		{"one\n", "Bearer one", "no"}, {"two", "Bearer two", "no"}, {"", "", "is empty"}, {"a b", "", "a character that no token has"}, {"three\r\n", "Bearer three", "no"},
	} {
		certtest.Replace(t, cfg.TokenFile, []byte(tt.file))
		mu.Lock()
		seen = nil
		mu.Unlock()
		for i, text := range all() {
			if !strings.Contains(text, tt.fails) || strings.Contains(text, "a b") {
				t.Errorf("%q: request %d: %s", tt.file, i, text)
			}
		}
		mu.Lock()
		if want := fmt.Sprint([]string{tt.want, tt.want, tt.want}); fmt.Sprint(seen) != want && tt.want != "" || tt.want == "" && len(seen) > 0 {
			t.Errorf("%q: %q", tt.file, seen)
		}
		mu.Unlock()
	}
	if err := os.Remove(cfg.TokenFile); err != nil {
		t.Fatal(err)
	}
	for i, text := range all() {
		if !strings.Contains(text, "read token") {
			t.Errorf("request %d: %s", i, text)
		}
	}
}

// TestClientCertificate: whoever replaces the files replaces the certificate of a
// client that runs, with its next connection.
func TestClientCertificate(t *testing.T) {
	ca, users, dir := certtest.NewCA(t, "servers"), certtest.NewCA(t, "clients"), t.TempDir()
	var mu sync.Mutex
	var shown []string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		shown = append(shown, "none")
		if peers := r.TLS.PeerCertificates; len(peers) > 0 {
			shown[len(shown)-1] = peers[0].Subject.CommonName
		}
		answer("number", "1").ServeHTTP(w, r)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Server(t)}, ClientCAs: users.Pool(), ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	defer s.Close()
	ca.Write(t, filepath.Join(dir, "ca.pem"))
	o := client.TLSOptions{CAFile: filepath.Join(dir, "ca.pem")}
	o.CertFile, o.KeyFile = certtest.Write(t, dir, "client", users.Issue(t, certtest.Leaf{CommonName: "one"}))
	conf, err := o.Config()
	if err != nil {
		t.Fatal(err)
	}
	cfg := client.DefaultConfig()
	cfg.Server, cfg.TLS = s.URL, conf
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func() {
		t.Helper()
		if _, err := c.Query(t.Context(), client.Query{}); err != nil {
			t.Error(err)
		}
		c.Close() // the connections
	}
	ask()
	certtest.Write(t, dir, "client", users.Issue(t, certtest.Leaf{CommonName: "two"}))
	ask()
	certtest.Replace(t, o.KeyFile, []byte("none"))
	ask()
	certtest.Write(t, dir, "client", certtest.NewCA(t, "others").Issue(t, certtest.Leaf{CommonName: "three"}))
	ask()
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(shown, " "); got != "one two two none" {
		t.Error(got)
	}
}
