package wire

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

func sample() entity.Event {
	return entity.Event{
		Ref: entity.InterfaceRef("h", "4026531840", "7"), Source: "netlink",
		Time: time.Unix(1_700_000_000, 42), Interval: 30 * time.Second,
		Attributes: entity.Attrs{
			entity.A("Float", entity.Float(-0.25)), entity.A("IPV4", entity.Strings("10.0.0.1/8", "")),
			entity.A("MTU", entity.Int(-1)), entity.A("Name", entity.String("é\x00")),
			entity.A("Nested", entity.Map(entity.Attrs{entity.A("a", entity.List(entity.Map(nil), entity.Bool(true)))})),
		},
		Relationships: []entity.Relationship{
			{Type: entity.RelPartOf, Target: entity.HostRef("h")},
			{Type: entity.RelPeerOf, Target: entity.InterfaceRef("h", "1", "2"), Attributes: entity.Attrs{entity.A("Type", entity.String("veth"))}},
		},
	}
}

func TestEventRoundTrip(t *testing.T) {
	for _, e := range []entity.Event{sample(), {
		Kind: entity.Delete, Ref: entity.HostRef("h"), Source: "s", Time: time.Unix(-5, 0), Reason: entity.ReasonExpired,
	}} {
		b := AppendEvent(nil, &e)
		r := NewReader(b)
		got := r.Event()
		require.NoError(t, r.Err())
		require.Zero(t, r.Len())
		require.True(t, e.Equal(&got), "%+v", got)
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	e := sample()
	b := AppendEvent(nil, &e)
	for n := range b {
		r := NewReader(b[:n:n])
		r.Event()
		require.ErrorIs(t, r.Err(), ErrCorrupt, "first %d bytes", n)
	}
}

func FuzzEvent(f *testing.F) {
	e := sample()
	f.Add(AppendEvent(nil, &e))
	f.Add([]byte{0, 1, 'x', 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(b)
		e := r.Event()
		if err := r.Err(); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again := NewReader(AppendEvent(nil, &e))
		if got := again.Event(); again.Err() != nil || e.Validate() == nil && !got.Equal(&e) {
			t.Fatalf("does not survive: %+v, then %+v (%v)", e, got, again.Err())
		}
	})
}
