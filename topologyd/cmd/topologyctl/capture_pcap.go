package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

const pcapHelp = `Download the packets that a capture keeps, as a file of pcapng or pcap.

The capture must have been told to keep some, by --raw-packets or --raw-ring,
the hosts' collectors must allow it (orders.raw_packets), and topologyd must
(--raw-packets). The file has the packets of all nodes in the order of their
times; pcapng also tells where each one was captured and which flow it is of.
Each download is in topologyd's audit log.`

const pcapExample = `  topologyctl capture pcap my-cap -o my-cap.pcapng
  topologyctl capture pcap my-cap --node eth0 --since -5m --limit 1000 | tshark -r -
  topologyctl capture pcap my-cap --flow 4d0bd0f4-6a1f-4b8a-9c38-0f6a4a7c21aa -o one-flow.pcap`

// packetFlags are the flags of commands that fetch packets.
type packetFlags struct {
	client.Packets
	output string
}

// add adds those that both commands have.
func (x *packetFlags) add(cmd *cobra.Command, formats ...string) {
	f := cmd.Flags()
	f.StringVar(&x.Node, "node", "", "one `node`: its ID, its TID or the interface's name")
	f.StringArrayVar(&x.Flows, "flow", nil, "only packets of the flow of this `ID`; may be given several times")
	f.Int64Var(&x.Limit, "limit", 0, "end after so many `packets`")
	x.Format = ""
	f.Var(choice{&x.Format, formats}, "format", "format of the packets")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // it fails only for a flag that is not there
}

// capturePcap is the command that downloads packets.
func (a *app) capturePcap() *cobra.Command {
	var x packetFlags
	cmd := &cobra.Command{
		Use: "pcap ID", Short: "Download the packets that a capture keeps", Long: pcapHelp, Example: pcapExample,
		Args: needIDs(true), ValidArgsFunction: cobra.NoFileCompletions,
	}
	x.add(cmd, client.PcapNG, client.Pcap, client.PacketsJSON)
	f := cmd.Flags()
	f.StringVarP(&x.output, "output", "o", "", "write to this `file`; - is standard output, as is none")
	f.StringVar(&x.From, "since", "", "packets from this `time` on: -5m, RFC 3339, Unix milliseconds")
	f.StringVar(&x.To, "until", "", "packets up to this `time`")
	f.Int64Var(&x.Bytes, "bytes", 0, "end after so many `bytes` of packets")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if x.Limit < 0 || x.Bytes < 0 {
			return usageError{errors.New("--limit and --bytes are not negative")}
		}
		x.From, x.To = strings.TrimSpace(x.From), strings.TrimSpace(x.To)
		if x.Format == "" && strings.HasSuffix(x.output, ".pcap") {
			x.Format = client.Pcap
		}
		toFile := x.output != "" && x.output != "-"
		if !toFile && x.Format != client.PacketsJSON && isTerminal(a.env.Stdout) {
			return usageError{errors.New("packets are not for a terminal; give a file with -o, or a pipe: | tshark -r -")}
		}
		return a.withClient(func(c *client.Client) error {
			s, err := a.openPackets(cmd.Context(), c, args[0], x.Packets)
			if err != nil {
				return err
			}
			defer s.Close()
			if !toFile {
				return a.pcapEnd(s, x.output, a.copyPackets(a.env.Stdout, s))
			}
			return a.pcapEnd(s, x.output, a.packetFile(x.output, s))
		})
	}
	return cmd
}

// openPackets finds the capture and asks for its packets.
func (a *app) openPackets(ctx context.Context, c *client.Client, ref string, p client.Packets) (*client.PacketStream, error) {
	d, err := c.FindCapture(ctx, ref)
	if err != nil {
		return nil, err
	}
	s, err := c.Packets(ctx, d.ID, p)
	if err != nil {
		return nil, err
	}
	for _, h := range s.Missing {
		a.warn("no packets of host %s: see capture nodes", h)
	}
	return s, nil
}

func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.env.Stderr, "topologyctl: %s\n", printable(fmt.Sprintf(format, args...), false))
}

// packetFile writes a file that only its owner may read, also one that was there.
// What there was when it failed stays.
func (a *app) packetFile(name string, s io.Reader) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	if err = ownersAlone(f); err == nil {
		err = a.copyPackets(f, s)
	}
	if cerr := f.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("write packets: %w", cerr)
	}
	return err
}

// ownersAlone keeps others from reading a file. What is no file, such as a named
// pipe, stays as it is.
func ownersAlone(f *os.File) error {
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		err = f.Chmod(0o600)
	}
	if err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	return nil
}

// copyPackets writes packets as they come.
func (a *app) copyPackets(w io.Writer, r io.Reader) error {
	b := make([]byte, 64<<10)
	for {
		n, err := r.Read(b)
		if n > 0 {
			if _, err := w.Write(b[:n]); err != nil {
				return fmt.Errorf("write packets: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pcapEnd tells what became of a download.
func (a *app) pcapEnd(s *client.PacketStream, name string, err error) error {
	if err != nil {
		return err
	}
	end := s.End()
	if name != "" && name != "-" {
		a.warn("%d packets in %s", end.Packets, name)
	}
	if end.Limit != "" {
		a.warn("there are more: the bound of %s was met", end.Limit)
	}
	if end.Lost > 0 {
		a.warn("%d packets were overwritten before they were fetched", end.Lost)
	}
	for _, h := range end.Broken {
		a.warn("the packets of host %s are not complete: it broke off", h)
	}
	return nil
}

// isTerminal reports whether what is written is for people at once.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // which is such a device too
	return err != nil || !os.SameFile(info, null)
}
