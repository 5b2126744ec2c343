package client

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// FlowSeriesQuery asks for what moved over time: the values of some fields that
// moved the most in the whole time, each in steps.
type FlowSeriesQuery struct {
	FlowFilter
	// From and To are given as in [Query]; without both, the last hour is asked
	// about.
	From, To string
	// By and Metric are as in [TopQuery]; without By there is one series of
	// everything.
	By, Metric string
	// Step is how long a step is: a duration of whole seconds such as 30s, 1m or
	// 1h. "" is the server's choice, about a hundred steps.
	Step string
	// Limit is the most series; 0 is the server's default.
	Limit int
	// Dedup is that of [TopQuery].
	Dedup bool
}

// FlowSeries is the answer to a [FlowSeriesQuery].
type FlowSeries struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Start is when the first step begins, a multiple of the step since 1970. It
	// may be before From: only what moved in [From, To] counts.
	Start       time.Time `json:"start"`
	StepSeconds int64     `json:"step_seconds"`
	// By are the fields, Metric is what was summed.
	By     []string `json:"by"`
	Metric string   `json:"metric"`
	// Dedup and Sampled are those of [FlowTop].
	Dedup   bool  `json:"dedup,omitempty"`
	Sampled int64 `json:"sampled,omitempty"`
	// Series are the largest, the largest first.
	Series []FlowSeriesRow `json:"series"`
	// Others is what all the rest moved in each step; nil when there is none.
	Others []int64 `json:"others,omitempty"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// FlowSeriesRow is one combination of values and what it moved in each step.
type FlowSeriesRow struct {
	// Key has no value for a field that its flows have not got.
	Key entity.Attrs `json:"key"`
	// Total is that of the whole time, as [Client.TopFlows] gives it.
	Total int64 `json:"total"`
	// Points are as many as there are steps. They add up to Total, unless flows
	// are counted: one flow counts in every step in which it moved.
	Points []int64 `json:"points"`
}

// Step returns when a step begins.
func (s *FlowSeries) Step(i int) time.Time {
	return s.Start.Add(time.Duration(i) * time.Duration(s.StepSeconds) * time.Second)
}

// FlowSeries asks for what moved over time.
func (c *Client) FlowSeries(ctx context.Context, q FlowSeriesQuery) (*FlowSeries, error) {
	v := q.values()
	maps.Copy(v, url.Values{"from": {q.From}, "to": {q.To}, "by": {q.By}, "metric": {q.Metric}, "step": {q.Step}, "limit": {limitText(q.Limit)}, "dedup": {dedupText(q.Dedup)}})
	s := &FlowSeries{}
	var err error
	if s.Raw, err = c.getJSON(ctx, "/api/v1/flows/series", v, s); err != nil {
		return nil, err
	}
	return s, nil
}
