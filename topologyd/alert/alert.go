package alert

import "time"

// State is where an alert is on its way.
type State uint8

// The states, in order.
const (
	// Pending: found for less than For.
	Pending State = iota
	// Firing: people are to be told.
	Firing
	// Resolved: it was firing, and people are to be told that it no longer is.
	Resolved
)

// String returns the word that API and state file have.
func (s State) String() string {
	switch s {
	case Firing:
		return "firing"
	case Resolved:
		return "resolved"
	default:
		return "pending"
	}
}

// ParseState reads what String returns.
func ParseState(text string) (State, bool) {
	for _, s := range []State{Pending, Firing, Resolved} {
		if s.String() == text {
			return s, true
		}
	}
	return 0, false
}

// Alert is one alert of a rule. Labels, its identity everywhere, are the same for
// all of its life. Its maps must not be changed.
type Alert struct {
	Labels      map[string]string
	Annotations map[string]string
	State       State
	// Since is when the thing was found, Fired when the alert began to fire,
	// Resolved when it ended; zero when that has not happened.
	Since, Fired, Resolved time.Time
	// Subject names the thing: its [Subject.Key]. Of several things with the same
	// labels, which are one alert, it is the first by key.
	Subject string
	// Thing is that thing as it was found last, nil for what was restored and not
	// found yet.
	Thing *Subject
}

// Transition is a step of an alert. An alert that is new goes from Pending to
// Pending, or at once to Firing. One that ended before it fired goes from Pending to
// Resolved, and its Fired is zero.
type Transition struct {
	Alert    Alert
	From, To State
}
