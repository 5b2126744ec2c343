package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/proctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg Config) *Log {
	t.Helper()
	l := New(cfg, slog.New(slog.DiscardHandler), nil)
	if err := l.Record(Record{}); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if err := l.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// read returns the records of a file.
func read(t *testing.T, path string) (out []Record) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		out = append(out, r)
	}
	return out
}

func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "audit.log")
	l := open(t, DefaultConfig(path))
	for _, r := range []Record{
		{Action: PacketsFetch, Outcome: OK, Actor: Actor{Remote: "192.0.2.1:5", UserAgent: "curl"}, Capture: "web", Hosts: 2},
		{Action: PacketsEnd, Outcome: OK, Packets: 3, Bytes: 180},
		{Action: CaptureCreate, Outcome: Failed, Reason: strings.Repeat("ä", maxText)},
	} {
		if err := l.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, path)
	if len(got) != 3 || got[0].Remote != "192.0.2.1:5" || got[0].UserAgent != "curl" || got[1].Packets != 3 || time.Since(got[0].Time) > time.Minute {
		t.Errorf("%+v", got)
	}
	if n := len(got[2].Reason); n > maxText+len("…") || !strings.HasSuffix(got[2].Reason, "ä…") {
		t.Errorf("a text of %d bytes", n)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	proctest.Eventually(t, 5*time.Second, "it is synced", func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.timer != nil {
			return errors.New("not yet")
		}
		return nil
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(Record{Action: PacketsFetch, Outcome: OK}); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

// TestTorn opens a log whose last line was cut off.
func TestTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte("{\"action\":\"a\"}\n{\"acti"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := open(t, DefaultConfig(path))
	if err := l.Record(Record{Action: "b"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 4 || lines[1] != `{"acti` || !strings.Contains(lines[2], `"action":"b"`) {
		t.Errorf("%q", lines)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error("others may read it")
	}
	if err := New(DefaultConfig(filepath.Join(path, "no")), slog.Default(), nil).Open(); err == nil {
		t.Error("opened below a file")
	}
}

func TestRotate(t *testing.T) {
	for _, keep := range []int{0, 1, 3} {
		dir := t.TempDir()
		path := filepath.Join(dir, "audit.log")
		l := open(t, Config{Path: path, MaxBytes: 1000, Keep: keep})
		for i := range 100 {
			if err := l.Record(Record{Action: fmt.Sprint(i), Outcome: OK}); err != nil {
				t.Fatal(err)
			}
		}
		files, err := filepath.Glob(path + "*")
		if err != nil || len(files) != keep+1 {
			t.Errorf("%d files, %v; want %d", len(files), err, keep+1)
		}
		next := 99
		for _, f := range files { // the newest first
			info, err := os.Stat(f)
			if err != nil || info.Size() > 1000 || info.Mode().Perm() != 0o600 {
				t.Error(f, info.Size(), info.Mode())
			}
			list := read(t, f)
			for i := len(list) - 1; i >= 0; i-- {
				if list[i].Action != fmt.Sprint(next) {
					t.Fatalf("%s has %s, want %d", f, list[i].Action, next)
				}
				next--
			}
		}
	}
}

// TestRotateAgain rotates after a try that failed between renaming and opening.
func TestRotateAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, Config{Path: path, MaxBytes: 10, Keep: 2})
	if err := errors.Join(l.Record(Record{Action: "new"}), os.Rename(path, path+".1"), os.WriteFile(path+".2", []byte("older"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(Record{Action: "newest"}); err != nil {
		t.Fatal(err)
	}
	if old, err := os.ReadFile(path + ".2"); err != nil || string(old) != "older" {
		t.Errorf("%q, %v", old, err)
	}
	if a, b := read(t, path), read(t, path+".1"); len(a) != 1 || a[0].Action != "newest" || len(b) != 1 || b[0].Action != "new" {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	cfg := DefaultConfig(path)
	cfg.Refusals, cfg.RefusalRate = 3, 1
	now := time.Unix(6000, 0)
	l := New(cfg, slog.New(slog.DiscardHandler), func() time.Time { return now })
	if err := l.Open(); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 10 {
		if err := l.Record(Record{Action: PacketsFetch, Outcome: []string{Refused, Failed}[i%2]}); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Minute)
	if err := l.Record(Record{Action: PacketsFetch, Outcome: Refused}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); len(got) != 4 || got[3].Suppressed != 7 || got[2].Suppressed != 0 {
		t.Errorf("%+v", got)
	}
}

// TestRefusedFlood: a day of requests of somebody who proved nothing leaves room for
// what was done, and does not hide who was refused of those who are known.
func TestRefusedFlood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	now := time.Unix(6000, 0)
	l := New(DefaultConfig(path), slog.New(slog.DiscardHandler), func() time.Time { return now })
	if err := l.Open(); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	record := func(r Record) {
		t.Helper()
		if err := l.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	record(Record{Action: CaptureCreate, Outcome: OK, Name: "first"})
	hostile := Record{Action: AuthRefused, Outcome: Refused, Reason: "none", Endpoint: "GET /api/v1/query",
		Actor: Actor{Remote: "192.0.2.1:50000", UserAgent: strings.Repeat("<\xff", 1<<10)}}
	for range 24 * 60 {
		for range 20 {
			record(hostile)
		}
		now = now.Add(time.Minute)
	}
	record(Record{Action: AuthRefused, Outcome: Refused, Reason: "role", Actor: Actor{User: "mallory"}})
	all := read(t, path)
	if last := all[len(all)-1]; all[0].Name != "first" || last.User != "mallory" || last.Suppressed == 0 {
		t.Errorf("%+v … %+v", all[0], last)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 10<<20 {
		t.Errorf("%d bytes of a day, %v", info.Size(), err)
	}
}

// TestDiskFull: what cannot be written is told, and a refusal counted.
func TestDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, DefaultConfig(path))
	good := l.file
	l.file = full
	for _, action := range []string{PacketsFetch, AuthRefused, DefinitionCreate} {
		if err := l.Record(Record{Action: action, Outcome: map[bool]string{true: Refused, false: OK}[action == AuthRefused]}); err == nil {
			t.Errorf("%s is taken for written", action)
		}
	}
	if err := full.Close(); err != nil {
		t.Error(err)
	}
	l.file = good
	if err := l.Record(Record{Action: DefinitionDelete, Outcome: OK}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); len(got) != 1 || got[0].Suppressed != 1 {
		t.Errorf("%+v", got)
	}
	if n := l.Tally(); n != (Tally{Written: 1, Failed: 4}) { // one before it was open
		t.Errorf("%+v", n)
	}
}

func TestTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, Config{Path: path, MaxBytes: 5000, Keep: 50})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := l.Record(Record{Action: CaptureDelete, Outcome: OK}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	files, _ := filepath.Glob(path + "*")
	n := 0
	for _, f := range files {
		n += len(read(t, f))
	}
	if n != 200 {
		t.Errorf("%d records of 200", n)
	}
}

func TestActor(t *testing.T) {
	if a := ActorOf(t.Context()); a != (Actor{}) {
		t.Error(a)
	}
	want := Actor{Remote: "r", UserAgent: "u"}
	if a := ActorOf(WithActor(t.Context(), want)); a != want {
		t.Error(a)
	}
}

// TestLogLine is what the daemon's own log has of a record.
func TestLogLine(t *testing.T) {
	var out strings.Builder
	l := New(DefaultConfig(filepath.Join(t.TempDir(), "audit.log")), slog.New(slog.NewTextHandler(&out, nil)), nil)
	if err := l.Open(); err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the end of the test
	if err := l.Record(Record{Action: PacketsEnd, Outcome: OK, Actor: Actor{User: "alice", UserAgent: "curl"}, Capture: "c", Packets: 3}); err != nil {
		t.Fatal(err)
	}
	if want := "msg=audit action=packets.end outcome=ok user=alice capture=c packets=3\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("%s", out.String())
	}
}
