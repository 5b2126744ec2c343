package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

const auditHelp = `Print who did what, the newest first: who made, changed and deleted captures and
other definitions, who took packets off the network, and who was refused. It
takes the role admin.

Each daemon of a cluster has a record of its own: ask each.

` + timesHelp

func (a *app) auditCommand() *cobra.Command {
	var (
		q      client.AuditQuery
		output string
	)
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Print who did what, and who was refused",
		Long:  auditHelp,
		Example: `  topologyctl audit --since -1d
  topologyctl audit --action packets. --user alice
  topologyctl audit --outcome refused -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.Since, q.Before = strings.TrimSpace(q.Since), strings.TrimSpace(q.Before)
			if q.Limit < 1 {
				return usageError{errors.New("--limit must be 1 or more")}
			}
			return a.audit(cmd.Context(), q, output)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Since, "since", "", "`time` from which on")
	f.StringVar(&q.Before, "before", "", "`time` before which, for example of the last line of the output before")
	f.StringVar(&q.User, "user", "", "`name` of who did it")
	f.StringVar(&q.Action, "action", "", "`action`, or its beginning with a dot: packets.")
	f.StringVar(&q.Outcome, "outcome", "", "`outcome`: ok, refused or failed")
	f.IntVar(&q.Limit, "limit", 100, "most records, up to 1000")
	outputFlag(cmd, &output, outputTable, "json", "yaml")
	return cmd
}

func (a *app) audit(ctx context.Context, q client.AuditQuery, output string) error {
	return a.withClient(func(c *client.Client) error {
		records, more, err := c.Audit(ctx, q)
		if err != nil {
			return err
		}
		if more {
			defer fmt.Fprintf(a.env.Stderr, "there are older records; go on with --before %s\n", records[len(records)-1].Time.UTC().Format(time.RFC3339Nano))
		}
		if output != outputTable {
			raw := make([][]byte, len(records))
			for i := range records {
				raw[i] = records[i].Raw
			}
			return a.print(jsonList(raw), output)
		}
		if len(records) == 0 {
			fmt.Fprintln(a.env.Stderr, "nothing was written down")
			return nil
		}
		t := table{header: []string{"TIME", "ACTION", "OUTCOME", "USER", "METHOD", "REMOTE", "WHAT", "REASON"}}
		for i := range records {
			r := &records[i]
			t.add(r.Time.UTC().Format(time.RFC3339), r.Action, r.Outcome, r.User, r.Method, r.Remote, auditedWhat(r), auditedWhy(r))
		}
		var b bytes.Buffer
		t.write(&b)
		_, err = a.env.Stdout.Write(b.Bytes())
		return err
	})
}

// auditedWhat says what a record is about.
func auditedWhat(r *client.AuditRecord) string {
	var parts []string
	if r.Endpoint != "" {
		parts = append(parts, r.Endpoint)
	}
	if r.Kind != "" {
		parts = append(parts, r.Kind)
	}
	if name := cmp.Or(r.Name, r.Capture, r.ID); name != "" {
		parts = append(parts, name)
	}
	if r.Packets > 0 {
		parts = append(parts, fmt.Sprintf("%d packets, %d bytes", r.Packets, r.Bytes))
	}
	return strings.Join(parts, " ")
}

// auditedWhy says why it was refused, and what is not there.
func auditedWhy(r *client.AuditRecord) string {
	if r.Suppressed == 0 {
		return r.Reason
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%d more before were not written)", r.Reason, r.Suppressed))
}
