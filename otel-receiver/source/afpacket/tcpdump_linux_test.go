package afpacket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/pcapio"
)

// TestAsTcpdump captures with filters next to tcpdump on the same interface and
// expects the same frames, tags and all.
func TestAsTcpdump(t *testing.T) {
	w := newWorld(t)
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("needs tcpdump")
	}
	udpPacket := ipv4(17, 1, 2, udp(1000, 53, []byte("payload")))
	icmp := ipv4(1, 1, 2, []byte{8, 0, 0, 0, 0, 1, 0, 1})
	tagged := func(inner []byte, typ byte, ids ...byte) []byte {
		f := []byte{2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a}
		for _, id := range ids {
			f = append(f, 0x81, 0, 0, id)
		}
		return append(append(f, typ, 0), inner...)
	}
	sent := [][]byte{
		ether(0x0800, udpPacket), ether(0x0800, icmp), ether(0x86dd, ipv6(17, udp(53, 99, nil))), ether(0x0806, make([]byte, 28)),
		tagged(udpPacket, 8, 42), tagged(icmp, 8, 42), tagged(icmp, 8, 7), tagged(udpPacket, 8, 7, 42), tagged(icmp, 8, 7, 42),
		ether(0x0800, ipv4(17, 1, 2, udp(1, 2, make([]byte, 600)))),
	}
	for _, expr := range []string{
		"", "vlan", "not vlan", "vlan 42", "vlan 7 and icmp", "icmp", "icmp or (vlan and icmp)", "vlan and vlan 42",
		"vlan and vlan and udp", "udp port 53", "arp or ip6", "greater 200", "ether proto 0x8100", "vlan and udp[8:2] = 0x7061",
	} {
		t.Run(expr, func(t *testing.T) {
			var printed, said proctest.Buffer
			args := []string{"netns", "exec", w.b, "tcpdump", "-i", "vb", "-s", "128", "-w", "-", "-U", "--immediate-mode"}
			cmd := exec.CommandContext(t.Context(), "ip", append(args, strings.Fields(expr)...)...)
			cmd.Stdout, cmd.Stderr = &printed, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Signal(unix.SIGINT)
				_ = cmd.Wait()
			}()
			eventually(t, time.Minute, func() bool { return strings.Contains(said.String(), "listening on") }, "tcpdump listens")

			cfg := Config{Interface: "vb", NetNS: path(w.b), SnapLen: 124}
			if expr != "" {
				cfg.Filter = func(link packet.LinkType) ([]bpf.RawInstruction, error) {
					f, err := filter.Compile(expr, filter.Options{Link: filter.Link(link), SnapLen: 1 << 18, KernelVLAN: true})
					if err != nil {
						return nil, err
					}
					return f.Raw(), nil
				}
			}
			tp := &tape{keep: true}
			c := start(t, cfg, tp)
			w.sender(w.a, "va").send(sent...)
			if err := c.Stop(); err != nil {
				t.Fatal(err)
			}
			ours := tp.seen()
			if len(ours) == 0 {
				t.Error("the filter refuses everything")
			}
			proctest.Eventually(t, time.Minute, "tcpdump has the same frames", func() error {
				theirs, err := parse(printed.String())
				if err != nil {
					return err
				}
				if len(theirs) != len(ours) {
					return fmt.Errorf("%d frames, tcpdump has %d", len(ours), len(theirs))
				}
				for i, f := range theirs {
					n := min(len(f.Data), len(ours[i].Data)) // the snap lengths mean different things
					if n < 42 || !bytes.Equal(f.Data[:n], ours[i].Data[:n]) || f.Wire != ours[i].Wire {
						return fmt.Errorf("frame %d: % x (%d), tcpdump has % x (%d)", i, ours[i].Data, ours[i].Wire, f.Data, f.Wire)
					}
					if d := f.Time - ours[i].Time; d > int64(time.Second) || d < -int64(time.Second) {
						return fmt.Errorf("frame %d: times are %s apart", i, time.Duration(d))
					}
				}
				return nil
			})
		})
	}
}

// parse reads a capture that is still being written.
func parse(text string) (frames []source.Frame, err error) {
	r, err := pcapio.NewReader(strings.NewReader(text))
	for err == nil {
		var f source.Frame
		if err = r.Next(&f); err == nil {
			f.Data = bytes.Clone(f.Data)
			frames = append(frames, f)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return frames, err
}
