package orders

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/auth"
)

// TestForeignSession: orders of a host go to who speaks for it, and nobody else
// takes its place.
func TestForeignSession(t *testing.T) {
	w := newWorld(t, quick())
	serve := func(id *auth.Identity, host string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(auth.With(t.Context(), id), http.MethodGet, "/api/v1/hosts/x/assignments", http.NoBody)
		r.SetPathValue("id", host)
		rec := httptest.NewRecorder()
		w.manager.Serve(rec, r)
		return rec
	}
	drops := w.manager.n.drops.WithLabelValues("foreign")
	a := &auth.Identity{Name: "web-1", Method: auth.MethodToken, Roles: []auth.Role{auth.Host}, Hosts: []string{"a", "a2"}}
	operator := &auth.Identity{Name: "ann", Method: auth.MethodToken, Roles: []auth.Role{auth.Operator}, Hosts: []string{"a"}}
	for _, c := range []struct {
		name string
		id   *auth.Identity
		host string
		may  bool
	}{
		{"its own", a, "a", true},
		{"its second", a, "a2", true},
		{"another", a, "b", false},
		{"a longer name", a, "a3", false},
		{"no host role", operator, "a", false},
		{"for all", &auth.Identity{Name: "relay", Method: auth.MethodToken, Roles: []auth.Role{auth.Admin}}, "b", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := testutil.ToFloat64(drops)
			rec := serve(c.id, c.host)
			if c.may { // on to the handshake, which this request is none of, or there is no lead yet
				require.NotEqual(t, http.StatusForbidden, rec.Code)
				require.InDelta(t, before, testutil.ToFloat64(drops), 0)
				return
			}
			require.Equal(t, http.StatusForbidden, rec.Code)
			require.Contains(t, rec.Body.String(), "does not speak for the host")
			require.InDelta(t, before+1, testutil.ToFloat64(drops), 0)
		})
	}
	require.Empty(t, w.manager.Hosts())
}

// TestSeldom: who asks again and again is told once a minute.
func TestSeldom(t *testing.T) {
	var s seldom
	now := time.Unix(1700000000, 0)
	told, before := 0, 0
	for i := range 6000 { // for ten minutes
		if say, n := s.next(now.Add(time.Duration(i) * 100 * time.Millisecond)); say {
			told, before = told+1, before+n
		}
	}
	require.Equal(t, 10, told)
	require.Equal(t, 9*599, before)
}
