package source

// maxCatchUp bounds how many times a Clock tells the time for one step.
const maxCatchUp = 6000

// Clock tells a worker a time that is not that of the day, such as a file's. The
// zero value is a clock that has not begun. It is not for concurrent use.
type Clock struct {
	now   int64
	begun bool
}

// Now returns the time in Unix nanoseconds.
func (c *Clock) Now() int64 { return c.now }

// Begun reports whether the clock shows a time.
func (c *Clock) Begun() bool { return c.begun }

// To moves the clock to a time in Unix nanoseconds and calls the worker's Tick
// for each TickInterval that passed, so that a table that does a bounded piece
// of work each time also gets through a gap of ten minutes; for longer gaps the
// steps are longer. A time in the past, or less than a TickInterval ahead,
// changes nothing.
func (c *Clock) To(w Worker, now int64) {
	if !c.begun {
		c.begun, c.now = true, now
		w.Tick(now)
		return
	}
	const step = int64(TickInterval)
	gap := now - c.now
	if now <= c.now {
		return
	}
	if gap < 0 { // more than 292 years
		c.now = now
		w.Tick(now)
		return
	}
	n := gap / step
	if n > maxCatchUp {
		for i := range int64(maxCatchUp - 1) {
			w.Tick(c.now + gap/maxCatchUp*(i+1))
		}
		c.now = now
		w.Tick(now)
		return
	}
	for range n {
		c.now += step
		w.Tick(c.now)
	}
}
