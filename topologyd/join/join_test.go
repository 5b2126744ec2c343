package join

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// thing is an entity of one source.
type thing struct {
	ref   entity.Ref
	attrs entity.Attrs
}

func (t *thing) Type() string         { return t.ref.Type }
func (t *thing) ID(key string) string { return t.ref.ID.Get(key) }
func (t *thing) Lookup(path string, yield func(entity.Value) bool) {
	t.attrs.Lookup(path, yield)
}

// iface is an interface with attributes as JSON.
func iface(t testing.TB, attrs string) *thing {
	t.Helper()
	out := &thing{ref: entity.InterfaceRef("h1", "4026531840", "7")}
	require.NoError(t, json.Unmarshal([]byte(attrs), &out.attrs))
	return out
}

func TestKeys(t *testing.T) {
	const attrs = `{"Name":"Eth0","Type":"veth","IfIndex":7,"Speed":2.5,"Round":5.0,"Up":true,"Empty":"","None":[],"Object":{"A":1},
		"IPV4":["10.0.0.2/24","10.0.0.1/8","10.0.0.1/24"],"IPV6":["fe80::1%eth0/64","::ffff:10.1.1.1","nonsense"],
		"Ovs":{"OtherConfig":{"a.b":"x"},"Tag":12},"Neighbors":[{"IP":"1.1.1.1"},{"IP":"2.2.2.2"}]}`
	tests := []struct {
		name  string
		where []Condition
		key   string
		want  string
	}{
		{name: "an attribute", key: "Name", want: "Eth0"},
		{name: "a number as text", key: "IfIndex", want: "7"},
		{name: "a float", key: "Speed", want: "2.5"},
		{name: "a float that is whole", key: "Round", want: "5"},
		{name: "a boolean", key: "Up", want: "true"},
		{name: "a path", key: "Ovs.Tag", want: "12"},
		{name: "a path whose key has a dot", key: "Ovs.OtherConfig.a.b", want: "x"},
		{name: "a path through a list", key: "Neighbors.IP", want: "1.1.1.1 2.2.2.2"},
		{name: "the host", key: "@Host", want: "h1"},
		{name: "of the identity", key: "id(ifindex)", want: "7"},
		{name: "the identity lacks it", key: "id(inode)"},
		{name: "lower case", key: "lower(Name)", want: "eth0"},
		{name: "elements, sorted", key: "IPV4", want: "10.0.0.1/24 10.0.0.1/8 10.0.0.2/24"},
		{name: "addresses, each once", key: "ip(IPV4)", want: "10.0.0.1 10.0.0.2"},
		{name: "addresses are written in one way", key: "ip(IPV6)", want: "10.1.1.1 fe80::1"},
		{name: "no address", key: "ip(Name)"},
		{name: "several", key: "@Host,Name,IfIndex", want: "h1|Eth0|7"},
		{name: "combinations", key: "ip(IPV4),Name,Neighbors.IP", want: "10.0.0.1|Eth0|1.1.1.1 10.0.0.1|Eth0|2.2.2.2 10.0.0.2|Eth0|1.1.1.1 10.0.0.2|Eth0|2.2.2.2"},
		{name: "one is missing", key: "Name,Nothing"},
		{name: "one is empty", key: "Empty,Name"},
		{name: "an empty list", key: "None"},
		{name: "an object is no value", key: "Object"},
		{name: "in", where: []Condition{{Key: "Type", In: []string{"tap", "veth"}}}, key: "Name", want: "Eth0"},
		{name: "not in the list", where: []Condition{{Key: "Type", In: []string{"tap"}}}, key: "Name"},
		{name: "in, with no value", where: []Condition{{Key: "Nothing", In: []string{"tap"}}}, key: "Name"},
		{name: "one of several in", where: []Condition{{Key: "ip(IPV4)", In: []string{"10.0.0.2"}}}, key: "Name", want: "Eth0"},
		{name: "not_in", where: []Condition{{Key: "Type", NotIn: []string{"tap"}}}, key: "Name", want: "Eth0"},
		{name: "not_in, with no value", where: []Condition{{Key: "Nothing", NotIn: []string{"tap"}}}, key: "Name", want: "Eth0"},
		{name: "one of several not_in", where: []Condition{{Key: "ip(IPV4)", NotIn: []string{"10.0.0.2"}}}, key: "Name"},
		{name: "in and not_in", where: []Condition{{Key: "Neighbors.IP", In: []string{"1.1.1.1"}, NotIn: []string{"2.2.2.2"}}}, key: "Name"},
		{name: "exists", where: []Condition{{Key: "Object"}, {Key: "Ovs.Tag"}, {Key: "@Host"}}, key: "Name", want: "Eth0"},
		{name: "empty does not exist", where: []Condition{{Key: "Empty"}}, key: "Name"},
		{name: "an empty list does not exist", where: []Condition{{Key: "None"}}, key: "Name"},
		{name: "nothing does not exist", where: []Condition{{Key: "Nothing"}}, key: "Name"},
		{name: "an address exists", where: []Condition{{Key: "ip(IPV4)"}}, key: "Name", want: "Eth0"},
		{name: "no address exists", where: []Condition{{Key: "ip(Name)"}}, key: "Name"},
		{name: "all have to hold", where: []Condition{{Key: "Ovs"}, {Key: "Nothing"}}, key: "Name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Side{Entity: "interface", Where: tt.where, Key: strings.Split(tt.key, ",")}
			require.NoError(t, s.validate())
			require.Equal(t, tt.want, shown(s.Keys(iface(t, attrs), nil)))
			s.Entity = "container"
			require.Empty(t, s.Keys(iface(t, attrs), nil), "of another type")
		})
	}
}

