package alert

import "time"

// Group is a list of rules under a name, as in Prometheus' rule files.
type Group struct {
	Name string
	// Interval is how often rules are evaluated that cannot be followed, and all
	// others although nothing changed; 0: as the daemon is configured.
	Interval time.Duration
	// Limit is that of rules without one.
	Limit int
	// Labels are added to those of every rule, whose own win.
	Labels map[string]string
	Rules  []Rule
}

// Rule is one graph rule: a query, and an alert for each thing it finds.
type Rule struct {
	// Alert is the name, the label alertname.
	Alert string
	// Expr is a Gremlin query. Each node, edge, row, value or group of its result is
	// one alert.
	Expr string
	// Was is a second query, for nodes or edges like Expr: only what it found
	// before, at some time since the thing appeared, is an alert.
	Was string
	// Changed are keys of elements, or fields of rows: it is an alert, for
	// KeepFiringFor, when the value of one changes while the query finds the thing.
	Changed []string
	// Absent turns the rule around: it is one alert that the query finds nothing.
	Absent bool
	// For is how long a thing has to be found before its alert fires,
	// KeepFiringFor how long it still does when it no longer is.
	For, KeepFiringFor time.Duration
	// KeepGoneFor is how long the alert of an element fires that left the graph
	// while it did. It ends when the element is there again, and not found.
	KeepGoneFor time.Duration
	// Limit is how many alerts the rule may have at a time, 0: as the group says.
	// What is over it is not alerted, counted, and told as a problem of the rule.
	Limit int
	// Labels and Annotations are Go templates (text/template) over the thing.
	Labels, Annotations map[string]string
}
