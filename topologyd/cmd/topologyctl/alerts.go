package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

// alertKind is the definitions of graph rules.
func alertKind() definitionKind {
	return definitionKind{
		name: "alert", plural: "graph rules", collection: client.Alerts, doc: "alerts", matched: "ALERTS",
		help: `Alert people of what a Gremlin query finds.

Each node, edge, row, value or group that the query finds is one alert, for as
long as it is found. Labels and annotations are Go templates over the thing.`,
		example: `  topologyctl alert create --id interface-down --alert InterfaceDown --expr "G.V().Has('Type','device','State','DOWN')" \
    --was "G.V().Has('State','UP')" --for 10s --label severity=warning --annotation 'summary={{ .Name }} of {{ .Host }} is down'
  topologyctl alert create -f rule.yaml
  topologyctl alert check --alert InterfaceDown --expr "G.V().Has('State','DOWN')"
  topologyctl alert active --state firing
  topologyctl alert rules`,
		flags: alertFlags, row: alertRow,
	}
}

// alertSpec is the specification of a definition.
type alertSpec struct {
	Alert         string            `json:"alert"`
	Expr          string            `json:"expr"`
	Was           string            `json:"was,omitempty"`
	Changed       []string          `json:"changed,omitempty"`
	Absent        bool              `json:"absent,omitempty"`
	For           string            `json:"for,omitempty"`
	KeepFiringFor string            `json:"keep_firing_for,omitempty"`
	KeepGoneFor   string            `json:"keep_gone_for,omitempty"`
	Limit         int               `json:"limit,omitempty"`
	Interval      string            `json:"interval,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func alertFlags(cmd *cobra.Command) func([]string) (*specification, error) {
	var (
		s             alertSpec
		labels, notes []string
	)
	f := cmd.Flags()
	f.StringVar(&s.Alert, "alert", "", "`name` of the alert")
	f.StringVar(&s.Expr, "expr", "", "`Gremlin` that finds what is alerted")
	f.StringVar(&s.Was, "was", "", "`Gremlin` that has to have found it before")
	f.StringSliceVar(&s.Changed, "changed", nil, "`keys` of which one has to change while it is found")
	f.BoolVar(&s.Absent, "absent", false, "alert that nothing is found")
	f.StringVar(&s.For, "for", "", "`time` for which it has to be found, for example 10s")
	f.StringVar(&s.KeepFiringFor, "keep-firing-for", "", "`time` for which it fires when it is no longer found")
	f.StringVar(&s.KeepGoneFor, "keep-gone-for", "", "`time` for which it fires when it is gone, until it is back")
	f.IntVar(&s.Limit, "limit", 0, "most alerts of the rule at a time")
	f.StringVar(&s.Interval, "interval", "", "`time` between two evaluations, where it cannot be followed")
	f.StringArrayVar(&labels, "label", nil, "`name=template`, once for each")
	f.StringArrayVar(&notes, "annotation", nil, "`name=template`, once for each")
	return func([]string) (*specification, error) {
		var err error
		if s.Labels, err = named("label", labels); err != nil {
			return nil, err
		}
		if s.Annotations, err = named("annotation", notes); err != nil {
			return nil, err
		}
		b, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("encode rule: %w", err)
		}
		if string(b) == `{"alert":"","expr":""}` {
			return nil, nil
		}
		return &specification{raw: b}, nil
	}
}

// named reads the values of a flag.
func named(flag string, pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(pairs))
	for _, p := range pairs {
		name, text, found := strings.Cut(p, "=")
		if !found || name == "" {
			return nil, usageError{fmt.Errorf("--%s %q is not name=template", flag, p)}
		}
		out[name] = text
	}
	return out, nil
}

// alertRow describes a rule in the table of definitions.
func alertRow(b []byte) string {
	var s alertSpec
	if json.Unmarshal(b, &s) != nil || s.Alert == "" {
		return ""
	}
	text := s.Alert + ": " + s.Expr
	if s.Absent {
		text = s.Alert + ": nothing by " + s.Expr
	}
	if s.Was != "" {
		text += " that was " + s.Was
	}
	if s.For != "" {
		text += " for " + s.For
	}
	return text
}

// alertActiveCommand lists the alerts that there are.
func (a *app) alertActiveCommand() *cobra.Command {
	var (
		filter client.AlertFilter
		output string
	)
	cmd := &cobra.Command{
		Use: "active", Short: "List the alerts of graph rules", Args: noArgs,
		Long: `List the alerts of graph rules that are pending or fire, and those that ended
in the last minutes.`,
		Example: `  topologyctl alert active --state firing --host web-1`,
	}
	f := cmd.Flags()
	f.StringVar(&filter.State, "state", "", "pending, firing or resolved")
	f.StringVar(&filter.Name, "alertname", "", "`name` of the alert")
	f.StringVar(&filter.Host, "host", "", "`host` of what it is about")
	f.IntVar(&filter.Limit, "limit", 0, "most alerts, at most 10000 (default 1000)")
	outputFlag(cmd, &output, outputTable, "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withClient(func(c *client.Client) error {
			list, err := c.ActiveAlerts(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if output != outputTable {
				return a.print(list.Raw, output)
			}
			if len(list.Alerts) == 0 {
				fmt.Fprintln(a.env.Stderr, "no alerts")
				return nil
			}
			var b bytes.Buffer
			appendAlerts(&b, list.Alerts)
			if list.More {
				fmt.Fprintln(a.env.Stderr, "there are more alerts; choose some, or give --limit")
			}
			_, err = a.env.Stdout.Write(b.Bytes())
			return err
		})
	}
	return cmd
}

// appendAlerts writes alerts as a table.
func appendAlerts(b *bytes.Buffer, list []client.Alert) {
	t := table{header: []string{"ALERT", "STATE", "SINCE", "HOST", "SUMMARY", "LABELS"}}
	for i := range list {
		x := &list[i]
		since := x.ActiveAt
		for _, later := range []time.Time{x.FiredAt, x.ResolvedAt} {
			if !later.IsZero() {
				since = later
			}
		}
		var labels []string
		for _, name := range slices.Sorted(maps.Keys(x.Labels)) {
			if name != "alertname" && name != "host" {
				labels = append(labels, name+"="+x.Labels[name])
			}
		}
		when := ""
		if !since.IsZero() {
			when = at(since.UnixMilli())
		}
		t.add(x.Labels["alertname"], x.State, when, x.Labels["host"], x.Annotations["summary"], strings.Join(labels, " "))
	}
	t.write(b)
}

// alertRulesCommand lists rules and how they do.
func (a *app) alertRulesCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "rules", Short: "List all graph rules, of files and definitions, and how they do", Args: noArgs,
		Long: `List all graph rules, those of files and those that are defined, with their
alerts. A rule that is followed alerts with the change; one that is evaluated, at
the interval of its group and soon after a change that may matter to it.`,
	}
	outputFlag(cmd, &output, outputTable, "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withClient(func(c *client.Client) error {
			rules, err := c.AlertRules(cmd.Context())
			if err != nil {
				return err
			}
			if output != outputTable {
				return a.print(rules.Raw, output)
			}
			t := table{header: []string{"ALERT", "STATE", "ALERTS", "HEALTH", "WAY", "TOOK", "FROM", "GROUP", "QUERY", "ERROR"}}
			for i := range rules.Groups {
				g := &rules.Groups[i]
				for k := range g.Rules {
					r := &g.Rules[k]
					took := ""
					if r.EvaluationTime > 0 {
						took = time.Duration(r.EvaluationTime * float64(time.Second)).Round(10 * time.Microsecond).String()
					}
					problem := r.LastError
					if problem == "" {
						problem = strings.Join(r.Problems, "; ")
					}
					t.add(r.Name, r.State, counted(r.Alerts), r.Health, r.Way, took, g.File, g.Name, r.Query, problem)
				}
			}
			var b bytes.Buffer
			t.write(&b)
			if _, err = a.env.Stdout.Write(b.Bytes()); err != nil {
				return err
			}
			for _, f := range rules.Files {
				if f.Error != "" {
					fmt.Fprintf(a.env.Stderr, "topologyctl: file %s: %s\n", printable(f.Path, false), printable(f.Error, false))
				}
			}
			return nil
		})
	}
	return cmd
}

// alertCheckCommand tells what a rule would alert.
func (a *app) alertCheckCommand(k definitionKind) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "check", Short: "Tell what a graph rule would alert now, without defining it", Args: noArgs,
		Long: `Tell what a graph rule would alert on the present graph, were it new: it has seen
nothing before, and --for is passed over. Nothing is changed, nobody is told.`,
		Example: `  topologyctl alert check -f rule.yaml`,
	}
	read := a.checkFlags(cmd, k, &output, "rule")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		spec, text, err := read(args)
		if err != nil {
			return err
		}
		return a.withClient(func(c *client.Client) error {
			t, err := c.CheckAlert(cmd.Context(), text)
			if err != nil {
				return spec.locate(err)
			}
			if output != "text" {
				return a.print(t.Raw, output)
			}
			var b bytes.Buffer
			appendAlertTrial(&b, t)
			_, err = a.env.Stdout.Write(b.Bytes())
			return err
		})
	}
	return cmd
}

func appendAlertTrial(b *bytes.Buffer, t *client.AlertTrial) {
	line(b, 0, "%d found, in %.2f ms; the rule would be %s", t.Found, t.Took, t.Way)
	if t.Why != "" {
		line(b, 1, "not followed: %s", t.Why)
	}
	for _, p := range t.Problems {
		line(b, 1, "problem: %s", p)
	}
	for i := range t.Alerts {
		x := &t.Alerts[i]
		line(b, 0, "%s", x.Labels["alertname"])
		for _, part := range []struct {
			what string
			of   map[string]string
		}{{"label", x.Labels}, {"annotation", x.Annotations}} {
			for _, name := range slices.Sorted(maps.Keys(part.of)) {
				if name != "alertname" {
					line(b, 1, "%s %s: %s", part.what, name, part.of[name])
				}
			}
		}
	}
	if t.More {
		line(b, 0, "and more")
	}
}
