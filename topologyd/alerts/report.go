package alerts

import (
	"time"
)

// Healths of a rule, in the words of Prometheus' rules API.
const (
	HealthOK = "ok"
	// HealthUnknown: it has no result yet.
	HealthUnknown = "unknown"
	// HealthError: it cannot be run, or the last try failed.
	HealthError = "error"
)

// Report are all rules by groups, in the shape of Prometheus' /api/v1/rules.
type Report struct {
	Groups []GroupReport `json:"groups"`
	// Files are the files of rules.
	Files []FileReport `json:"files"`
}

// GroupReport is one group. Durations are seconds.
type GroupReport struct {
	Name string `json:"name"`
	// File is the path of its file, or "definition".
	File     string       `json:"file"`
	Interval float64      `json:"interval"`
	Limit    int          `json:"limit,omitempty"`
	Rules    []RuleReport `json:"rules"`
}

// RuleReport is one rule. Durations are seconds.
type RuleReport struct {
	// State is that of the alert that is furthest on its way: inactive, pending,
	// firing.
	State string `json:"state"`
	Name  string `json:"name"`
	Query string `json:"query"`
	Was   string `json:"was,omitempty"`
	// Changed and Absent are as the rule has them.
	Changed       []string          `json:"changed,omitempty"`
	Absent        bool              `json:"absent,omitempty"`
	Duration      float64           `json:"duration"`
	KeepFiringFor float64           `json:"keepFiringFor"`
	KeepGoneFor   float64           `json:"keepGoneFor,omitempty"`
	Limit         int               `json:"limit,omitempty"`
	Labels        map[string]string `json:"labels"`
	Annotations   map[string]string `json:"annotations"`
	// Way is how it is kept current: followed, or evaluated.
	Way string `json:"way,omitempty"`
	// Alerts is how many it has, pending and firing.
	Alerts int `json:"alerts"`
	// Health is ok, unknown or error; LastError says why.
	Health    string `json:"health"`
	LastError string `json:"lastError,omitempty"`
	// Problems are what could not be done as the rule says, though it runs.
	Problems []string `json:"problems,omitempty"`
	// EvaluationTime is how long the last whole result took.
	EvaluationTime float64   `json:"evaluationTime"`
	LastEvaluation time.Time `json:"lastEvaluation,omitzero"`
	// Type is "alerting".
	Type string `json:"type"`
	// Definition is the ID of the definition that it is.
	Definition string `json:"definition,omitempty"`
}

// FileReport tells how a file does.
type FileReport struct {
	Path string `json:"path"`
	// Rules is how many it has, of the last version that could be read.
	Rules int `json:"rules"`
	// Error is why the present version is not used, Failed since when.
	Error  string     `json:"error,omitempty"`
	Failed *time.Time `json:"failed,omitempty"`
}

// Active is one alert that there is.
type Active struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	// State is pending, firing or resolved, the last for some minutes.
	State string `json:"state"`
	// ActiveAt is since when it was found; FiredAt and ResolvedAt are when that
	// came about.
	ActiveAt   time.Time `json:"activeAt"`
	FiredAt    time.Time `json:"firedAt,omitzero"`
	ResolvedAt time.Time `json:"resolvedAt,omitzero"`
	// Group is that of its rule, Subject the thing: the ID of an element.
	Group        string `json:"group"`
	Subject      string `json:"subject,omitempty"`
	GeneratorURL string `json:"generatorURL,omitempty"`
}

// Filter chooses alerts; "" is all.
type Filter struct {
	// State, Name and Host are those of an alert: its state, and its labels alertname
	// and host.
	State, Name, Host string
	// Limit is how many are wanted, 0: all.
	Limit int
}

func (f *Filter) wants(a *Active) bool {
	return (f.State == "" || a.State == f.State) && (f.Name == "" || a.Labels["alertname"] == f.Name) && (f.Host == "" || a.Labels["host"] == f.Host)
}

// Status tells how a definition does.
type Status struct {
	// State is ok, pending (no result yet) or failed; then Error says why.
	State string `json:"state"`
	// Matched is how many alerts it has, Firing how many of them fire.
	Matched int    `json:"matched"`
	Firing  int    `json:"firing"`
	Way     string `json:"way,omitempty"`
	Error   string `json:"error,omitempty"`
	// Problems are as in [RuleReport].
	Problems []string `json:"problems,omitempty"`
}

// Trial is what a rule would alert now, were it new and had no For.
type Trial struct {
	// Way is how it would be kept current, and why when it would not be followed.
	Way string `json:"way"`
	Why string `json:"why,omitempty"`
	// Found is how many things the query finds, More that there are more alerts than
	// are told here.
	Found  int      `json:"found"`
	More   bool     `json:"more"`
	Alerts []Active `json:"alerts"`
	// Problems are as in [RuleReport].
	Problems []string `json:"problems,omitempty"`
	// Took is how long the query took, in milliseconds.
	Took float64 `json:"took_ms"`
}

// Ways to keep a rule current.
const (
	WayFollowed  = "followed"
	WayEvaluated = "evaluated"
)