func shown(keys [][]string) string {
	var out []string
	for _, k := range keys {
		out = append(out, strings.Join(k, "|"))
	}
	return strings.Join(out, " ")
}

func TestKeysAreAppended(t *testing.T) {
	s := Side{Entity: "interface", Key: []string{"Name"}}
	before := [][]string{{"z"}}
	require.Equal(t, [][]string{{"z"}, {"a"}}, s.Keys(iface(t, `{"Name":"a"}`), before))
}

func TestKeysAreBounded(t *testing.T) {
	var list []entity.Value
	for i := range 1000 {
		list = append(list, entity.String(fmt.Sprintf("%04d", 999-i)))
	}
	list = append(list, entity.String(strings.Repeat("0", MaxValue+1)))
	e := iface(t, `{}`)
	e.attrs = entity.Attrs{entity.A("L", entity.List(list...))}
	s := Side{Entity: "interface", Key: []string{"L", "L", "L"}}
	got := s.Keys(e, nil)
	require.Len(t, got, MaxKeys)
	require.Equal(t, []string{"0000", "0000", "0000"}, got[0])
	require.Equal(t, []string{"0000", "0000", "0063"}, got[63], "the first in order")
}

const good = `{"name":"tunnel","kind":"edge","relation":"layer2","symmetric":true,"attributes":{"Type":"tunnel"},` +
	`"from":{"entity":"ovsinterface","where":[{"key":"Type","in":["gre"]}],"key":["LocalIP","RemoteIP"]},` +
	`"to":{"entity":"ovsinterface","where":[{"key":"Type","in":["gre"]}],"key":["RemoteIP","LocalIP"]}}`

