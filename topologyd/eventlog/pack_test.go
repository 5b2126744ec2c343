package eventlog

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// interfaces returns a record of n interfaces as netlink reports them.
func interfaces(n, seed int) *Record {
	rec := &Record{Head: Head{At: time.Unix(1_700_000_000, 0), Revision: 123456, Origin: entity.UUID{1, 2, 3, 4, 5, 6, 7, 8, 9}, Batch: 77}}
	x := uint64(seed)*0x9e3779b97f4a7c15 + 1
	random := func(n uint64) uint64 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return x % n
	}
	for range n {
		host := fmt.Sprintf("%08x-0001-0002-0003-%012x", random(100)*7919, random(100)*104729)
		index := random(2000)
		rec.Events = append(rec.Events, entity.Event{
			Ref: entity.InterfaceRef(host, "4026531840", fmt.Sprint(index)), Source: "netlink",
			Time: time.Unix(1_700_000_000, int64(random(1e9))), Interval: 30 * time.Second,
			Attributes: entity.Attrs{
				entity.A("Driver", entity.String("veth")), entity.A("EncapType", entity.String("ether")),
				entity.A("IPV4", entity.List(entity.String(fmt.Sprintf("10.%d.%d.%d/24", random(255), random(255), random(255))))),
				entity.A("IfIndex", entity.Int(int64(index))),
				entity.A("LinkFlags", entity.List(entity.String("UP"), entity.String("BROADCAST"), entity.String("MULTICAST"))),
				entity.A("MAC", entity.String(fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", random(255), random(255), random(255), random(255), random(255), random(255)))),
				entity.A("MTU", entity.Int(1500)), entity.A("Name", entity.String(fmt.Sprintf("veth%06x", random(1<<24)))),
				entity.A("ParentIndex", entity.Int(int64(random(2000)))), entity.A("State", entity.String("UP")),
				entity.A("Type", entity.String("veth")),
			}.Normalize(),
			Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(host)}},
		})
	}
	return rec
}

func TestPack(t *testing.T) {
	for _, n := range []int{0, 1, 20, 1000} {
		record := AppendRecord(nil, interfaces(n, n))
		message := pack(record)
		require.LessOrEqual(t, len(message), len(record))
		got, err := unpack(message)
		require.NoError(t, err)
		require.True(t, bytes.Equal(record, got))
		if n == 1000 {
			require.Less(t, len(message), len(record)/3)
			_, err = unpack(message[:len(message)/2])
			require.ErrorContains(t, err, "unpack record")
		}
	}
	_, err := unpack(append([]byte{packed}, s2.Encode(nil, make([]byte, MaxRecord+1))...))
	require.ErrorIs(t, err, errTooLong)
	_, err = unpack([]byte{packed})
	require.ErrorContains(t, err, "unpack record")
}

// TestPackedRecordsAreFollowed also bounds what a batch takes in the log.
func TestPackedRecordsAreFollowed(t *testing.T) {
	l := open(t, DefaultConfig(t.TempDir()))
	record := AppendRecord(nil, interfaces(1000, 1))
	_, err := l.Append(context.Background(), bytes.Clone(record))
	require.NoError(t, err)
	require.True(t, bytes.Equal(record, follow(t, l, 0).until(t, 1)[0].Data))
	_, _, size, err := l.Bounds(context.Background())
	require.NoError(t, err)
	require.Less(t, size, uint64(len(record)/3))
}

// TestUnreadableMessageEndsFollow: something else than a daemon wrote it.
func TestUnreadableMessageEndsFollow(t *testing.T) {
	l := open(t, DefaultConfig(t.TempDir()))
	_, err := l.js.Publish(context.Background(), l.cfg.subject("events"), []byte{packed, 0xff, 0xff})
	require.NoError(t, err)
	err = l.Follow(context.Background(), 0, func(Entry) error { return nil })
	require.ErrorContains(t, err, "record 1 of the event log: unpack record")
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack(AppendRecord(nil, interfaces(3, 1))))
	f.Add([]byte{packed, 3, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		record, err := unpack(message)
		if err != nil {
			return
		}
		if len(message) > 0 && message[0] == packed && len(record) > MaxRecord {
			t.Fatalf("%d bytes", len(record))
		}
		if len(record) > 0 && record[0] == packed {
			return // what pack is never given
		}
		again, err := unpack(pack(record))
		if err != nil || !bytes.Equal(record, again) {
			t.Fatalf("does not survive: %v", err)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	record := AppendRecord(nil, interfaces(1000, 1))
	message := pack(record)
	b.Run("pack", func(b *testing.B) {
		b.SetBytes(int64(len(record)))
		for b.Loop() {
			pack(record)
		}
		b.ReportMetric(float64(len(record))/1000, "plainB/event")
		b.ReportMetric(float64(len(message))/1000, "packedB/event")
	})
	b.Run("unpack", func(b *testing.B) {
		b.SetBytes(int64(len(record)))
		for b.Loop() {
			if _, err := unpack(message); err != nil {
				b.Fatal(err)
			}
		}
	})
}
