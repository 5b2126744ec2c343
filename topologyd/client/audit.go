package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// AuditQuery chooses records of who did what. What is zero chooses all.
type AuditQuery struct {
	// Since and Before are times as in [Query].
	Since, Before string
	// User and Outcome (ok, refused, failed) are as in the record, Action too, or its
	// part up to a dot, with the dot: "packets.".
	User, Action, Outcome string
	// Limit is how many records there are at most, 0 the server's default.
	Limit int
}

// AuditRecord is who did what, or was refused.
type AuditRecord struct {
	Time      time.Time `json:"time"`
	Action    string    `json:"action"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason"`
	User      string    `json:"user"`
	Method    string    `json:"method"`
	Remote    string    `json:"remote"`
	UserAgent string    `json:"user_agent"`
	// Endpoint is what was refused, Kind, ID and Name are of a definition, Capture and
	// Name of a capture.
	Endpoint string `json:"endpoint"`
	Kind     string `json:"kind"`
	ID       string `json:"id"`
	Capture  string `json:"capture"`
	Name     string `json:"name"`
	// Packets and Bytes are what was handed out.
	Packets int64 `json:"packets"`
	Bytes   int64 `json:"bytes"`
	// Suppressed counts refusals before this record that were too many to be written.
	Suppressed int64 `json:"suppressed"`
	// Raw is the whole record.
	Raw json.RawMessage `json:"-"`
}

// Audit returns records, the newest first, and whether there are older ones. Only
// administrators may ask.
func (c *Client) Audit(ctx context.Context, q AuditQuery) (records []AuditRecord, more bool, err error) {
	var answer struct {
		Records []json.RawMessage
		More    bool
	}
	_, err = c.getJSON(ctx, "/api/v1/audit", url.Values{
		"since": {q.Since}, "before": {q.Before}, "user": {q.User}, "action": {q.Action}, "outcome": {q.Outcome}, "limit": {limitText(q.Limit)},
	}, &answer)
	if err != nil {
		return nil, false, err
	}
	records = make([]AuditRecord, len(answer.Records))
	for i, raw := range answer.Records {
		if err := json.Unmarshal(raw, &records[i]); err != nil {
			return nil, false, fmt.Errorf("read answer: %w", err)
		}
		records[i].Raw = raw
	}
	return records, answer.More, nil
}
