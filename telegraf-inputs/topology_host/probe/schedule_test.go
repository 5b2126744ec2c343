package probe

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestScheduleOrder(t *testing.T) {
	var s schedule
	base := time.Now().Add(-time.Hour)
	var ran []int
	tasks := make([]*task, 200)
	for i := range tasks {
		tasks[i] = &task{run: func(time.Time) { ran = append(ran, i) }}
	}
	for _, i := range rand.Perm(len(tasks)) {
		s.at(tasks[i], base.Add(time.Duration(i)*time.Second))
	}
	s.at(tasks[7], base.Add(time.Hour*24)) // later: stays
	s.at(tasks[150], base.Add(-time.Second))
	s.cancel(tasks[3])
	s.cancel(tasks[3])
	s.runDue(time.Now(), time.Minute)
	want := []int{150}
	for i := range tasks {
		if i != 150 && i != 3 {
			want = append(want, i)
		}
	}
	if !slices.Equal(ran, want) {
		t.Errorf("ran %v", ran)
	}
	if _, ok := s.next(); ok {
		t.Error("something is left")
	}
}

func TestSchedulePace(t *testing.T) {
	var s schedule
	now := time.Now()
	runs := 0
	x := &task{run: func(time.Time) { runs++ }}

	s.pace(x, now, 20*time.Millisecond)
	if due, _ := s.next(); due.After(now) {
		t.Error("the first change waits")
	}
	s.runDue(now, time.Second)
	s.pace(x, x.last.Add(time.Millisecond), 20*time.Millisecond)
	s.pace(x, x.last.Add(2*time.Millisecond), 20*time.Millisecond)
	if due, _ := s.next(); !due.Equal(x.last.Add(20 * time.Millisecond)) {
		t.Errorf("the second is due after %v, want 20ms", due.Sub(x.last))
	}
	if runs != 1 {
		t.Errorf("%d runs, want 1", runs)
	}
	// What is expensive happens less often.
	s.cancel(x)
	x.cost = 50 * time.Millisecond
	s.pace(x, x.last, 20*time.Millisecond)
	if due, _ := s.next(); !due.Equal(x.last.Add(500 * time.Millisecond)) {
		t.Errorf("a task that takes 50 ms is due after %v, want 500ms", due.Sub(x.last))
	}
}

// TestScheduleTasksMaySchedule reschedules from within a task.
func TestScheduleTasksMaySchedule(t *testing.T) {
	var s schedule
	runs := 0
	x := &task{}
	x.run = func(now time.Time) {
		if runs++; runs < 3 {
			s.at(x, now.Add(-time.Second))
		}
	}
	s.at(x, time.Now())
	s.runDue(time.Now(), time.Minute)
	if runs != 3 {
		t.Errorf("%d runs, want 3", runs)
	}
}

func TestPool(t *testing.T) {
	p := newPool(3)
	var n atomic.Int64
	done := make(chan struct{})
	for range 100 {
		p.add(func() {
			if n.Add(1) == 100 {
				close(done)
			}
		})
	}
	<-done
	p.stop()
	p.add(func() { t.Error("a job ran after stop") })
}

func TestConfigValidate(t *testing.T) {
	good := DefaultConfig()
	if err := good.Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	for name, change := range map[string]func(*Config){
		"buffer":   func(c *Config) { c.ReceiveBuffer = -1 },
		"entries":  func(c *Config) { c.MaxEntries = 0 },
		"debounce": func(c *Config) { c.Debounce = -1 },
		"relist":   func(c *Config) { c.Relist = 0 },
		"scan":     func(c *Config) { c.Discovery.ScanInterval = 0 },
		"metadata": func(c *Config) { c.Metadata = map[string]string{`rack\\`: "b12"} },
	} {
		c := DefaultConfig()
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := New(c, newWorld(), &testLog{t: t}); err == nil {
			t.Errorf("%s: New took it", name)
		}
	}
	if _, err := New(good, nil, nil); err == nil {
		t.Error("New took no sink")
	}
}