func TestParse(t *testing.T) {
	r, err := Parse([]byte(good))
	require.NoError(t, err)
	require.Equal(t, "tunnel", r.Name)
	again, err := Parse([]byte(r.JSON()))
	require.NoError(t, err)
	require.Equal(t, r, again)
	require.True(t, r.Equal(again))

	same := `{"name":"n","kind":"same","priority":5,"prefer":["Type"],"from":{"entity":"interface","key":["Name"]},"to":{"entity":"ovsinterface","key":["Name"]}}`
	tests := []struct{ name, old, new, base, want string }{
		{"no JSON", good, "x", good, "read join: invalid character 'x' looking for beginning of value"},
		{"text behind", good, good + "{}", good, "read join: there is text after the row at byte"},
		{"unknown field", `"kind"`, `"sort":1,"kind"`, good, `unknown field "sort"`},
		{"no name", `"tunnel"`, `""`, good, `name "" of a join: use 1 to 64 letters`},
		{"bad name", `"tunnel"`, `"a b"`, good, `name "a b" of a join`},
		{"kind", `"edge"`, `"both"`, good, `join tunnel: kind "both" is not known; use same (one node for both) or edge (an edge between the nodes of both)`},
		{"no relation", `"layer2"`, `""`, good, "an edge needs a relation, for example layer2"},
		{"relationship", `"layer2"`, `"part_of"`, good, "relation part_of is a relationship of reports"},
		{"relation type twice", `"attributes":{"Type"`, `"attributes":{"RelationType"`, good, "RelationType is what relation says"},
		{"symmetric", `{"key":"Type","in":["gre"]}],"key":["R`, `{"key":"Type","in":["vxlan"]}],"key":["R`, good, "symmetric, but its sides look at different entities"},
		{"no entity", `"from":{"entity":"ovsinterface"`, `"from":{"entity":""`, good, "from: there is no entity"},
		{"table", `"from":{"entity":"ovsinterface"`, `"from":{"entity":"join"`, good, "from: rows of the table of joins are no nodes"},
		{"no key", `["RemoteIP","LocalIP"]`, `[]`, good, "to: there is no key"},
		{"keys differ", `["RemoteIP","LocalIP"]`, `["RemoteIP"]`, good, "from has 2 expressions in key, to has 1"},
		{"many keys", `["RemoteIP","LocalIP"]`, `["a","a","a","a","a","a","a","a","a"]`, good, "9 expressions in key, more than 8"},
		{"empty expression", `["RemoteIP"`, `[""`, good, "to: key: an expression is empty"},
		{"unknown special", `["RemoteIP"`, `["@Name"`, good, `expression "@Name" is not known`},
		{"unknown function", `["RemoteIP"`, `["upper(Name)"`, good, "function upper is not known"},
		{"function of nothing", `["RemoteIP"`, `["ip()"`, good, `expression "ip()" has no path`},
		{"function in a function", `["RemoteIP"`, `["lower(ip(A))"`, good, `expression "lower(ip(A))" has a function in another`},
		{"function in capitals", `["RemoteIP"`, `["Lower(A)"`, good, "function Lower is not known; an expression"},
		{"function that does not end", `["RemoteIP"`, `["ip(A"`, good, `"ip(A" does not end in a parenthesis`},
		{"condition of nothing", `{"key":"Type","in":["gre"]}],"key":["R`, `{"in":["gre"]}],"key":["R`, good, "to: where: a condition has no key; give"},
		{"empty value", `["gre"]}],"key":["R`, `[""]}],"key":["R`, good, `to: where: Type: value "" is not text`},
		{"priority of an edge", `"kind"`, `"priority":1,"kind"`, good, "priority and prefer are for rows that unify"},
		{"prefer of an edge", `"kind"`, `"prefer":["Type"],"kind"`, good, "priority and prefer are for rows that unify"},
		{"relation of same", `"kind"`, `"relation":"layer2","kind"`, same, "relation, attributes and symmetric describe an edge"},
		{"prefer nothing", `"prefer":["Type"]`, `"prefer":[""]`, same, `prefer: "" is not the name of an attribute`},
		{"priority", `"priority":5`, `"priority":5000000`, same, "priority 5000000 is not between"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(tt.base, tt.old, tt.new, 1)
			require.NotEqual(t, tt.base, text)
			_, err := Parse([]byte(text))
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err = Parse([]byte(same))
	require.NoError(t, err)

	// A row has to fit into an event of the log.
	c := Condition{Key: "Name"}
	for i := range MaxList {
		c.In = append(c.In, fmt.Sprintf("%0100d", i))
	}
	r.From.Where = slices.Repeat([]Condition{c}, MaxConditions)
	r.To.Where = r.From.Where
	require.ErrorContains(t, r.Validate(), "bytes, more than 262144; shorten its conditions")
}

// FuzzParse reads rows: none makes a panic, and one that is read is written and
// read again as the same row.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"name":"n","kind":"same","from":{"entity":"a","key":["ip(x)","@Host"]},"to":{"entity":"b","key":["id(k)","lower(a.b)"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		text := r.JSON()
		again, err := Parse([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, text, again.JSON())
	})
}

