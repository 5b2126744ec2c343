package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// tunnel is an end of a tunnel of Open vSwitch.
func tunnel(id, local, remote string) entity.Event {
	e := entity.Event{Ref: entity.RowRef(entity.TypeOvsInterface, id, "u"), Source: "ovsdb", Time: time.Now(), Interval: time.Minute}
	for _, kv := range [][2]string{{"LocalIP", local}, {"Name", id}, {"RemoteIP", remote}, {"Type", "vxlan"}} {
		e.Attributes = append(e.Attributes, entity.A(kv[0], entity.String(kv[1])))
	}
	e.Attributes = append(e.Attributes, entity.A("Ovs", entity.Map(entity.Attrs{entity.A("HostID", entity.String("h")), entity.A("TunnelKey", entity.String("7"))}))).Normalize()
	return e
}

// TestJoins joins by rows that are built in, of a file and defined, explains what
// they made, and restarts the daemon.
func TestJoins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "joins.yaml")
	cfg := testConfig(t.TempDir())
	if err := cfg.JoinFiles.Set(filepath.Join(filepath.Dir(file), "*.yaml")); err != nil {
		t.Fatal(err)
	}
	b := start(t, cfg)
	b.write(encode(host(), event(1, 0), tunnel("vx0", "10.0.0.1", "10.0.0.2"), tunnel("vx1", "10.0.0.2", "10.0.0.1")))
	shows := func(what, query, want string) {
		t.Helper()
		proctest.Eventually(t, 20*time.Second, what, func() error {
			if got := b.query(query); got != want {
				return fmt.Errorf("%s, not %s", got, want)
			}
			return nil
		})
	}
	shows("the tunnel", "G.E().Has('Type','tunnel').Count()", "1")
	if err := os.WriteFile(file, []byte("joins:\n  - name: cable\n    kind: edge\n    relation: cable\n    from: {entity: host, key: ['@Host']}\n    to: {entity: ovsinterface, key: [Ovs.HostID]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows("of a file", "G.E().Has('RelationType','cable').Count()", "2")
	ccfg := client.DefaultConfig()
	ccfg.Server = b.url
	c, err := client.New(ccfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	made, err := c.CreateDefinition(t.Context(), client.Joins, &client.Definition{ID: "one-thing",
		Spec: json.RawMessage(`{"kind":"same","from":{"entity":"interface","key":["@Host"]},"to":{"entity":"ovsinterface","where":[{"key":"Name","in":["vx0"]}],"key":["Ovs.HostID"]}}`)})
	if err != nil || made.ID != "one-thing" {
		t.Fatal(made, err)
	}
	shows("of a definition", "G.V().Has('Name','eth1').Values('RemoteIP')", `["10.0.0.2"]`)
	shows("the tunnel leads to the node of both", "G.V().Has('Name','eth1').Both().Has('Name','vx1').Count()", "1")

	var edges []client.Edge
	if err := json.Unmarshal([]byte(b.query("G.E().Has('Type','tunnel')")), &edges); err != nil || len(edges) != 1 {
		t.Fatal(edges, err)
	}
	e, err := c.ExplainEdge(t.Context(), edges[0].ID)
	if err != nil || len(e.Evidence) != 1 || e.Evidence[0].Join == nil {
		t.Fatalf("%+v %v", e, err)
	}
	j := e.Evidence[0].Join
	if got := strings.Join(j.Keys, " "); j.Row.Name != "tunnel-ovs" || !strings.HasPrefix(got, "vxlan 10.0.0.") || !strings.HasSuffix(got, " 7") ||
		len(j.From.Facets) != 1 || j.From.Facets[0].Source != "ovsdb" || e.Now.Sub(e.Evidence[0].Confirmed) > time.Minute || e.Evidence[0].Stale {
		t.Errorf("%s", e.Raw)
	}
	node := entity.InterfaceRef("h", "1", "1").UUID()
	n, err := c.ExplainNode(t.Context(), node)
	if err != nil || len(n.Joined) != 1 || n.Joined[0].Row != "one-thing" || len(n.Facets) != 2 || n.Entity.Type != "interface" {
		t.Fatalf("%+v %v", n, err)
	}
	table, err := c.JoinTable(t.Context())
	if err != nil || len(table.Files) != 1 || table.Files[0].Error != "" {
		t.Fatalf("%+v %v", table, err)
	}
	pairs := make(map[string]int)
	for _, r := range table.Rows {
		pairs[r.Origin+" "+r.Name] = r.Pairs
	}
	if pairs["definition one-thing"] != 1 || pairs["file cable"] != 2 || pairs["built-in tunnel-ovs"] != 1 {
		t.Errorf("%v", pairs)
	}
	if code, text := b.do(http.MethodGet, "/metrics", nil); code != 200 || !strings.Contains(text, `topologyd_joins_pairs{row="cable"} 2`) || !strings.Contains(text, `topologyd_joins_rows{kind="same"}`) {
		t.Error(code, text)
	}
	b.stop()

	b = start(t, cfg)
	ccfg.Server = b.url
	again, err := client.New(ccfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	shows("kept", "G.V().Has('Name','eth1').Both().Has('Name','vx1').Count()", "1")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	shows("the file is gone", "G.E().Has('RelationType','cable').Count()", "0")
	proctest.Eventually(t, 20*time.Second, "the definition is deleted", func() error {
		return again.DeleteDefinition(t.Context(), client.Joins, "one-thing")
	})
	shows("parted", "G.V().Has('Name','vx0').Count()", "1")
	shows("its own again", "G.V().Has('Name','eth1').Has('RemoteIP','10.0.0.2').Count()", "0")
	shows("the tunnel stays", "G.V().Has('Name','vx0').Both().Has('Name','vx1').Count()", "1")
}
