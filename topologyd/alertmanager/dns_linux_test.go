package alertmanager

import (
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// inNamespaces tells the child of TestFoundByDNS that it is one.
const inNamespaces = "SKEIN_TEST_DNS_NAMESPACES"

// TestFoundByDNS runs a name server at the port where Prometheus' discovery asks, in
// a network of its own and with an /etc/resolv.conf of its own: in a child that is
// this test again.
func TestFoundByDNS(t *testing.T) {
	if os.Getenv(inNamespaces) != "" {
		foundByDNS(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFoundByDNS$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespaces+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var out []byte
	err := error(nil)
	if out, err = cmd.CombinedOutput(); err != nil && len(out) == 0 {
		t.Skip("no namespaces can be made here: ", err)
	}
	require.NoError(t, err, "%s", out)
}

func foundByDNS(t *testing.T) {
	up, err := exec.CommandContext(t.Context(), "ip", "link", "set", "lo", "up").CombinedOutput()
	require.NoError(t, err, "%s", up)
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(resolv, []byte("nameserver 127.0.0.1\n"), 0o600))
	require.NoError(t, syscall.Mount(resolv, "/etc/resolv.conf", "", syscall.MS_BIND, ""))

	var targets atomic.Pointer[[]*fake]
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:53")
	require.NoError(t, err)
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		known := targets.Load()
		if known == nil {
			reply.Rcode = dns.RcodeServerFailure
		} else {
			for _, f := range *known {
				reply.Answer = append(reply.Answer, &dns.SRV{
					Hdr:  dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: 1},
					Port: uint16(f.Listener.Addr().(*net.TCPAddr).Port), Target: "127.0.0.1.",
				})
			}
		}
		_ = w.WriteMsg(reply)
	})}
	served := make(chan error, 1)
	go func() { served <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-served
	})

	a, b := newFake(t, nil, (*httptest.Server).Start), plainFake(t)
	path := filepath.Join(t.TempDir(), "alertmanagers.yml")
	write(t, path, "alertmanagers: [{dns_sd_configs: [{names: [_web._tcp.am.test], refresh_interval: 50ms}]}]")
	w := start(t, func(c *Config) { c.File = path })
	w.send(fires("x"))

	targets.Store(&[]*fake{a})
	w.known(a.URL)
	a.hears("x firing")
	targets.Store(&[]*fake{a, b})
	w.known(a.URL, b.URL)
	b.hears("x firing")
	targets.Store(&[]*fake{b})
	w.known(b.URL)

	// A name server that fails says nothing about who is there.
	targets.Store(nil)
	before := len(w.out.String())
	proctest.Eventually(t, patience, "it is asked", func() error {
		if len(w.out.String()) == before {
			return errors.New("nothing is logged")
		}
		return nil
	})
	w.send(ended("x"))
	b.hears("x firing", "x resolved")
	w.known(b.URL)
	require.Equal(t, fmt.Sprint([]string{"x firing"}), fmt.Sprint(a.told()))
}
