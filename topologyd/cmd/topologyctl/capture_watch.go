package main

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

const watchPacketsHelp = `Print the packets of a capture as they are captured, for Wireshark or tshark.

First come those that are kept, then the new ones, from all nodes, also from
those that come later. A capture that keeps the first packets of each flow gives
those of each flow that begins; one with --raw-ring gives all. It ends when it
is interrupted, when the capture is deleted or when the connection breaks.`

const watchPacketsExample = `  topologyctl capture watch my-cap | wireshark -k -i -
  topologyctl capture watch my-cap --since NOW | tshark -r - -T fields -e frame.interface_name -e ip.src -e ip.dst`

// captureWatch is the command that follows packets.
func (a *app) captureWatch() *cobra.Command {
	var x packetFlags
	cmd := &cobra.Command{
		Use: "watch ID", Short: "Print the packets of a capture as they are captured, for Wireshark", Long: watchPacketsHelp, Example: watchPacketsExample,
		Args: needIDs(true), ValidArgsFunction: cobra.NoFileCompletions,
	}
	x.add(cmd, client.PcapNG, client.Pcap, client.PacketsJSON)
	cmd.Flags().StringVar(&x.From, "since", "", "packets from this `time` on: NOW, -5m, RFC 3339, Unix milliseconds")
	x.Follow = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if x.Limit < 0 {
			return usageError{errors.New("--limit is not negative")}
		}
		x.From = strings.TrimSpace(x.From)
		if x.Format != client.PacketsJSON && isTerminal(a.env.Stdout) {
			return usageError{errors.New("packets are not for a terminal; give a pipe: | wireshark -k -i -")}
		}
		return a.withClient(func(c *client.Client) error {
			s, err := a.openPackets(cmd.Context(), c, args[0], x.Packets)
			if err != nil {
				return err
			}
			defer s.Close()
			return a.watchEnd(cmd.Context(), s, a.copyPackets(a.env.Stdout, s))
		})
	}
	return cmd
}

// watchEnd tells why packets end.
func (a *app) watchEnd(ctx context.Context, s *client.PacketStream, err error) error {
	var e *client.Error
	switch {
	case ctx.Err() != nil, errors.Is(err, syscall.EPIPE): // interrupted, or the reader is gone, which is how it ends
		return nil //nolint:nilerr // it is no failure
	case errors.As(err, &e) && e.Code == client.CodeGone:
		a.warn("%s", e.Message)
		return nil
	case err != nil:
		return err
	}
	return a.pcapEnd(s, "", nil)
}
