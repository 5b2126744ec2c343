package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
)

// flowSeries prints top talkers step by step.
func (a *app) flowSeries(ctx context.Context, x *flowFlags) error {
	return show(a, x.output, question[*client.FlowSeries]{
		ask: func(c *client.Client) (*client.FlowSeries, error) {
			return c.FlowSeries(ctx, client.FlowSeriesQuery{FlowFilter: x.filter, From: x.from, To: x.to, By: x.by, Metric: x.metric, Step: x.step, Limit: x.top, Dedup: x.dedup})
		},
		raw: func(s *client.FlowSeries) json.RawMessage { return s.Raw },
		text: func(s *client.FlowSeries) []byte {
			if len(s.Series) == 0 {
				fmt.Fprintln(a.env.Stderr, "nothing found")
				return nil
			}
			a.tellSampled(s.Sampled)
			var b bytes.Buffer
			appendSeries(&b, s)
			return b.Bytes()
		},
	})
}

// appendSeries writes a table in which each step has a row for each series that
// moved in it, and one for all others.
func appendSeries(b *bytes.Buffer, s *client.FlowSeries) {
	t := table{header: append([]string{"TIME", strings.ToUpper(s.Metric)}, s.By...), always: true}
	value := func(n int64) string {
		if strings.HasSuffix(s.Metric, "bytes") {
			return size(n)
		}
		return strconv.FormatInt(n, 10)
	}
	for i := range s.Series[0].Points {
		when := s.Step(i).UTC().Format(time.DateTime)
		add := func(n int64, key func(name string) string) {
			row := []string{when, value(n)}
			for _, name := range s.By {
				row = append(row, key(name))
			}
			t.add(row...)
			when = ""
		}
		for j := range s.Series {
			r := &s.Series[j]
			if i < len(r.Points) && r.Points[i] != 0 {
				add(r.Points[i], func(name string) string { return cell(r.Key.Get(name)) })
			}
		}
		if i < len(s.Others) && s.Others[i] != 0 {
			add(s.Others[i], func(name string) string {
				if name == s.By[0] {
					return "others"
				}
				return ""
			})
		}
		if when != "" {
			add(0, func(string) string { return "" })
		}
	}
	t.write(b)
}
