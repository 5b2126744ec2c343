package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Types of messages about flows.
const (
	TypeFlows = "flows"
	TypeLost  = "lost"
	TypeError = "error"
)

// FlowMessage is one message of those who follow flows.
type FlowMessage struct {
	Type string `json:"type"`
	// Flows are reports in the order in which they came.
	Flows []Flow `json:"flows"`
	// Count is, with TypeLost, how many reports were left out.
	Count int64 `json:"count"`
	// Code and Message are, with TypeError, why the server ends it.
	Code    string `json:"code"`
	Message string `json:"message"`
}

// FollowFlows follows the reports of flows.
type FollowFlows struct {
	FlowFilter
	// Handle is called with every message of reports, and of lost ones.
	Handle func(*FlowMessage) error
	// Broken, if not nil, is called when the connection broke, with the time
	// until the next attempt. What comes meanwhile is not heard of.
	Broken func(err error, wait time.Duration)
	// MinWait and MaxWait bound the time between two attempts; 0: half a
	// second, 15 seconds.
	MinWait, MaxWait time.Duration
}

// FollowFlows follows until ctx ends, Handle fails, the first connection cannot
// be made, or the server refuses for good.
func (c *Client) FollowFlows(ctx context.Context, f FollowFlows) error {
	r := newReconnect(f.MinWait, f.MaxWait, f.Broken)
	return r.run(ctx, func() error {
		return c.followFlows(ctx, f.values(), r.opened, func(m *FlowMessage) error { return r.handled(f.Handle(m)) })
	})
}

// maxFlowLine bounds one message: 500 flows with large details.
const maxFlowLine = 64 << 20

// followFlows follows over one connection.
func (c *Client) followFlows(ctx context.Context, query url.Values, opened func(), handle func(*FlowMessage) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(c.cfg.Timeout, func() { cancel(fmt.Errorf("no answer within %v", c.cfg.Timeout)) })
	defer quiet.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url("/api/v1/flows/follow", query), nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if req.Header, err = c.header(); err != nil {
		return err
	}
	req.Header.Set("Accept", NDJSON)
	resp, err := c.watch.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.base.Redacted(), because(ctx, plain(err)))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errorOf(resp)
	}
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, NDJSON) {
		return fmt.Errorf("ask %s: the answer is %q, not %s; is this a topologyd?", c.base.Redacted(), got, NDJSON)
	}
	opened()
	silence := time.AfterFunc(c.cfg.Silence, func() { cancel(fmt.Errorf("nothing was heard for %v", c.cfg.Silence)) })
	defer silence.Stop()
	quiet.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, int(min(c.cfg.MaxAnswer, maxFlowLine)))
	for lines.Scan() {
		silence.Reset(c.cfg.Silence)
		var m FlowMessage
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("follow %s: read message: %w", c.base.Redacted(), err)
		}
		switch m.Type {
		case TypeFlows, TypeLost:
			if err := handle(&m); err != nil {
				return err
			}
		case TypeError:
			return fmt.Errorf("follow %s: %s", c.base.Redacted(), m.Message)
		}
	}
	err = lines.Err()
	if err == nil {
		err = errors.New("the server ended it")
	}
	return fmt.Errorf("follow %s: %w", c.base.Redacted(), because(ctx, err))
}

// because is why a context ended, if it did, else err.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
