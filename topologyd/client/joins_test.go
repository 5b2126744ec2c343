package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

const (
	someNode = `{"ID":"21ca1412-2580-5633-8ce6-30681cb24356","Metadata":{"Name":"eth0","Type":"veth"},"Host":"h","Origin":"netlink","Revision":1}`
	someEdge = `{"ID":"690bd3fe-f370-59e1-b9af-6d35bcec655b","Parent":"21ca1412-2580-5633-8ce6-30681cb24356","Child":"21ca1412-2580-5633-8ce6-30681cb24356","Metadata":{"RelationType":"layer2"},"Revision":1}`
	someRow  = `{"name":"tunnel","kind":"edge","relation":"layer2","from":{"entity":"a","key":["X"]},"to":{"entity":"b","where":[{"key":"Z","not_in":["1"]}],"key":["Y"]}}`
	someRef  = `{"type":"interface","id":{"host.id":"h"}}`
	facet    = `{"source":"netlink","entity":` + someRef + `,"reported":"2026-03-01T11:00:00Z","confirmed":"2026-03-01T12:00:00Z","interval":30,"stale":true,"keys":["Name"]}`
)

func TestJoinTableAndExplanations(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /api/v1/joins/table":
			io.WriteString(w, `{"rows":[{"name":"tunnel","state":"applied","origin":"file","from":"/f","overrides":"built-in","pairs":1,"ambiguous":2,"too_many":3,"row":`+someRow+`}],`+
				`"files":[{"path":"/f","rows":1},{"path":"/g","rows":0,"error":"e","failed":"2026-03-01T12:00:00Z"}]}`)
		case "POST /api/v1/joins/check":
			if body, err := io.ReadAll(r.Body); err != nil || string(body) != `{"kind":"same"}` || r.Header.Get("Content-Type") != "application/json" {
				t.Error(string(body), err)
			}
			io.WriteString(w, `{"from":5,"to":4,"pairs":3,"ambiguous":2,"too_many":1,"examples":[{"from":{"name":"eth0","type":"interface","id":{"host.id":"h"}},"to":{"name":"p0","type":"t","id":{}}}]}`)
		case "GET /api/v1/explain/edge/690bd3fe-f370-59e1-b9af-6d35bcec655b":
			io.WriteString(w, `{"now":"2026-03-01T12:00:01Z","edge":`+someEdge+`,"parent":`+someNode+`,"child":`+someNode+`,"evidence":[{"source":"join.tunnel","entity":`+someRef+
				`,"attributes":{"Type":"tunnel"},"confirmed":"2026-03-01T12:00:00Z","interval":0,"stale":false,"join":{"row":`+someRow+`,"keys":["k"],"from":{"entity":`+someRef+`,"facets":[`+facet+`]},"to":{"entity":`+someRef+`,"facets":[]}}}]}`)
		case "GET /api/v1/explain/node/21ca1412-2580-5633-8ce6-30681cb24356":
			io.WriteString(w, `{"now":"2026-03-01T12:00:01Z","node":`+someNode+`,"entity":`+someRef+`,"facets":[`+facet+`],"joined":[{"entity":`+someRef+`,"id":"690bd3fe-f370-59e1-b9af-6d35bcec655b","row":"r"}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"error":{"code":"not_found","message":"there is no such node now"}}`)
		}
	}))
	defer s.Close()
	cfg := DefaultConfig()
	cfg.Server = s.URL
	c, err := New(cfg)
	require.NoError(t, err)
	defer c.Close()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

	table, err := c.JoinTable(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, table.Raw)
	row := table.Rows[0].Row
	require.Equal(t, []string{"1"}, row.To.Where[0].NotIn)
	require.Equal(t, JoinEntry{Name: "tunnel", State: "applied", Origin: "file", From: "/f", Overrides: "built-in", Pairs: 1, Ambiguous: 2, TooMany: 3, Row: row}, table.Rows[0])
	require.Equal(t, []JoinFile{{Path: "/f", Rows: 1}, {Path: "/g", Error: "e", Failed: noon}}, table.Files)

	trial, err := c.CheckJoin(t.Context(), []byte(`{"kind":"same"}`))
	require.NoError(t, err)
	require.Equal(t, []int{5, 4, 3, 2, 1}, []int{trial.From, trial.To, trial.Pairs, trial.Ambiguous, trial.TooMany})
	require.Equal(t, NamedEntity{Name: "eth0", EntityRef: EntityRef{Type: "interface", ID: map[string]string{"host.id": "h"}}}, trial.Examples[0].From)

	edge, err := entity.ParseUUID("690bd3fe-f370-59e1-b9af-6d35bcec655b")
	require.NoError(t, err)
	node, err := entity.ParseUUID("21ca1412-2580-5633-8ce6-30681cb24356")
	require.NoError(t, err)
	e, err := c.ExplainEdge(t.Context(), edge)
	require.NoError(t, err)
	require.NotEmpty(t, e.Raw)
	require.Equal(t, edge, e.Edge.ID)
	require.Equal(t, "eth0", e.Child.Metadata.Get("Name").Str())
	x := e.Evidence[0]
	require.Equal(t, "join.tunnel", x.Source)
	require.Equal(t, "tunnel", x.Attributes.Get("Type").Str())
	require.Equal(t, []string{"k"}, x.Join.Keys)
	ref := EntityRef{Type: "interface", ID: map[string]string{"host.id": "h"}}
	want := FacetInfo{Source: "netlink", Entity: ref, Reported: noon.Add(-time.Hour), Confirmed: noon, Interval: 30, Stale: true, Keys: []string{"Name"}}
	require.Equal(t, JoinedFacets{Entity: ref, Facets: []FacetInfo{want}}, x.Join.From)

	n, err := c.ExplainNode(t.Context(), node)
	require.NoError(t, err)
	require.Equal(t, []FacetInfo{want}, n.Facets)
	require.Equal(t, []JoinedEntity{{Entity: ref, ID: edge, Row: "r"}}, n.Joined)
	_, err = c.ExplainNode(t.Context(), edge)
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, CodeNotFound, failed.Code)
}
