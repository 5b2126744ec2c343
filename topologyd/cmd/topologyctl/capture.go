package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

const captureHelp = `Capture on every interface that a query finds, wherever it is, also on those
that come later.

The hosts of the interfaces capture; what they see are flows (topologyctl flows
--capture NAME). A capture ends when it is deleted or its --ttl is over. ID may
be the name, when only one capture has it.`

const captureExample = `  topologyctl capture create --gremlin "G.V().Has('Type','veth')" --bpf 'tcp port 443' --name my-cap --wait
  topologyctl capture list
  topologyctl capture nodes my-cap
  topologyctl capture watch my-cap | wireshark -k -i -
  topologyctl capture delete my-cap`

// captureCommand is the command of captures.
func (a *app) captureCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "capture", Short: "Capture on every interface that a query finds", Long: captureHelp, Example: captureExample, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.defineCommand(a.captureKind(), false), a.defineCommand(a.captureKind(), true),
		a.listCaptures(), a.getCapture(), a.captureNodes(), a.deleteCapture(), a.capturePcap(), a.captureWatch())
	return cmd
}

// captureKind is what makes a definition a capture. It belongs to one command.
func (a *app) captureKind() definitionKind {
	var wait time.Duration
	return definitionKind{
		name: "capture", plural: "captures", collection: client.CapturesPath, doc: "captures", example: captureExample,
		flags: func(cmd *cobra.Command) func([]string) (*specification, error) {
			f := cmd.Flags()
			f.DurationVar(&wait, "wait", 0, "wait up to `time` until it runs on all nodes, 30s when no time is given; else the exit code is 1")
			f.Lookup("wait").NoOptDefVal = "30s"
			return captureFlags(cmd)
		},
		find: func(ctx context.Context, c *client.Client, ref string) (string, error) {
			d, err := c.FindCapture(ctx, ref)
			if err != nil {
				return "", err
			}
			return d.ID, nil
		},
		stored: func(ctx context.Context, c *client.Client, id string) error {
			if wait <= 0 {
				return nil
			}
			ctx, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			_, err := c.WaitCapture(ctx, id)
			return err
		},
	}
}

func (a *app) listCaptures() *cobra.Command {
	var output string
	cmd := &cobra.Command{Use: "list", Short: "List the captures", Args: noArgs}
	outputFlag(cmd, &output, outputTable, "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withClient(func(c *client.Client) error {
			all, err := c.Captures(cmd.Context())
			if err != nil {
				return err
			}
			if output != outputTable {
				raw := make([][]byte, len(all))
				for i := range all {
					raw[i] = all[i].Raw
				}
				return a.print(jsonList(raw), output)
			}
			return a.printCaptures(all)
		})
	}
	return cmd
}

// jsonList makes one list of values.
func jsonList(values [][]byte) []byte {
	return append(append([]byte{'['}, bytes.Join(values, []byte{','})...), ']')
}

func (a *app) printCaptures(all []client.Capture) error {
	if len(all) == 0 {
		fmt.Fprintln(a.env.Stderr, "no captures")
		return nil
	}
	t := table{header: []string{"ID", "NAME", "STATE", "MATCHED", "RUNNING", "PACKETS", "DROPPED", "QUERY", "FILTER", "EXPIRES", "ERROR"}}
	for i := range all {
		d := &all[i]
		s := d.Status
		if s == nil {
			s = new(client.CaptureStatus)
		}
		expires := ""
		if !d.Expires.IsZero() {
			expires = at(d.Expires.UnixMilli())
		}
		t.add(d.ID, d.Name, s.State, fmt.Sprint(s.Matched), fmt.Sprint(s.Running), fmt.Sprint(s.Packets), fmt.Sprint(s.Dropped),
			d.Spec.Query, d.Spec.Filter, expires, captureProblem(s))
	}
	var b bytes.Buffer
	t.write(&b)
	_, err := a.env.Stdout.Write(b.Bytes())
	return err
}

// captureProblem is what is wrong with a capture, in few words.
func captureProblem(s *client.CaptureStatus) string {
	if s.Error != "" {
		return s.Error
	}
	var parts []string
	for _, x := range []struct {
		n    int
		what string
	}{{s.Failed, "failed"}, {s.Refused, "refused"}, {s.Waiting, "waiting"}, {s.Starting, "starting"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return strings.Join(parts, ", ")
}

func (a *app) getCapture() *cobra.Command {
	var output string
	cmd := &cobra.Command{Use: "get ID", Short: "Show a capture with its status and nodes", Args: needIDs(true), ValidArgsFunction: cobra.NoFileCompletions}
	outputFlag(cmd, &output, "yaml", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withClient(func(c *client.Client) error {
			d, err := c.FindCapture(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, nodes, err := c.CaptureNodesRaw(cmd.Context(), d.ID)
			if err != nil { // the definition is known all the same
				fmt.Fprintf(a.env.Stderr, "topologyctl: nodes: %s\n", explain(err))
				return a.print(d.Raw, output)
			}
			return a.print(withMember(d.Raw, "nodes", nodes), output)
		})
	}
	return cmd
}

// withMember adds a member to a JSON object that has one at least.
func withMember(object []byte, name string, value []byte) []byte {
	object = bytes.TrimSuffix(bytes.TrimSpace(object), []byte{'}'})
	return fmt.Appendf(bytes.Clone(object), ",%q:%s}", name, bytes.TrimSpace(value))
}

func (a *app) deleteCapture() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID ...", Short: "End captures and delete them", Args: needIDs(false), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(c *client.Client) error {
				var errs []error
				for _, ref := range args {
					d, err := c.FindCapture(cmd.Context(), ref)
					if err == nil {
						err = c.DeleteCapture(cmd.Context(), d.ID)
					}
					errs = append(errs, err)
				}
				return errors.Join(errs...)
			})
		},
	}
}
