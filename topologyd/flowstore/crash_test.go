package flowstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/proctest"
)

// childVariable names the directory in which the test program, run again,
// writes until it is killed.
const childVariable = "FLOWSTORE_TEST_CHILD"

const childFlows = 400

// child writes flows, says so when they are on disk, and goes on writing.
func child(dir string) {
	cfg := DefaultConfig()
	cfg.Dir, cfg.MinFreeBytes, cfg.FlushInterval = dir, 1<<20, time.Second
	s, err := New(cfg, testLogger())
	if err == nil {
		err = s.Start(context.Background())
	}
	if err != nil {
		fmt.Println("error", err)
		return
	}
	w := newWorld(11, time.Now().Add(-20*time.Minute).UnixNano(), time.Minute)
	for round := 0; ; round++ {
		if err := s.Write(context.Background(), w.flows(childFlows)); err != nil {
			fmt.Println("error", err)
			return
		}
		for s.Stats().Volatile > 0 && round == 0 {
			time.Sleep(20 * time.Millisecond)
		}
		fmt.Println("written", w.from)
	}
}

func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs a process and kills it")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	from := int64(0)
	for range 20 {
		if !lines.Scan() {
			t.Fatal("the child ended")
		}
		if _, err := fmt.Sscanf(lines.Text(), "written %d", &from); err != nil {
			t.Fatal(lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	s := open(t, func(c *Config) { c.Dir = dir })
	w := newWorld(11, from, time.Minute)
	m := newModel(s.cfg)
	m.records = w.flows(childFlows)
	q := flowrecord.Query{From: from, To: from + int64(10*time.Minute)}
	for _, r := range m.flows(&q) {
		q.IDs = append(q.IDs, r.ID)
	}
	checkFlows(t, s, m, &q) // the first ones are all there
	if st := s.Stats(); st.Rows < uint64(len(m.records)) || st.Volatile != 0 {
		t.Errorf("%d rows, %d of them in memory only, want %d at least and none", st.Rows, st.Volatile, len(m.records))
	}
	write(t, s, m.records)
	checkFlows(t, s, m, &q)
}

func TestReopen(t *testing.T) {
	s := open(t, nil)
	w := newWorld(12, time.Now().Add(-20*time.Minute).UnixNano(), time.Minute)
	m := newModel(s.cfg)
	m.records = w.flows(100)
	if err := s.Write(t.Context(), m.records); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.Stop()
	if err := s.Write(t.Context(), m.records); !errors.Is(err, ErrStopped) {
		t.Errorf("write after Stop: %v", err)
	}
	for _, err := range s.Flows(t.Context(), &flowrecord.Query{To: 1}) {
		if !errors.Is(err, ErrStopped) {
			t.Errorf("flows after Stop: %v", err)
		}
	}
	if st := s.Stats(); st.Refused["stopped"] != uint64(len(m.records)) {
		t.Errorf("refused %v", st.Refused)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err == nil {
		t.Error("started twice")
	}
	checkFlows(t, s, m, &flowrecord.Query{From: w.from, To: w.from + int64(10*time.Minute)})
}

func TestWrongDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.MkdirAll(filepath.Join(other, "partitions", "photos"), 0o750); err != nil {
		t.Fatal(err)
	}
	first := open(t, nil)
	for _, c := range []struct{ dir, want string }{
		{file, "make directory"},
		{other, "photos"},
		{first.cfg.Dir, "exclusive access"},
	} {
		cfg := first.cfg
		cfg.Dir = c.dir
		s, err := New(cfg, testLogger())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.dir, err, c.want)
		}
		s.Stop()
	}
}

func TestFullDisk(t *testing.T) {
	s := open(t, nil)
	w := newWorld(13, time.Now().Add(-20*time.Minute).UnixNano(), time.Minute)
	m := newModel(s.cfg)
	m.records = w.flows(50)
	write(t, s, m.records)
	s.Stop()
	full := open(t, func(c *Config) { c.Dir, c.MinFreeBytes = s.cfg.Dir, 1<<60 })
	if err := full.Write(t.Context(), w.flows(5)); !errors.Is(err, ErrFull) {
		t.Errorf("write: %v", err)
	}
	if st := full.Stats(); !st.ReadOnly || st.Refused["disk_full"] == 0 || st.Written != 0 {
		t.Errorf("stats %+v", st)
	}
	checkFlows(t, full, m, &flowrecord.Query{From: w.from, To: w.from + int64(10*time.Minute)})
}

