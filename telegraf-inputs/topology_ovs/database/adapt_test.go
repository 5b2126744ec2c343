package database

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-org/libovsdb/model"
	"github.com/ovn-org/libovsdb/ovsdb"
)

// oldSchema is that of a server with few columns, one of them of another type
// than today, and without most tables.
const oldSchema = `{"name":"Open_vSwitch","version":"1.0.0","tables":{
	"Open_vSwitch":{"columns":{"bridges":{"type":{"key":{"type":"uuid","refTable":"Bridge"},"min":0,"max":"unlimited"}}}},
	"Bridge":{"columns":{
		"name":{"type":"string","mutable":false},
		"ports":{"type":{"key":{"type":"uuid","refTable":"Port"},"min":0,"max":"unlimited"}},
		"fail_mode":{"type":{"key":{"type":"string","enum":["set",["standalone","secure"]]},"min":0,"max":1}},
		"datapath_version":{"type":"integer"}}},
	"Port":{"columns":{
		"name":{"type":"string"},
		"tag":{"type":{"key":{"type":"integer"},"min":0,"max":1}},
		"interfaces":{"type":{"key":{"type":"uuid","refTable":"Interface"},"min":1,"max":"unlimited"}}}},
	"Interface":{"columns":{
		"name":{"type":"string"},
		"external_ids":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
		"ifindex":{"type":{"key":{"type":"integer"},"min":0,"max":1}}}}}}`

func schemaOf(t testing.TB, text string) *ovsdb.DatabaseSchema {
	t.Helper()
	var s ovsdb.DatabaseSchema
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestAdaptToOldServer(t *testing.T) {
	schema := schemaOf(t, oldSchema)
	a, err := adapt(schema)
	if err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string][]string{
		"Open_vSwitch": {"bridges"},
		"Bridge":       {"fail_mode", "name", "ports"}, // not datapath_version, a number there
		"Port":         {"interfaces", "name", "tag"},
		"Interface":    {"external_ids", "ifindex", "name"},
	} {
		if got := slices.Sorted(slices.Values(a.columns[table])); !slices.Equal(got, want) {
			t.Errorf("columns of %s: %v, want %v", table, got, want)
		}
	}
	if len(a.columns) != 4 {
		t.Errorf("tables: %v", a.columns)
	}

	// What such a server sends, by RFC 7047, section 5, and ovsdb-server(7), update2.
	c := copyOf(t, oldSchema)
	const b, p, i = "00000000-0000-4000-8000-00000000000b", "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000c"
	update(t, c, "update2", `{"Bridge":{"`+b+`":{"initial":{"name":"br0","ports":["uuid","`+p+`"],"fail_mode":"secure"}}},
		"Port":{"`+p+`":{"initial":{"name":"p0","tag":7,"interfaces":["uuid","`+i+`"]}}},
		"Interface":{"`+i+`":{"initial":{"name":"p0","external_ids":["map",[["iface-id","x"]]],"ifindex":["set",[]]}}}}`)
	changes := update(t, c, "update2", `{"Interface":{"`+i+`":{"modify":{"ifindex":12,"external_ids":["map",[["a","b"]]]}}},"Port":{"`+p+`":{"modify":{"tag":["set",[]]}}}}`)
	port := &Port{UUID: p, Name: "p0", Interfaces: []string{i}}
	iface := &Interface{UUID: i, Name: "p0", ExternalIDs: map[string]string{"iface-id": "x", "a": "b"}, IfIndex: new(12)}
	want := NewTables()
	want.Put(&Bridge{UUID: b, Name: "br0", Ports: []string{p}, FailMode: new("secure")})
	want.Put(port)
	want.Put(iface)
	if !reflect.DeepEqual(c.Tables(), want) {
		t.Errorf("the copy is %+v", c.Tables())
	}
	if len(changes) != 2 || !reflect.DeepEqual(changes[0].New, Row(port)) || !reflect.DeepEqual(changes[1].New, Row(iface)) {
		t.Errorf("changes: %+v", changes)
	}

	// The same in the notation of RFC 7047 alone: whole rows.
	if changes := update(t, c, "update", `{"Port":{"`+p+`":{"old":{"tag":["set",[]]},"new":{"name":"p0","tag":9,"interfaces":["uuid","`+i+`"]}}},
		"Interface":{"`+i+`":{"old":{"name":"p0"}}}}`); len(changes) != 2 {
		t.Errorf("changes: %+v", changes)
	}
	want.Put(&Port{UUID: p, Name: "p0", Interfaces: []string{i}, Tag: new(9)})
	want.Remove(iface)
	if !reflect.DeepEqual(c.Tables(), want) {
		t.Errorf("the copy is %+v", c.Tables())
	}
	if changes := update(t, c, "update2", `{"Port":{"`+p+`":{"delete":null}}}`); len(changes) != 1 || changes[0].New != nil || len(c.Tables().Ports) != 0 {
		t.Errorf("changes: %+v", changes)
	}
	if changes := update(t, c, "locked", `{}`); len(changes) != 0 {
		t.Errorf("a notification of something else: %+v", changes)
	}
}

