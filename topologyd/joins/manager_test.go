package joins

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/definition"
)

// write replaces a file at once, with a time in the past that grows.
func write(t *testing.T, path, text string) {
	t.Helper()
	old, err := os.Stat(path)
	at := time.Now().Add(-time.Hour)
	if err == nil {
		at = old.ModTime().Add(time.Second)
	}
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Chtimes(path+".new", at, at))
	require.NoError(t, os.Rename(path+".new", path))
}

const fileRow = "joins:\n  - name: n\n    description: DESC\n    kind: edge\n    relation: layer2\n    from: {entity: a, key: [Name]}\n    to: {entity: b, key: [Name]}\n"

func fileWith(description string) string { return strings.Replace(fileRow, "DESC", description, 1) }

func TestTableFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "joins.yaml")
	w := newWorld(t)
	w.open(quick(filepath.Join(filepath.Dir(path), "*.yaml")))
	specs, err := Parse(builtin)
	require.NoError(t, err)
	w.eventually("what is built in", func() bool { return len(w.table()) == len(specs) })
	settled := w.eventCount()
	require.Equal(t, len(specs), settled, "each once")
	const name = "tunnel-ovs"
	was := w.row(name).Description

	write(t, path, fileWith("of the file")+"  - {name: "+name+", disabled: true}\n")
	w.is("n", "of the file")
	w.is(name, "")
	w.define("n", described("of the definition"))
	w.is("n", "of the definition")
	w.define(name, described("of the definition too"))
	w.is(name, "of the definition too")

	d, err := w.defs.Get(Kind, "n")
	require.NoError(t, err)
	w.eventually("status", func() bool { return w.manager.Status(d).State == StateApplied })
	require.Equal(t, Status{State: StateApplied, Matched: 1, Ambiguous: 1, TooMany: 2}, w.manager.Status(d))

	_, err = w.defs.Replace(t.Context(), &definition.Definition{Kind: Kind, ID: "n", Spec: spec(t, `{"disabled":true}`)})
	require.NoError(t, err)
	w.is("n", "")
	require.Equal(t, StatePending, w.manager.Status(d).State, "it is another by now")
	d, err = w.defs.Get(Kind, "n")
	require.NoError(t, err)
	require.Equal(t, Status{State: StateDisabled}, w.manager.Status(d))

	require.NoError(t, w.defs.Delete(t.Context(), Kind, "n"))
	w.is("n", "of the file")
	require.NoError(t, w.defs.Delete(t.Context(), Kind, name))
	w.is(name, "")
	require.NoError(t, os.Remove(path))
	w.is("n", "")
	w.is(name, was)

	w.put("n", described("by hand"), time.Now())
	w.is("n", "") // nobody wants it
	require.Zero(t, w.log.count("level=WARN"))
	require.Zero(t, w.log.count("level=ERROR"))
}

// TestBrokenFile keeps the rows that a file had, also over a restart.
func TestBrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "joins.yaml")
	w := newWorld(t)
	write(t, path, fileWith("good"))
	w.open(quick(path))
	w.is("n", "good")

	write(t, path, "joins: [")
	w.eventually("noticed", func() bool { return w.manager.Report().Files[0].Error != "" })
	require.NoError(t, testutil.GatherAndCompare(w.reg, strings.NewReader("# HELP topologyd_joins_files_failed Files of joins that cannot be used as they are.\n# TYPE topologyd_joins_files_failed gauge\ntopologyd_joins_files_failed 1\n"), "topologyd_joins_files_failed"))
	w.define("other", described("defined"))
	w.is("other", "defined")
	require.Equal(t, "good", w.row("n").Description)

	w.manager.Stop()
	require.NoError(t, w.defs.Delete(t.Context(), Kind, "other"))
	w.put("tunnel-ovs", described("old"), time.Now())
	w.manage(quick(path))
	w.eventually("the row that is built in", func() bool { return w.row("tunnel-ovs").Description != "old" })
	require.NotNil(t, w.row("n"), "whose it is cannot be told")
	require.NotNil(t, w.row("other"), "nor this")

	write(t, path, fileWith("good again"))
	w.is("n", "good again")
	w.is("other", "")
	require.Equal(t, 2, w.log.count("cannot be used"), "once in each run")
}

// TestLeaders lets two replicas lead in turn.
func TestLeaders(t *testing.T) {
	w := newWorld(t)
	w.leads.Store(false)
	w.open(quick())
	w.define("n", described("one"))
	w.eventually("known", func() bool { return len(w.manager.Report().Rows) > 1 })
	require.Zero(t, w.eventCount(), "a follower writes nothing")
	w.leads.Store(true)
	w.is("n", "one")

	// Another one led meanwhile, with a clock that is ahead.
	w.leads.Store(false)
	d, err := w.defs.Replace(t.Context(), &definition.Definition{Kind: Kind, ID: "n", Spec: spec(t, described("two"))})
	require.NoError(t, err)
	require.Equal(t, "one", w.row("n").Description)
	w.put("n", described("of the other"), time.Now().Add(time.Minute))
	require.Equal(t, StatePending, w.manager.Status(d).State)
	w.leads.Store(true)
	w.is("n", "two")
	w.put("n", described("of the other"), time.Now().Add(time.Hour))
	require.NoError(t, w.defs.Delete(t.Context(), Kind, "n"))
	w.is("n", "")
}

