package entity_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

// The answers come from Python, whose uuid module knows nothing of this code:
//
//	ns = uuid.uuid5(uuid.NAMESPACE_DNS, 'skein.net')
//	N = lambda *p: b''.join(b'%d:%s' % (len(x), x) for x in p)
//	uuid.uuid5(ns, N(b'host', b'host.id', b'h1'))
func TestKnownUUIDs(t *testing.T) {
	const (
		host  = "c5090a19-e955-5f08-802f-b3df7b79e98e" // uuid5(ns, N(b'host', b'host.id', b'h1'))
		netns = "93164aa4-2e89-5c96-b691-b2a5fbc0b7f6" // uuid5(ns, N(b'netns', b'device', b'4', b'host.id', b'h1', b'inode', b'4026531840'))
		link  = "21ca1412-2580-5633-8ce6-30681cb24356" // uuid5(ns, N(b'interface', b'host.id', b'h1', b'ifindex', b'2', b'namespace', b'4026531840'))
		odd   = "8e384970-6884-55fb-b688-ec93481c6646" // uuid5(ns, N('bé'.encode(), b'k', b''))
		edge  = "690bd3fe-f370-59e1-b9af-6d35bcec655b" // uuid5(ns, host.bytes + netns.bytes + b'ownership')
		tid   = "dbafad6a-7f7a-5f30-b53b-06f65a323fa2" // uuid5(ns, N(b'web-1', b'host'))
		eth0  = "1ccac14e-6517-51a2-844e-2139fba64df9" // uuid5(ns, N(tid.bytes, b'eth0', b'device'))
	)
	h, n := entity.HostRef("h1").UUID(), entity.NetNSRef("h1", "4026531840", "4").UUID()
	for _, c := range []struct {
		name, want string
		got        entity.UUID
	}{
		{"host", host, h},
		{"netns", netns, n},
		{"interface", link, entity.InterfaceRef("h1", "4026531840", "2").UUID()},
		{"beyond ASCII", odd, entity.Ref{Type: "bé", ID: entity.NewIdentity("k", "")}.UUID()},
		{"edge", edge, entity.EdgeID(h, n, entity.Ownership)},
		{"host TID", tid, entity.HostTID("web-1")},
		{"interface TID", eth0, entity.TID(entity.HostTID("web-1"), "eth0", "device")},
	} {
		if c.got.String() != c.want {
			t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
		}
	}
}

func TestUUIDKeepsPartsApart(t *testing.T) {
	seen := map[entity.UUID]entity.Ref{}
	for _, r := range []entity.Ref{
		{Type: "a", ID: entity.NewIdentity("b", "c")},
		{Type: "ab", ID: entity.NewIdentity("", "c")},
		{Type: "a", ID: entity.NewIdentity("bc", "")},
		{Type: "a", ID: entity.NewIdentity("", "bc")},
		{Type: "a", ID: entity.NewIdentity("b", "c1:d1:e")},
		{Type: "a", ID: entity.NewIdentity("b", "c", "d", "e")},
		{Type: "a"},
		{},
	} {
		if o, ok := seen[r.UUID()]; ok {
			t.Errorf("%v and %v have one ID", o, r)
		}
		seen[r.UUID()] = r
	}
}

func TestIdentityOrder(t *testing.T) {
	a := entity.NewIdentity("b", "2", "a", "1", "b", "3")
	if got := a.Get("b"); len(a) != 2 || a[0].Key != "a" || got != "3" || a.Get("c") != "" {
		t.Errorf("got %v", a)
	}
}

func TestParseUUID(t *testing.T) {
	const good = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	u, err := entity.ParseUUID(good)
	if err != nil || u.String() != good || u.IsZero() {
		t.Errorf("got %s: %v", u, err)
	}
	if u2, err := entity.ParseUUID(strings.ToUpper(good)); err != nil || u2 != u {
		t.Errorf("capitals: %s: %v", u2, err)
	}
	for _, bad := range []string{
		"", good[1:], good + "0", "6ba7b8109dad11d180b400c04fd430c8", "{" + good[1:35] + "}", "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
		"6ba7b8100-dad-11d1-80b4-00c04fd430c8", "------------------------------------", " ba7b810-9dad-11d1-80b4-00c04fd430c8",
	} {
		if u, err := entity.ParseUUID(bad); err == nil || !u.IsZero() {
			t.Errorf("%q: got %s: %v", bad, u, err)
		}
	}
	b, err := json.Marshal(map[string]entity.UUID{"u": u})
	if err != nil || string(b) != `{"u":"`+good+`"}` {
		t.Errorf("JSON %s: %v", b, err)
	}
	keep := u
	if err := u.UnmarshalText([]byte(good[:35] + "x")); err == nil || u != keep {
		t.Error("a failed parse changed the value")
	}
}

func FuzzParseUUID(f *testing.F) {
	f.Add("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := entity.ParseUUID(s)
		if err == nil && u.String() != strings.ToLower(s) {
			t.Errorf("%q became %s", s, u)
		}
	})
}

func BenchmarkUUID(b *testing.B) {
	r := entity.InterfaceRef("4c4c4544-0051-4e10-8052-b7c04f4d3932", "4026531840", "17")
	b.ReportAllocs()
	for b.Loop() {
		r.UUID()
	}
}