// FuzzKeys asks for the keys of any entity under any expressions: they are
// bounded, sorted, distinct, complete, and the same whenever one asks.
func FuzzKeys(f *testing.F) {
	f.Add("ip(A)", "A.B", "A", `{"A":["10.0.0.1/8",{"B":[1,2.5,true]}],"C":"x"}`)
	f.Add("lower(C)", "id(ifindex)", "Nothing", `{"C":"X"}`)
	f.Fuzz(func(t *testing.T, first, second, where, attrs string) {
		s := Side{Entity: "interface", Key: []string{first, second}, Where: []Condition{{Key: where, NotIn: []string{"x"}}}}
		e := &thing{ref: entity.InterfaceRef("h", "1", "2")}
		if s.validate() != nil || e.attrs.UnmarshalJSON([]byte(attrs)) != nil {
			return
		}
		got := s.Keys(e, nil)
		require.LessOrEqual(t, len(got), MaxKeys)
		for i, tuple := range got {
			require.Len(t, tuple, 2)
			for _, v := range tuple {
				require.NotEmpty(t, v)
				require.LessOrEqual(t, len(v), MaxValue)
			}
			if i > 0 {
				require.Negative(t, slices.Compare(got[i-1], tuple))
			}
		}
		require.Equal(t, got, s.Keys(e, nil))
	})
}

// BenchmarkKeys asks for the keys of an interface, as the graph does for every
// event.
func BenchmarkKeys(b *testing.B) {
	s := Side{Entity: "interface", Where: []Condition{{Key: "Type", NotIn: []string{"bridge"}}}, Key: []string{"@Host", "id(namespace)", "id(ifindex)", "Name"}}
	e := iface(b, `{"Name":"eth0","Type":"veth","MAC":"02:00:00:00:00:01"}`)
	var out [][]string
	b.ReportAllocs()
	for b.Loop() {
		if out = s.Keys(e, out[:0]); len(out) != 1 {
			b.Fatal(out)
		}
	}
}

// TestEqual changes one thing after the other.
func TestEqual(t *testing.T) {
	changes := []func(*Row){
		func(r *Row) { r.Name = "x" }, func(r *Row) { r.Description = "x" }, func(r *Row) { r.Kind = Same }, func(r *Row) { r.Priority++ },
		func(r *Row) { r.From.Entity = "x" }, func(r *Row) { r.From.Where[0].In = nil }, func(r *Row) { r.To.Where[0].NotIn = []string{"x"} },
		func(r *Row) { r.To.Key = r.From.Key }, func(r *Row) { r.Relation = "x" }, func(r *Row) { r.Attributes["Type"] = "x" },
		func(r *Row) { r.Symmetric = false }, func(r *Row) { r.Prefer = []string{"x"} },
	}
	for i, change := range changes {
		a, err := Parse([]byte(good))
		require.NoError(t, err)
		b, err := Parse([]byte(good))
		require.NoError(t, err)
		change(b)
		require.False(t, a.Equal(b), "change %d", i)
	}
}
