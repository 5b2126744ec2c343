package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/config"
)

// startReplicas starts three daemons that are one, and read the same files of
// joins.
func startReplicas(t *testing.T, files string) []*bench {
	t.Helper()
	addrs := proctest.FreeAddrs(t, 3)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("of this test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := make([]*bench, len(addrs))
	var wg sync.WaitGroup
	for i := range all {
		cfg := testConfig(t.TempDir())
		cfg.OTLPListen, cfg.JoinFiles = "", config.List(files)
		cfg.Cluster = config.Cluster{Name: "joins", Node: fmt.Sprint("n", i), Listen: addrs[i], Peers: config.List(strings.Join(addrs, ",")), SecretFile: secret}
		wg.Go(func() { all[i] = start(t, cfg) })
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return all
}

func connect(t *testing.T, b *bench) *client.Client {
	t.Helper()
	cfg := client.DefaultConfig()
	cfg.Server = b.url
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// rowsOf returns the rows of the table of a replica that are not built in and what
// each does, "" when it is not yet as it is wanted, and what its graph is.
func (b *bench) rowsOf(c *client.Client) (rows, graph string, err error) {
	table, err := c.JoinTable(b.t.Context())
	if err != nil {
		return "", "", err
	}
	for _, r := range table.Rows {
		if r.State != "applied" {
			return "", "", fmt.Errorf("%s is %s %s", r.Name, r.State, r.Error)
		}
		if r.Origin != "built-in" {
			rows += fmt.Sprintf("%s:%d ", r.Name, r.Pairs)
		}
	}
	d, err := c.Digest(b.t.Context())
	if err != nil {
		return "", "", err
	}
	return rows, d.Digest, nil
}

// TestJoinsOutliveTheLeader has rows come and go by files and over the API while
// the replica that sees to the table stops and starts again. In the end all have
// one table and one graph.
func TestJoinsOutliveTheLeader(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes some seconds to form")
	}
	dir := t.TempDir()
	all := startReplicas(t, filepath.Join(dir, "*.yaml"))
	clients := make(map[*bench]*client.Client)
	for _, b := range all {
		clients[b] = connect(t, b)
	}
	leader := -1
	proctest.Eventually(t, 30*time.Second, "one leads", func() error {
		for i, b := range all {
			if b.d.engine.Leads() {
				leader = i
				return nil
			}
		}
		return errors.New("nobody")
	})
	first := all[leader]
	rest := append(append([]*bench(nil), all[:leader]...), all[leader+1:]...)
	body := encode(host(), event(1, 0), event(2, 0), tunnel("vx0", "10.0.0.1", "10.0.0.2"), tunnel("vx1", "10.0.0.2", "10.0.0.1"))
	proctest.Eventually(t, 20*time.Second, "reports are taken", func() error {
		if code, text := rest[0].do(http.MethodPost, "/api/v2/write", body); code != http.StatusNoContent {
			return fmt.Errorf("%d %s", code, text)
		}
		return nil
	})

	// Each round adds a row by file and one over the API, and takes older ones away.
	file := func(i int) string { return filepath.Join(dir, fmt.Sprint("row", i, ".yaml")) }
	const rounds, halt = 12, 4
	var restart sync.WaitGroup
	var back *bench
	insist := func(what string, do func() error) {
		t.Helper()
		proctest.Eventually(t, 30*time.Second, what, do) // nobody leads for a while
	}
	api := clients[rest[1]]
	for i := range rounds {
		if i == halt {
			restart.Go(func() {
				first.stop()
				back = start(t, first.cfg)
			})
		}
		text := fmt.Sprintf("joins:\n  - name: file%d\n    kind: edge\n    relation: cable%d\n    from: {entity: host, key: ['@Host']}\n    to: {entity: ovsinterface, key: [Ovs.HostID]}\n", i, i%3)
		if err := os.WriteFile(file(i), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		spec := fmt.Sprintf(`{"kind":"same","priority":%d,"from":{"entity":"interface","where":[{"key":"Name","in":["eth%d"]}],"key":["@Host"]},"to":{"entity":"ovsinterface","where":[{"key":"Name","in":["vx%d"]}],"key":["Ovs.HostID"]}}`, 100-i, 1+i%2, (i+i/6)%2)
		insist("a row is defined", func() error {
			_, err := api.CreateDefinition(t.Context(), client.Joins, &client.Definition{ID: fmt.Sprint("api", i), Spec: json.RawMessage(spec)})
			if e := new(client.Error); errors.As(err, &e) && e.Status == http.StatusConflict {
				return nil // it was, though the answer was lost
			}
			return err
		})
		if i%4 == 3 { // also of those that came while nobody led
			insist("the row is in the table", func() error {
				d, err := api.Definition(t.Context(), client.Joins, fmt.Sprint("api", i))
				if err == nil && d.Status.State != "applied" {
					err = fmt.Errorf("it is %s %s", d.Status.State, d.Status.Error)
				}
				return err
			})
		}
		if i < 2 {
			continue
		}
		if err := os.Remove(file(i - 2)); err != nil {
			t.Fatal(err)
		}
		insist("a row is deleted", func() error {
			err := api.DeleteDefinition(t.Context(), client.Joins, fmt.Sprint("api", i-2))
			if e := new(client.Error); errors.As(err, &e) && e.Status == http.StatusNotFound {
				return nil
			}
			return err
		})
	}
	restart.Wait()
	if t.Failed() {
		t.FailNow()
	}
	clients[back] = connect(t, back)
	const want = "api11:1 api10:1 file10:2 file11:2 "
	all[leader] = back
	proctest.Eventually(t, 30*time.Second, "one table and one graph", func() error {
		var last string
		for i, b := range all {
			rows, graph, err := b.rowsOf(clients[b])
			if err != nil {
				return err
			}
			if rows != want || i > 0 && graph != last {
				return fmt.Errorf("replica %d has %s, its graph is %s, not %s", i, rows, graph, last)
			}
			last = graph
		}
		return nil
	})
	for query, want := range map[string]string{
		"G.E().Has('RelationType',Regex('cable.*')).Count()":         "4",
		"G.V().Has('Name','eth1').Both().Has('Name','eth2').Count()": "1",
		"G.V().Has('Name',Regex('vx.')).Count()":                     "0",
	} {
		if got := rest[0].query(query); got != want {
			t.Errorf("%s: %s, not %s", query, got, want)
		}
	}
	var end sync.WaitGroup // at the same time: one that is left alone takes longer
	for _, b := range all {
		end.Go(b.stop)
	}
	end.Wait()
}
