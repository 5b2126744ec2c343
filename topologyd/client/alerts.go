package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Alert is one alert of a graph rule.
type Alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	// State is pending, firing, or for some minutes resolved.
	State string `json:"state"`
	// ActiveAt is since when the thing was found, FiredAt and ResolvedAt are when
	// that came about.
	ActiveAt   time.Time `json:"activeAt"`
	FiredAt    time.Time `json:"firedAt"`
	ResolvedAt time.Time `json:"resolvedAt"`
	Group      string    `json:"group"`
	// Subject is the thing: the ID of a node or an edge.
	Subject      string `json:"subject"`
	GeneratorURL string `json:"generatorURL"`
}

// AlertFilter chooses alerts; "" is all.
type AlertFilter struct {
	// State is pending, firing or resolved, Name the label alertname, Host the label
	// host.
	State, Name, Host string
	// Limit is how many are wanted at most, 0: as the server has it.
	Limit int
}

// AlertList are alerts.
type AlertList struct {
	Alerts []Alert `json:"alerts"`
	// More tells that there are more than were wanted.
	More bool `json:"more"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// ActiveAlerts returns the alerts that there are.
func (c *Client) ActiveAlerts(ctx context.Context, f AlertFilter) (*AlertList, error) {
	q := url.Values{}
	for name, value := range map[string]string{"state": f.State, "alertname": f.Name, "host": f.Host} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	out := new(AlertList)
	var err error
	if out.Raw, err = c.getJSON(ctx, "/api/v1/alerts/active", q, out); err != nil {
		return nil, err
	}
	return out, nil
}

// AlertRules are all graph rules of a server.
type AlertRules struct {
	Groups []AlertGroup `json:"groups"`
	Files  []RuleFile   `json:"files"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// AlertGroup is one group of rules.
type AlertGroup struct {
	Name string `json:"name"`
	// File is the path of its file on the server, or "definition".
	File string `json:"file"`
	// Interval is in seconds.
	Interval float64     `json:"interval"`
	Rules    []AlertRule `json:"rules"`
}

// AlertRule is one graph rule. Durations are seconds.
type AlertRule struct {
	Name string `json:"name"`
	// State is inactive, pending or firing.
	State         string            `json:"state"`
	Query         string            `json:"query"`
	Was           string            `json:"was"`
	Duration      float64           `json:"duration"`
	KeepFiringFor float64           `json:"keepFiringFor"`
	KeepGoneFor   float64           `json:"keepGoneFor,omitempty"`
	Labels        map[string]string `json:"labels"`
	Annotations   map[string]string `json:"annotations"`
	// Way is followed or evaluated.
	Way string `json:"way"`
	// Alerts is how many it has, pending and firing.
	Alerts int `json:"alerts"`
	// Health is ok, unknown or error; then LastError says why.
	Health    string   `json:"health"`
	LastError string   `json:"lastError"`
	Problems  []string `json:"problems"`
	// EvaluationTime is how long the last whole result took.
	EvaluationTime float64   `json:"evaluationTime"`
	LastEvaluation time.Time `json:"lastEvaluation"`
	// Definition is the ID of the definition that it is, "" for one of a file.
	Definition string `json:"definition"`
}

// RuleFile is a file of rules on the server.
type RuleFile struct {
	Path  string `json:"path"`
	Rules int    `json:"rules"`
	// Error is why its present version is not used, Failed since when.
	Error  string    `json:"error"`
	Failed time.Time `json:"failed"`
}

// AlertRules returns all graph rules and how they do.
func (c *Client) AlertRules(ctx context.Context) (*AlertRules, error) {
	out := new(AlertRules)
	var err error
	if out.Raw, err = c.getJSON(ctx, "/api/v1/alerts/rules", nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// AlertTrial is what a rule would alert now.
type AlertTrial struct {
	// Way is followed or evaluated, Why says why it is not followed.
	Way string `json:"way"`
	Why string `json:"why"`
	// Found is how many things the query finds, More that there are more alerts than
	// Alerts holds.
	Found    int      `json:"found"`
	More     bool     `json:"more"`
	Alerts   []Alert  `json:"alerts"`
	Problems []string `json:"problems"`
	// Took is how long the query took, in milliseconds.
	Took float64 `json:"took_ms"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// CheckAlert tells what a rule would alert on the present graph. spec is the
// specification of a definition; nothing is changed.
func (c *Client) CheckAlert(ctx context.Context, spec json.RawMessage) (*AlertTrial, error) {
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/alerts/check", JSON, bytes.NewReader(spec))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := new(AlertTrial)
	if out.Raw, err = c.readAll(resp.Body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out.Raw, out); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return out, nil
}
