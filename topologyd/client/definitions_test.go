package client

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefinitions(t *testing.T) {
	const stored = `{"kind":"fabric","id":"rack 1","created":"2026-03-01T00:00:00Z","revision":3,"spec":{"lines":["A -> B"]},"status":{"state":"applied","matched":2}}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch r.Method + " " + r.URL.EscapedPath() {
		case "GET /api/v1/fabric":
			io.WriteString(w, "["+stored+","+stored+"]")
		case "GET /api/v1/fabric/rack%201":
			io.WriteString(w, stored)
		case "POST /api/v1/fabric":
			if string(body) != `{"id":"rack 1","ttl":"1h","spec":{"lines":["A -> B"]}}`+"\n" || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s", body)
			}
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, stored)
		case "PUT /api/v1/fabric/rack%201":
			w.WriteHeader(http.StatusConflict)
			io.WriteString(w, `{"error":{"code":"conflict","message":"read it again"}}`)
		case "DELETE /api/v1/fabric/rack%201":
			w.WriteHeader(http.StatusNoContent)
		default:
			t.Error(r.Method, r.URL)
		}
	}))
	defer s.Close()
	cfg := DefaultConfig()
	cfg.Server = s.URL
	c, err := New(cfg)
	require.NoError(t, err)
	defer c.Close()
	ctx := t.Context()
	list, err := c.Definitions(ctx, Fabrics)
	require.NoError(t, err)
	require.Len(t, list, 2)
	d, err := c.Definition(ctx, Fabrics, "rack 1")
	require.NoError(t, err)
	require.Equal(t, list[0], *d)
	require.Equal(t, "applied", d.Status.State)
	require.Equal(t, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), d.Created)
	made, err := c.CreateDefinition(ctx, Fabrics, &Definition{ID: "rack 1", TTL: "1h", Spec: json.RawMessage(`{"lines":["A -> B"]}`)})
	require.NoError(t, err)
	require.Equal(t, d, made)
	_, err = c.ReplaceDefinition(ctx, Fabrics, d)
	var e *Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, CodeConflict, e.Code)
	require.NoError(t, c.DeleteDefinition(ctx, Fabrics, "rack 1"))
	for _, id := range []string{"", "a/b", ".."} {
		require.ErrorContains(t, c.DeleteDefinition(ctx, Fabrics, id), "is not the ID")
		_, err = c.Definition(ctx, Fabrics, id)
		require.ErrorContains(t, err, "is not the ID")
		_, err = c.ReplaceDefinition(ctx, Fabrics, &Definition{ID: id})
		require.ErrorContains(t, err, "is not the ID")
	}
}
