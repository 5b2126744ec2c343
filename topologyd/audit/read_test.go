package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// filled is a log in several files, with a record a second: r0 is the oldest.
func filled(t *testing.T, n int) (*Log, time.Time) {
	t.Helper()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := begin
	cfg := DefaultConfig(filepath.Join(t.TempDir(), "audit.log"))
	cfg.MaxBytes, cfg.Keep = 2000, 50
	l := New(cfg, slog.New(slog.DiscardHandler), func() time.Time { return now })
	if err := l.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for i := range n {
		r := Record{Action: DefinitionCreate, Outcome: OK, ID: fmt.Sprint("r", i), Actor: Actor{User: "alice"}}
		if i%3 == 0 {
			r.Action, r.Outcome, r.User = PacketsEnd, Failed, "bob"
		}
		if err := l.Record(r); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	return l, begin
}

func ids(list []Record) string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return strings.Join(out, " ")
}

func TestRead(t *testing.T) {
	l, begin := filled(t, 100)
	if files, err := filepath.Glob(l.cfg.Path + ".*"); err != nil || len(files) < 3 {
		t.Fatalf("%d older files, %v: nothing is tested", len(files), err)
	}
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	for _, tt := range []struct {
		name string
		q    Query
		want string
		more bool
	}{
		{"the newest", Query{Limit: 3}, "r99 r98 r97", true},
		{"those before", Query{Limit: 3, Before: at(97)}, "r96 r95 r94", true},
		{"the oldest", Query{Limit: 3, Before: at(2)}, "r1 r0", false},
		{"just all", Query{Limit: 2, Before: at(2)}, "r1 r0", false},
		{"since", Query{Limit: 9, Since: at(98)}, "r99 r98", false},
		{"by a user", Query{Limit: 2, User: "bob"}, "r99 r96", true},
		{"by an action", Query{Limit: 2, Action: DefinitionCreate}, "r98 r97", true},
		{"by the beginning of an action", Query{Limit: 2, Action: "packets."}, "r99 r96", true},
		{"an action is no beginning", Query{Limit: 2, Action: "packets"}, "", false},
		{"by an outcome, across files", Query{Limit: 99, Outcome: Failed, Before: at(10)}, "r9 r6 r3 r0", false},
	} {
		got, more, err := l.Read(t.Context(), tt.q)
		if err != nil || ids(got) != tt.want || more != tt.more {
			t.Errorf("%s: %s, more %v, %v; want %s, %v", tt.name, ids(got), more, err, tt.want, tt.more)
		}
	}
	all, _, err := l.Read(t.Context(), Query{Limit: 1000})
	if err != nil || len(all) != 100 || all[99].User != "bob" {
		t.Errorf("%d records, %v", len(all), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.Read(ctx, Query{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestReadDamaged reads a log with lines that are none.
func TestReadDamaged(t *testing.T) {
	l, _ := filled(t, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(l.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	damaged := slices.Concat([]byte("\n\nhalf\n{}\n"), lines[0], []byte("{\"time\":3}\n"), bytes.Repeat([]byte("x"), maxLine+2*readPiece), []byte("\n"), lines[1], []byte(`{"time":"2026-`))
	if err := os.WriteFile(l.cfg.Path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	got, more, err := l.Read(t.Context(), Query{Limit: 10})
	if err != nil || more || ids(got) != "r1 r0" {
		t.Errorf("%s %v %v", ids(got), more, err)
	}
}

// FuzzBackwards holds the lines from the end against those from the beginning.
func FuzzBackwards(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), uint16(3))
	f.Add([]byte("\n"), uint16(40000))
	f.Fuzz(func(t *testing.T, b []byte, repeat uint16) {
		if len(b) > 1<<10 {
			b = b[:1<<10]
		}
		b = bytes.Repeat(b, 1+int(repeat)%300)
		var want, got []string
		for line := range bytes.SplitSeq(b, []byte("\n")) {
			if len(line) > 0 {
				want = append(want, string(line))
			}
		}
		for line, err := range backwards(bytes.NewReader(b), int64(len(b))) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(line))
		}
		slices.Reverse(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d lines, want %d", len(got), len(want))
		}
	})
}

// TestRefusalsApart holds that a flood of requests that are not let in does not keep
// refused downloads from being written.
func TestRefusalsApart(t *testing.T) {
	l := New(DefaultConfig(filepath.Join(t.TempDir(), "audit.log")), slog.New(slog.DiscardHandler), nil)
	for range 7 {
		if err := l.Record(Record{Action: AuthRefused, Outcome: Refused}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for range 10 * l.cfg.Refusals {
		if err := l.Record(Record{Action: AuthRefused, Outcome: Refused}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Record(Record{Action: PacketsFetch, Outcome: Refused}); err != nil {
		t.Fatal(err)
	}
	got, _, err := l.Read(t.Context(), Query{Limit: 1000})
	if err != nil || got[0].Action != PacketsFetch || got[0].Suppressed == 0 {
		t.Errorf("%+v, %v", got[0], err)
	}
	if first := got[len(got)-1]; first.Suppressed != 7 {
		t.Errorf("%d were refused before it was open", first.Suppressed)
	}
	if n := len(got) - 1; n < l.cfg.Refusals || n > 3*l.cfg.Refusals { // the minute may have turned
		t.Errorf("%d refusals were written", n)
	}
}
