package flowstore

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/skein-net/skein/internal/flowrecord"
)

// pretend is a VictoriaLogs that answers as a test wants it to.
func pretend(t *testing.T, change func(*Config), answer http.HandlerFunc) *Store {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	return openRemote(t, strings.TrimPrefix(srv.URL, "http://"), change)
}

func TestRemoteRetries(t *testing.T) {
	var calls atomic.Int64
	s := pretend(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		unzip, err := zstd.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		defer unzip.Close()
		if text, err := io.ReadAll(unzip); err != nil || strings.Count(string(text), "\n") != 3 || !strings.Contains(string(text), `"event_name":"network.flow"`) {
			t.Errorf("%s %v", text, err)
		}
	})
	w := newWorld(1, time.Now().UnixNano(), time.Second)
	if err := s.Write(t.Context(), []flowrecord.Record{w.flow()[0], w.flow()[0], w.flow()[0]}); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); calls.Load() != 3 || st.Written != 3 {
		t.Errorf("%d calls, %+v", calls.Load(), st)
	}
}

func TestRemoteErrors(t *testing.T) {
	w := newWorld(1, time.Now().UnixNano(), time.Second)
	one := w.flow()[:1]
	for _, c := range []struct {
		name   string
		status int
		body   string
		calls  int64 // of a write
		want   string
	}{
		{"broken", http.StatusInternalServerError, "no disk", 2, "no disk"},
		{"forbidden", http.StatusForbidden, "who are you", 1, "who are you"},
		{"cut", http.StatusOK, `{"flow.id":"x"}` + "\ncannot execute query: bad", 1, "cannot execute query"},
		{"half a row", http.StatusOK, `{"flow.id":"x`, 1, "read row"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int64
			s := pretend(t, func(c *Config) { c.Remote.Attempts = 2 }, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			err := s.Write(t.Context(), one)
			if failed := err != nil; failed != (c.status != http.StatusOK) || calls.Load() != c.calls || failed != (s.Stats().Refused["remote"] == 1) {
				t.Errorf("write: %v, %d calls, %+v", err, calls.Load(), s.Stats())
			}
			if err := firstError(s, t.Context(), &flowrecord.Query{From: 1, To: time.Now().UnixNano()}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("query: %v, want %q", err, c.want)
			}
		})
	}
}

func TestRemoteCredentials(t *testing.T) {
	for _, c := range []struct {
		remote Remote
		want   string
	}{
		{Remote{User: "u", Password: "p", AccountID: 7, Attempts: 1}, "Basic dTpw 7"},
		{Remote{Token: "abc", ProjectID: 1, Attempts: 1}, "Bearer abc 0"},
	} {
		var got atomic.Value
		s := pretend(t, func(cfg *Config) { cfg.Remote = c.remote }, func(_ http.ResponseWriter, r *http.Request) {
			got.Store(r.Header.Get("Authorization") + " " + r.Header.Get("AccountID"))
		})
		if err := firstError(s, t.Context(), &flowrecord.Query{From: 1, To: time.Now().UnixNano()}); err != nil || got.Load() != c.want {
			t.Errorf("%v %v, want %s", got.Load(), err, c.want)
		}
	}
}

func TestRemoteGone(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	s := openRemote(t, strings.TrimPrefix(srv.URL, "http://"), func(c *Config) { c.Remote.Attempts = 2 })
	w := newWorld(1, time.Now().UnixNano(), time.Second)
	if err := s.Write(t.Context(), w.flow()[:1]); err == nil {
		t.Error("written to nobody")
	}
	if err := firstError(s, t.Context(), &flowrecord.Query{From: 1, To: 2}); err == nil || errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Dir = "" },
		func(c *Config) { c.URL = "host:9428" },
		func(c *Config) { c.URL = "ftp://host" },
		func(c *Config) { c.URL = "http://%zz" },
		func(c *Config) { c.RetentionAge = -1 },
		func(c *Config) { c.MaxFlows = 0 },
	} {
		c := DefaultConfig()
		c.Dir = "x"
		change(&c)
		if _, err := New(c, testLogger()); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