// TestNotReady leaves the table as it is while the definitions are not known.
func TestNotReady(t *testing.T) {
	w := newWorld(t)
	w.put("n", described("defined"), time.Now())
	first := w.store()
	require.NoError(t, first.Start(t.Context(), w.kv))
	_, err := first.Create(t.Context(), &definition.Definition{Kind: Kind, ID: "n", Spec: spec(t, described("defined"))})
	require.NoError(t, err)
	first.Stop()

	w.manage(quick()) // the store is not started
	w.eventually("running", func() bool { return len(w.manager.Report().Rows) > 1 })
	require.Zero(t, w.eventCount())
	require.NoError(t, w.defs.Start(t.Context(), w.kv))
	w.eventually("built in", func() bool { return w.row("tunnel-ovs") != nil })
	require.Equal(t, "defined", w.row("n").Description)
}

// TestUnreadable leaves the row of a definition that cannot be read.
func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	w.open(quick())
	w.define("n", described("one"))
	w.is("n", "one")
	d, err := w.defs.Get(Kind, "n")
	require.NoError(t, err)
	_, err = w.kv.Write(t.Context(), Kind+".n", []byte(`{"version":99}`), d.Revision)
	require.NoError(t, err)
	w.eventually("it cannot be read", func() bool { d, err := w.defs.Get(Kind, "n"); return err == nil && d.Problem != "" })
	w.define("other", described("two"))
	w.is("other", "two")
	require.Equal(t, "one", w.row("n").Description)
	d, err = w.defs.Get(Kind, "n")
	require.NoError(t, err)
	s := w.manager.Status(d)
	require.Equal(t, StateFailed, s.State)
	require.Contains(t, s.Error, "it is of version 99")
	require.Equal(t, 1, s.Matched, "of the row in force")
}

// TestRefused says once that the graph does not take events, and goes on.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.refuseAll(errors.New("the disk is full"))
	w.open(quick())
	d := w.define("n", described("one"))
	w.eventually("failed", func() bool { return w.manager.Status(d).State == StateFailed })
	require.Equal(t, "change table of joins: the disk is full", w.manager.Status(d).Error)
	w.refuseAll(nil)
	w.is("n", "one")
	w.eventually("applied", func() bool { return w.manager.Status(d).State == StateApplied })
	require.Equal(t, 1, w.log.count("the disk is full"))
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	write(t, filepath.Join(dir, "a.yaml"), fileWith("first"))
	write(t, filepath.Join(dir, "b.yaml"), fileWith("second"))
	write(t, filepath.Join(dir, "c.yaml"), "joins: [{name: lldp-port, disabled: true}]")
	w.open(quick(filepath.Join(dir, "*.yaml")))
	w.define("tunnel-ovs", described("mine"))
	w.is("n", "first")
	w.is("tunnel-ovs", "mine")
	w.is("lldp-port", "")
	r := w.manager.Report()
	find := func(name string) Entry {
		i := slices.IndexFunc(r.Rows, func(e Entry) bool { return e.Name == name })
		require.GreaterOrEqual(t, i, 0, name)
		return r.Rows[i]
	}
	e := find("n")
	require.Equal(t, "first", e.Row.Description)
	e.Row = nil
	require.Equal(t, Entry{Name: "n", State: StateApplied, Origin: OriginFile, From: filepath.Join(dir, "a.yaml"), Pairs: 1, Ambiguous: 1, TooMany: 2}, e)
	e = find("tunnel-ovs")
	e.Row = nil
	require.Equal(t, Entry{Name: "tunnel-ovs", State: StateApplied, Origin: OriginDefinition, From: "tunnel-ovs", Overrides: OriginBuiltIn, Pairs: 10, Ambiguous: 1, TooMany: 2}, e)
	require.Equal(t, Entry{Name: "lldp-port", State: StateDisabled, Origin: OriginFile, From: filepath.Join(dir, "c.yaml"), Overrides: OriginBuiltIn}, find("lldp-port"))
	require.Equal(t, "ovs-internal-by-ifindex", r.Rows[0].Name, "in the order in which they are tried")
	require.Equal(t, "lldp-port", r.Rows[len(r.Rows)-1].Name)
	require.Len(t, r.Files, 3)
	require.Equal(t, FileStatus{Path: filepath.Join(dir, "b.yaml"), Rows: 1, Error: "join n is in " + filepath.Join(dir, "a.yaml") + " already, which counts"}, r.Files[1])

	problems, err := testutil.GatherAndLint(w.reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	n, err := testutil.GatherAndCount(w.reg, "topologyd_joins_pairs")
	require.NoError(t, err)
	require.Equal(t, len(w.table()), n)
}

// TestTooMany bounds the table: what is built in goes first.
func TestTooMany(t *testing.T) {
	specs, err := Parse(builtin)
	require.NoError(t, err)
	w := newWorld(t)
	cfg := quick()
	cfg.MaxRows = len(specs) + 1
	w.open(cfg)
	w.define("a", described("one"))
	b := w.define("b", described("two"))
	w.is("a", "one")
	w.eventually("failed", func() bool { return w.manager.Status(b).State == StateFailed })
	require.Contains(t, w.manager.Status(b).Error, "which is the most; remove some")
	require.Nil(t, w.row("b"))
	require.NoError(t, w.defs.Delete(t.Context(), Kind, "a"))
	w.is("b", "two")
}

func TestNewRefusesPatterns(t *testing.T) {
	_, err := New(quick("["), Deps{Log: new(logLines).logger()})
	require.ErrorContains(t, err, "set up joins")
}