func TestRetention(t *testing.T) {
	day := 24 * time.Hour
	s := open(t, func(c *Config) { c.RetentionAge = 30 * day })
	for _, ago := range []time.Duration{31 * day, 20 * day, 5 * day, 3 * day, day, 0, -2 * day} {
		w := newWorld(uint64(14+ago), time.Now().Add(-ago-time.Hour).UnixNano(), time.Second)
		write(t, s, w.flows(1)[:1])
	}
	st := s.Stats()
	if st.Refused["too_old"] != 1 || st.Refused["in_future"] != 1 || st.Rows-st.RollupRows != 5 || st.Oldest == 0 {
		t.Errorf("stats %+v", st)
	}
	s.Stop()
	kept := func(s *Store, want uint64) {
		t.Helper()
		proctest.Eventually(t, 20*time.Second, "old days go", func() error {
			if st := s.Stats(); st.Rows-st.RollupRows != want || st.RollupRows > want {
				return fmt.Errorf("%d rows, %d of them sums, want %d", st.Rows, st.RollupRows, want)
			}
			return nil
		})
	}
	age := open(t, func(c *Config) { c.Dir, c.RetentionAge = s.cfg.Dir, 10*day })
	kept(age, 4)
	age.Stop()
	kept(open(t, func(c *Config) { c.Dir, c.RetentionAge, c.RetentionBytes = s.cfg.Dir, 10*day, 1 }), 2)
}

func TestBounds(t *testing.T) {
	s := open(t, func(c *Config) { c.MaxFlows = 20 })
	w := newWorld(15, time.Now().Add(-20*time.Minute).UnixNano(), time.Minute)
	rs := w.flows(100)
	long := w.flow()[0]
	long.Application = strings.Repeat("x", 3<<20)
	none := w.flow()[0]
	none.ID = flowrecord.ID{}
	write(t, s, append(rs, long, none))
	if st := s.Stats(); st.Refused["too_long"] != 1 || st.Refused["no_id"] != 1 || st.Written != uint64(len(rs)) {
		t.Errorf("stats %+v", st)
	}
	q := flowrecord.Query{From: w.from, To: w.from + int64(10*time.Minute)}
	err := firstError(s, t.Context(), &q)
	if !errors.Is(err, ErrTooMuch) {
		t.Errorf("too many flows: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := firstError(s, ended, &q); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	late, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if err := firstError(s, late, &q); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
}

func firstError(s *Store, ctx context.Context, q *flowrecord.Query) error { //nolint:revive // the store first
	for _, err := range s.Flows(ctx, q) {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestStopWhileAsked stops a store of which somebody reads an answer slowly.
func TestStopWhileAsked(t *testing.T) {
	s := open(t, nil)
	w := newWorld(16, time.Now().Add(-20*time.Minute).UnixNano(), time.Minute)
	write(t, s, w.flows(20_000))
	stopped := make(chan struct{})
	n := 0
	for _, err := range s.Flows(t.Context(), &flowrecord.Query{From: w.from, To: w.from + int64(10*time.Minute)}) {
		if err != nil {
			if !errors.Is(err, ErrStopped) && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			break
		}
		if n++; n == 1 {
			go func() {
				s.Stop()
				close(stopped)
			}()
			<-stopped
		}
	}
	if n == 20_000 {
		t.Error("the answer went on")
	}
	<-stopped
}

// TestTogether writes, asks and breaks off at the same time.
func TestTogether(t *testing.T) {
	s := open(t, nil)
	w := newWorld(17, time.Now().Add(-20*time.Minute).UnixNano(), time.Minute)
	rs := w.flows(2000)
	done := make(chan error, 8)
	for i := range 4 {
		go func() {
			for c := range 20 {
				if err := s.Write(t.Context(), rs[(i*20+c)*20:(i*20+c+1)*20]); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		go func() {
			for range 20 {
				for _, err := range s.Flows(t.Context(), &flowrecord.Query{From: w.from, To: w.from + int64(10*time.Minute), Nodes: w.nodes[i : i+1]}) {
					if err != nil {
						done <- err
						return
					}
					break
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Rows != 1600 || st.Running != 0 || st.Waiting != 0 {
		t.Errorf("stats %+v", st)
	}
}
