package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

func (a *app) hostsCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "List the hosts that follow captures",
		Long: `List the hosts whose collectors are or were connected, and so can capture: what
they can do, and what they lack.`,
		Args: noArgs,
	}
	outputFlag(cmd, &output, outputTable, "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withClient(func(c *client.Client) error {
			hosts, err := c.Hosts(cmd.Context())
			if err != nil {
				return err
			}
			if output != outputTable {
				raw := make([][]byte, len(hosts))
				for i := range hosts {
					raw[i] = hosts[i].Raw
				}
				return a.print(jsonList(raw), output)
			}
			if len(hosts) == 0 {
				fmt.Fprintln(a.env.Stderr, "no collector has connected")
				return nil
			}
			var b bytes.Buffer
			appendHosts(&b, hosts)
			_, err = a.env.Stdout.Write(b.Bytes())
			return err
		})
	}
	return cmd
}

func appendHosts(b *bytes.Buffer, hosts []client.Host) {
	t := table{header: []string{"NAME", "CONNECTED", "SINCE", "CAPTURES", "RUNNING", "TYPES", "RAW-PACKETS", "LACKS", "ADDRESS", "VERSION", "ID"}}
	for i := range hosts {
		h := &hosts[i]
		connected, since, packets := "no", "", ""
		if h.Connected {
			connected = "yes"
		}
		if !h.Since.IsZero() {
			since = h.Since.UTC().Format(time.RFC3339)
		}
		if h.RawPackets {
			packets = "allowed"
		}
		lacks := make([]string, len(h.Problems))
		for k, p := range h.Problems {
			lacks[k] = p.Feature
		}
		t.add(h.Name, connected, since, fmt.Sprint(h.Captures), fmt.Sprint(h.Running), strings.Join(h.Types, ","), packets,
			strings.Join(lacks, ","), h.Address, h.Version, h.ID)
	}
	t.write(b)
}