// copyOf returns the copy of an empty database, without a connection.
func copyOf(t testing.TB, schema string) *Conn {
	t.Helper()
	c := &Conn{tables: NewTables(), models: make(map[key]model.Model)}
	if err := c.adopt(*schemaOf(t, schema)); err != nil {
		t.Fatal(err)
	}
	return c
}

// update applies a notification.
func update(t testing.TB, c *Conn, method, rows string) []Change {
	t.Helper()
	changes, err := notify(c, method, rows)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func notify(c *Conn, method, rows string) ([]Change, error) {
	got, err := notified(message{Method: method, Params: json.RawMessage("[null," + rows + "]")})
	if err != nil {
		return nil, err
	}
	before := make(map[key]Row)
	if err := c.apply(got, before); err != nil {
		return nil, err
	}
	return c.changes(before), nil
}

func TestAdaptRefuses(t *testing.T) {
	_, err := adapt(schemaOf(t, `{"name":"Open_vSwitch","version":"1.0.0","tables":{"Open_vSwitch":{"columns":{"bridges":{"type":"string"}}}}}`))
	if err == nil || !strings.Contains(err.Error(), "no table") {
		t.Errorf("got %v", err)
	}
}

func TestRowOfAnotherKind(t *testing.T) {
	tab := tables()[0]
	for _, m := range []any{"text", 1, new("text")} {
		if _, err := tab.row(m); err == nil {
			t.Errorf("%T became a row", m)
		}
	}
}

func TestTables(t *testing.T) {
	tabs := NewTables()
	first := &Port{UUID: "u", Name: "a"}
	if ch := tabs.Put(first); ch.Old != nil || ch.New != Row(first) || ch.UUID != "u" {
		t.Errorf("first: %+v", ch)
	}
	second := &Port{UUID: "u", Name: "b"}
	if ch := tabs.Put(second); ch.Old != Row(first) || ch.New != Row(second) {
		t.Errorf("second: %+v", ch)
	}
	tabs.Put(&Bridge{UUID: "u"})
	if got := tabs.All(); len(got) != 2 {
		t.Errorf("all: %+v", got)
	}
	if ch := tabs.Remove(second); ch.Old != Row(second) || ch.New != nil || len(tabs.Ports) != 0 || len(tabs.Bridges) != 1 {
		t.Errorf("removed: %+v", ch)
	}
	if ch := tabs.Remove(second); ch.Old != nil {
		t.Errorf("removed twice: %+v", ch)
	}
}

func nonsense() []string {
	const u = `"00000000-0000-4000-8000-00000000000b"`
	return []string{
		`1`, `[]`, `null,2`, `{"Bridge":1}`, `{"Bridge":{` + u + `:null}}`, `{"Nobody":{` + u + `:{"insert":{}}}}`,
		`{"Bridge":{` + u + `:{"insert":{"ports":["uuid"]}}}}`, `{"Bridge":{` + u + `:{"insert":{"ports":["set"]}}}}`,
		`{"Bridge":{` + u + `:{"insert":{"ports":[]}}}}`, `{"Bridge":{` + u + `:{"insert":{"name":1}}}}`,
		`{"Bridge":{` + u + `:{"modify":{"name":"x"}}}}`, `{"Interface":{` + u + `:{"insert":{"external_ids":["map",3]}}}}`,
		`{"Interface":{` + u + `:{"insert":{"external_ids":["map",[[1]]]}}}}`,
	}
}

// TestNonsense: what is wrong with a message is an error.
func TestNonsense(t *testing.T) {
	for _, rows := range nonsense() {
		if _, err := notify(copyOf(t, oldSchema), "update2", rows); !errors.Is(err, errNonsense) {
			t.Errorf("%s: %v", rows, err)
		}
	}
}

// FuzzUpdate: whatever a server sends, the rows of the copy are under their own
// UUIDs, and as many as the library has.
func FuzzUpdate(f *testing.F) {
	for _, rows := range nonsense() {
		f.Add(rows)
	}
	f.Add(`{"Bridge":{"u":{"insert":{"name":"x","ports":["set",[["uuid","v"]]]}}}}`)
	f.Add(`{"Port":{"v":{"initial":{"name":"x","tag":["set",[]]}}},"Interface":{"w":{"insert":{"ifindex":1e300}}}}`)
	f.Fuzz(func(t *testing.T, rows string) {
		for _, method := range []string{"update", "update2"} {
			c := copyOf(t, oldSchema)
			_, err := notify(c, method, rows)
			_, again := notify(c, method, rows)
			if err != nil && !errors.Is(err, errNonsense) || again != nil && !errors.Is(again, errNonsense) {
				t.Errorf("%v, %v", err, again)
			}
			all := c.Tables().All()
			if len(all) != len(c.models) {
				t.Errorf("%d rows of %d", len(all), len(c.models))
			}
			for _, ch := range all {
				if uuid := reflect.ValueOf(ch.New).Elem().FieldByName("UUID").String(); uuid != ch.UUID {
					t.Errorf("row %s is under %s", uuid, ch.UUID)
				}
			}
		}
	})
}
