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

// Alert is one alert of a rule. Labels, its identity everywhere, are the same for
// all of its life.
type Alert struct {
	Labels      map[string]string
	Annotations map[string]string
	State       State
	// Since is when the thing was found, Fired when the alert began to fire,
	// Resolved when it ended; zero when that has not happened.
	Since, Fired, Resolved time.Time
	// Subject names the thing: its [Subject.Key].
	Subject string
}
