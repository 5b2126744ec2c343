package eventlog

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/wire"
)

func sampleRecord() *Record {
	return &Record{
		Head: Head{At: time.Unix(1_700_000_000, 5), Revision: 77, Origin: entity.UUID{1, 2, 3}, Batch: 9},
		Events: []entity.Event{
			{Ref: entity.HostRef("h"), Source: "host", Time: time.Unix(1, 2), Attributes: entity.Attrs{entity.A("Name", entity.String("h"))}},
			{Kind: entity.Delete, Ref: entity.HostRef("g"), Source: "host", Time: time.Unix(3, 4)},
		},
		Flags: []Flag{0, Force},
	}
}

func requireSame(t *testing.T, want, got *Record) {
	t.Helper()
	require.True(t, want.At.Equal(got.At))
	require.Equal(t, want.Revision, got.Revision)
	require.Equal(t, want.Origin, got.Origin)
	require.Equal(t, want.Batch, got.Batch)
	require.Len(t, got.Events, len(want.Events))
	for i := range got.Events {
		require.True(t, got.Events[i].Equal(&want.Events[i]))
		require.Equal(t, want.Flag(i), got.Flag(i))
	}
}

func TestRecord(t *testing.T) {
	rec := sampleRecord()
	b := AppendRecord(nil, rec)
	got, err := DecodeRecord(b)
	require.NoError(t, err)
	requireSame(t, rec, got)
	for n := range b {
		_, err := DecodeRecord(b[:n:n])
		require.ErrorIs(t, err, wire.ErrCorrupt)
	}
	_, err = DecodeRecord(append(bytes.Clone(b), 0))
	require.ErrorIs(t, err, wire.ErrCorrupt)

	for _, version := range []byte{0, recordVersion + 1} {
		newer := bytes.Clone(b)
		newer[0] = version
		_, err = DecodeRecord(newer)
		require.ErrorContains(t, err, "this daemon reads versions 1 to 2")
		require.NotErrorIs(t, err, wire.ErrCorrupt)
	}
	rec.Flags[1] = 0x82
	_, err = DecodeRecord(AppendRecord(nil, rec))
	require.ErrorContains(t, err, "event 1 of a record has the unknown flag 0x82")
}

// appendHead1 appends the head of a record of version 1, as it was written.
func appendHead1(b []byte, at time.Time, revision uint64, n int) []byte {
	b = wire.AppendInt(append(b, 1), at.UnixNano())
	return wire.AppendUint(wire.AppendUint(b, revision), uint64(n))
}

// TestRecordVersion1 reads what the daemon wrote before records had an origin.
func TestRecordVersion1(t *testing.T) {
	want := sampleRecord()
	want.Origin, want.Batch, want.Flags = entity.UUID{}, 0, nil
	b := appendHead1(nil, want.At, want.Revision, len(want.Events))
	for i := range want.Events {
		b = wire.AppendEvent(b, &want.Events[i])
	}
	got, err := DecodeRecord(b)
	require.NoError(t, err)
	require.Nil(t, got.Flags)
	requireSame(t, want, got)
	for n := range b {
		_, err := DecodeRecord(b[:n:n])
		require.ErrorIs(t, err, wire.ErrCorrupt)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	rec := sampleRecord()
	f.Add(AppendRecord(nil, rec))
	f.Add(AppendEvent(AppendHeader(nil, &rec.Head, 1), Force, &rec.Events[0]))
	f.Add(wire.AppendEvent(appendHead1(nil, time.Unix(1, 0), 1, 1), &rec.Events[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := DecodeRecord(b)
		head, headErr := DecodeHead(b)
		if err != nil {
			return
		}
		if headErr != nil || head != rec.Head {
			t.Fatalf("the head alone is %v, %v", head, headErr)
		}
		if len(rec.Events) > len(b) || rec.Flags != nil && len(rec.Flags) != len(rec.Events) {
			t.Fatalf("%d events and %d flags out of %d bytes", len(rec.Events), len(rec.Flags), len(b))
		}
		once := AppendRecord(nil, rec)
		again, err := DecodeRecord(once)
		if err != nil {
			t.Fatalf("does not survive: %v", err)
		}
		if !bytes.Equal(once, AppendRecord(nil, again)) {
			t.Fatal("the second encoding is another one")
		}
	})
}
