package entity_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

func TestReservedSources(t *testing.T) {
	for source, reserved := range map[string]bool{"netlink": false, "fabric": true, "rule.x": true, "rule": false, "fabrics": false} {
		e := entity.Event{Ref: entity.HostRef("a"), Source: source}
		if err := e.Validate(); err != nil {
			t.Error(err)
		}
		if err := e.ValidateReport(); (err != nil) != reserved {
			t.Errorf("%s: %v", source, err)
		}
		if entity.IsGuest(source, entity.TypeHost) != reserved || entity.IsGuest(source, entity.TypeFabric) && source == "fabric" {
			t.Errorf("%s: guest", source)
		}
	}
}

// TestJoinSources: only the daemon says which rows there are and which edges
// they make.
func TestJoinSources(t *testing.T) {
	for source, reserved := range map[string]bool{"join": true, "join.x": true, "joins": false, "lldp/h": false} {
		e := entity.Event{Ref: entity.JoinRef("x"), Source: source}
		if err := e.ValidateReport(); (err != nil) != reserved {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestRank(t *testing.T) {
	for i, source := range []string{"docker", "containerd", "runc", "a/host"} {
		if got := entity.Rank(source); got != i {
			t.Errorf("%s has rank %d, want %d", source, got, i)
		}
	}
	if entity.Rank("netlink") != 0 {
		t.Error("who owns an entity does not come first")
	}
}

// TestRefs: different things have different identities.
func TestRefs(t *testing.T) {
	seen := make(map[entity.UUID]entity.Ref)
	for _, ref := range []entity.Ref{
		entity.ContainerRef("a"), entity.SwitchRef("a"), entity.SwitchPortRef("a", "b"), entity.SwitchPortRef("b", "a"), entity.JoinRef("a"),
		entity.RowRef(entity.TypeOvsPort, "a", "b"), entity.RowRef(entity.TypeOvsBridge, "a", "b"), entity.RowRef(entity.TypeOvsPort, "b", "a"),
	} {
		e := entity.Event{Ref: ref, Source: "test"}
		if err := e.Validate(); err != nil {
			t.Errorf("%v: %v", ref, err)
		}
		if other, ok := seen[ref.UUID()]; ok {
			t.Errorf("%v and %v have one ID", ref, other)
		}
		seen[ref.UUID()] = ref
	}
}

func TestRelationshipEdge(t *testing.T) {
	self, other := entity.HostRef("a"), entity.HostRef("b")
	s, o := self.UUID(), other.UUID()
	low, high := s, o
	if slices.Compare(low[:], high[:]) > 0 {
		low, high = high, low
	}
	for _, c := range []struct {
		rel, want     string
		parent, child entity.UUID
	}{
		{entity.RelPartOf, entity.Ownership, o, s},
		{entity.RelMemberOf, entity.Layer2, o, s},
		{entity.RelFunctionOf, entity.VF, o, s},
		{entity.RelPeerOf, entity.Layer2, low, high},
		{"runs_on", "runs_on", s, o},
	} {
		got := (&entity.Relationship{Type: c.rel, Target: other}).Edge(s)
		if want := (entity.Edge{ID: entity.EdgeID(c.parent, c.child, c.want), Parent: c.parent, Child: c.child, RelationType: c.want}); got != want {
			t.Errorf("%s: got %+v, want %+v", c.rel, got, want)
		}
	}
	if a, b := (&entity.Relationship{Type: entity.RelPeerOf, Target: other}).Edge(s), (&entity.Relationship{Type: entity.RelPeerOf, Target: self}).Edge(o); a != b {
		t.Errorf("the two ends of a pair assert %+v and %+v", a, b)
	}
}

func event() entity.Event {
	return entity.Event{
		Ref: entity.HostRef("h"), Source: "s", Time: time.Unix(1, 0), Interval: time.Minute, Reason: "",
		Attributes:    entity.Attrs{{Key: "a", Value: entity.Int(1)}, {Key: "b", Value: entity.List(entity.String("x"))}},
		Relationships: []entity.Relationship{{Type: "r", Target: entity.HostRef("g"), Attributes: entity.Attrs{{Key: "k", Value: entity.Int(1)}}}},
	}
}

func TestEventEqual(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*entity.Event)
		sameState bool
	}{
		"nothing":      {func(*entity.Event) {}, true},
		"time":         {func(e *entity.Event) { e.Time = time.Unix(2, 0) }, true},
		"source":       {func(e *entity.Event) { e.Source = "t" }, true},
		"kind":         {func(e *entity.Event) { e.Kind = entity.Delete }, false},
		"interval":     {func(e *entity.Event) { e.Interval = 0 }, false},
		"reason":       {func(e *entity.Event) { e.Reason = "x" }, false},
		"attribute":    {func(e *entity.Event) { e.Attributes = e.Attributes.With("a", entity.Float(1)) }, false},
		"relationship": {func(e *entity.Event) { e.Relationships = nil }, false},
		"target":       {func(e *entity.Event) { e.Relationships[0].Target = entity.HostRef("f") }, false},
		"edge":         {func(e *entity.Event) { e.Relationships[0].Attributes = nil }, false},
	} {
		a, b := event(), event()
		c.change(&b)
		if got := a.SameState(&b); got != c.sameState {
			t.Errorf("%s: SameState %v", name, got)
		}
		if got := a.Equal(&b); got != (name == "nothing") {
			t.Errorf("%s: Equal %v", name, got)
		}
	}
}

func TestValidate(t *testing.T) {
	e := event()
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	nest := func(n int) entity.Value {
		v := entity.Int(1)
		for range n {
			v = entity.List(v)
		}
		return v
	}
	attr := func(key string, v entity.Value) func(*entity.Event) {
		return func(e *entity.Event) { e.Attributes = entity.Attrs{{Key: key, Value: v}} }
	}
	one := entity.Int(1)
	for want, change := range map[string]func(*entity.Event){
		"":                      func(e *entity.Event) { e.Time = time.Time{} },
		" ":                     attr("deep", nest(entity.MaxDepth-1)),
		"  ":                    func(e *entity.Event) { e.Time = time.Unix(0, 1) },
		"no valid entity type":  func(e *entity.Event) { e.Type = "" },
		"no valid entity type ": func(e *entity.Event) { e.Type = "\xff" },
		"no identifying":        func(e *entity.Event) { e.ID = nil },
		"33 identifying":        func(e *entity.Event) { e.ID = make(entity.Identity, 33) },
		"identifying attributes are not sorted": func(e *entity.Event) {
			e.ID = entity.Identity{{Key: "b"}, {Key: "a"}}
		},
		`or "a" is there twice`:                      func(e *entity.Event) { e.ID = entity.Identity{{Key: "a"}, {Key: "a"}} },
		"identifying attribute a is not valid UTF-8": func(e *entity.Event) { e.ID = entity.NewIdentity("a", "\xff") },
		"no source":                 func(e *entity.Event) { e.Source = "" },
		`source "\xff"`:             func(e *entity.Event) { e.Source = "\xff" },
		"is negative":               func(e *entity.Event) { e.Interval = -time.Second },
		"is not whole seconds":      func(e *entity.Event) { e.Interval = 1500 * time.Millisecond },
		"1969-12-31":                func(e *entity.Event) { e.Time = time.Unix(-1, 0).UTC() },
		"is not between 1970":       func(e *entity.Event) { e.Time = time.Unix(0, 0) },
		"2262":                      func(e *entity.Event) { e.Time = time.Unix(0, math.MaxInt64).Add(1) },
		"delete reason":             func(e *entity.Event) { e.Reason = "\xff" },
		"4097 attributes":           func(e *entity.Event) { e.Attributes = make(entity.Attrs, 4097) },
		"attributes are not sorted": func(e *entity.Event) { e.Attributes = entity.Attrs{{Key: "b", Value: one}, {Key: "a", Value: one}} },
		"attribute a: invalid entity event: no value": attr("a", entity.Value{}),
		"+Inf is not":                      attr("a", entity.Float(math.Inf(1))),
		"NaN is not":                       attr("a", entity.List(entity.Float(math.NaN()))),
		"not valid UTF-8":                  attr("a", entity.Map(entity.Attrs{{Key: "b", Value: entity.String("\xff")}})),
		"empty key":                        attr("", one),
		"key of 257 bytes":                 attr(strings.Repeat("k", 257), one),
		`key "\xff" is not`:                attr("\xff", one),
		`ends in a backslash`:              attr(`a\`, one),
		`key "a\n" has a control`:          attr("a\n", one),
		`key "\x7f" has a`:                 attr("\x7f", one),
		"nested more than 16":              attr("deep", nest(entity.MaxDepth)),
		"65537 relationships":              func(e *entity.Event) { e.Relationships = make([]entity.Relationship, 65537) },
		"relationship 0 has no valid type": func(e *entity.Event) { e.Relationships[0].Type = "" },
		"relationship 0: invalid entity event: no valid entity type": func(e *entity.Event) { e.Relationships[0].Target = entity.Ref{} },
		"relationship 0: attribute k: invalid entity event: no value": func(e *entity.Event) {
			e.Relationships[0].Attributes = entity.Attrs{{Key: "k"}}
		},
	} {
		e := event()
		change(&e)
		err := e.Validate()
		if want = strings.TrimSpace(want); want == "" {
			if err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, entity.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{"eth0": "eth0", "é": "é", "a\xffb": "a\uFFFDb"} {
		if got := entity.CleanText(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestInterfaceCounters(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range entity.InterfaceCounters() {
		// The key is the field in CamelCase.
		if key := camel(c.Field); key != c.Key && c.Field != "rx_nohandler" || seen[c.Field] {
			t.Errorf("%+v", c)
		}
		seen[c.Field] = true
	}
	// struct rtnl_link_stats64 up to rx_nohandler.
	if len(seen) != 24 {
		t.Errorf("%d counters", len(seen))
	}
}

func camel(s string) string {
	var b strings.Builder
	for _, w := range strings.Split(s, "_") {
		fmt.Fprintf(&b, "%s%s", strings.ToUpper(w[:1]), w[1:])
	}
	return b.String()
}

func TestValidateBoundsTheSize(t *testing.T) {
	text := strings.Repeat("x", entity.MaxSize/2)
	e := entity.Event{Ref: entity.HostRef("h"), Source: "s", Attributes: entity.Attrs{entity.A("a", entity.String(text))}}
	if err := e.Validate(); err != nil {
		t.Fatalf("half of the bound: %v", err)
	}
	for name, spoil := range map[string]func(*entity.Event){
		"two strings": func(e *entity.Event) { e.Attributes = append(e.Attributes, entity.A("b", entity.String(text))) },
		"list":        func(e *entity.Event) { e.Attributes = append(e.Attributes, entity.A("b", entity.Strings("", text))) },
		"numbers": func(e *entity.Event) {
			e.Attributes = append(e.Attributes, entity.A("b", entity.List(make([]entity.Value, entity.MaxSize/8)...)))
		},
		"map": func(e *entity.Event) {
			e.Attributes = append(e.Attributes, entity.A("b", entity.Map(entity.Attrs{entity.A("k", entity.String(text))})))
		},
		"reason": func(e *entity.Event) { e.Reason = text },
		"target": func(e *entity.Event) {
			e.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(text)}}
		},
		"relationship": func(e *entity.Event) {
			e.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef("h"), Attributes: entity.Attrs{entity.A("k", entity.String(text))}}}
		},
	} {
		big := e
		spoil(&big)
		if err := big.Validate(); !errors.Is(err, entity.ErrInvalid) || !strings.Contains(err.Error(), "bytes of text") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
