package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/skein-net/skein/topologyd/client"
)

// flowFollower prints reports as they come.
type flowFollower struct {
	app  *app
	json bool
	out  bytes.Buffer
}

func (a *app) followFlows(ctx context.Context, x *flowFlags) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	w := &flowFollower{app: a, json: x.output == "json"}
	err = c.FollowFlows(ctx, client.FollowFlows{
		FlowFilter: x.filter,
		Handle:     w.message,
		Broken: func(err error, wait time.Duration) {
			w.say("the connection broke: %v; trying again in %v", err, wait.Round(100*time.Millisecond))
		},
	})
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // interrupted, which is how it ends
	}
	return err
}

func (w *flowFollower) say(format string, args ...any) {
	fmt.Fprintf(w.app.env.Stderr, "topologyctl: %s\n", printable(fmt.Sprintf(format, args...), false))
}

func (w *flowFollower) message(m *client.FlowMessage) error {
	if m.Type == client.TypeLost {
		w.say("%d reports were left out: this end is too slow", m.Count)
		return nil
	}
	w.out.Reset()
	for i := range m.Flows {
		if err := w.report(&m.Flows[i]); err != nil {
			return err
		}
	}
	_, err := w.app.env.Stdout.Write(w.out.Bytes())
	return err
}

// report prints one report: what is new of the flow.
func (w *flowFollower) report(f *client.Flow) error {
	if w.json {
		var b bytes.Buffer
		if err := json.Compact(&b, f.Raw); err != nil {
			return fmt.Errorf("read flow: %w", err)
		}
		w.out.Write(append(printableJSON(b.Bytes()), '\n'))
		return nil
	}
	from, to := ends(f)
	u := &f.LastUpdateMetric
	line := time.UnixMilli(f.Last).UTC().Format("2006-01-02T15:04:05.000Z") + " " + f.Application + " " + from + " -> " + to +
		" " + size(u.ABBytes) + "/" + strconv.FormatInt(u.ABPackets, 10) + ", " + size(u.BABytes) + "/" + strconv.FormatInt(u.BAPackets, 10) +
		" on " + f.Interface
	if f.Host != "" {
		line += " of " + f.Host
	}
	if e := ended(f); e != "" {
		line += ", ended: " + e
	}
	w.out.WriteString(printable(line, false) + "\n")
	return nil
}
