package probe

import (
	"container/heap"
	"time"
)

// task is something that is to happen at a time. It is embedded in what it is
// about; run is called on the loop's goroutine.
type task struct {
	due time.Time
	// last is when the task ran last, cost how long that took.
	last time.Time
	cost time.Duration
	run  func(now time.Time)
	// pos is the place in the schedule plus one, 0 when it is not in there.
	pos int
}

// schedule is a heap of tasks by due time. It belongs to the loop's goroutine.
type schedule struct{ tasks []*task }

// at makes t due at a time, or leaves it as it is when it is due earlier.
func (s *schedule) at(t *task, due time.Time) {
	switch {
	case t.pos == 0:
		t.due = due
		heap.Push(s, t)
	case due.Before(t.due):
		t.due = due
		heap.Fix(s, t.pos-1)
	}
}

// pace makes t due now, but not sooner than min after it ran last, and not so
// often that it takes more than a tenth of the time.
func (s *schedule) pace(t *task, now time.Time, min time.Duration) {
	due := t.last.Add(max(min, 10*t.cost))
	if due.Before(now) {
		due = now
	}
	s.at(t, due)
}

// cancel takes t out.
func (s *schedule) cancel(t *task) {
	if t.pos > 0 {
		heap.Remove(s, t.pos-1)
	}
}

// next returns when the next task is due; ok is false when there is none.
func (s *schedule) next() (due time.Time, ok bool) {
	if len(s.tasks) == 0 {
		return time.Time{}, false
	}
	return s.tasks[0].due, true
}

// runDue runs what is due, for at most about the given time.
func (s *schedule) runDue(now time.Time, limit time.Duration) {
	start := now
	for len(s.tasks) > 0 && !s.tasks[0].due.After(start) && now.Sub(start) < limit {
		t := s.tasks[0]
		heap.Pop(s)
		t.run(now)
		end := time.Now()
		t.last, t.cost = end, end.Sub(now)
		now = end
	}
}

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (s *schedule) Len() int           { return len(s.tasks) }
func (s *schedule) Less(i, j int) bool { return s.tasks[i].due.Before(s.tasks[j].due) }
func (s *schedule) Swap(i, j int) {
	s.tasks[i], s.tasks[j] = s.tasks[j], s.tasks[i]
	s.tasks[i].pos, s.tasks[j].pos = i+1, j+1
}

// Push appends a task.
func (s *schedule) Push(x any) {
	t := x.(*task)
	s.tasks = append(s.tasks, t)
	t.pos = len(s.tasks)
}

// Pop takes the last task away.
func (s *schedule) Pop() any {
	t := s.tasks[len(s.tasks)-1]
	s.tasks[len(s.tasks)-1] = nil
	s.tasks = s.tasks[:len(s.tasks)-1]
	t.pos = 0
	return t
}
