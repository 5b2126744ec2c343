package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/api/httpx/httpxtest"
	"github.com/skein-net/skein/topologyd/audit"
)

// hostOfPackets is a host that says that it captures, and has packets.
type hostOfPackets struct {
	t    *testing.T
	conn *websocket.Conn
	done chan struct{}

	mu       sync.Mutex
	captures []order.Capture
}

func (b *bench) collector(id string) *hostOfPackets {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	c := &hostOfPackets{t: b.t, done: make(chan struct{})}
	proctest.Eventually(b.t, 10*time.Second, "the daemon takes the host", func() (err error) {
		var resp *http.Response
		c.conn, resp, err = websocket.Dial(ctx, b.url+order.Path(id), nil) //nolint:bodyclose // it is the library's
		_ = resp
		return err
	})
	c.conn.SetReadLimit(order.MaxMessage)
	c.send(&order.Envelope{Hello: &order.Hello{HostID: id, HostName: "web-1", Instance: "i", Types: []string{order.TypeAFPacket}, RawPackets: true}})
	go c.run()
	b.t.Cleanup(func() { _ = c.conn.CloseNow(); <-c.done })
	return c
}

func (c *hostOfPackets) send(e *order.Envelope) {
	b, err := order.Encode(e)
	if err != nil {
		c.t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = c.conn.Write(ctx, websocket.MessageText, b)
}

func (c *hostOfPackets) run() {
	defer close(c.done)
	for {
		_, b, err := c.conn.Read(context.Background())
		if err != nil {
			return
		}
		e, err := order.Decode(b)
		switch {
		case err != nil:
			c.t.Error(err)
			return
		case e.Assignments != nil:
			s := order.State{Whole: true}
			for _, o := range e.Assignments.Captures {
				s.Captures = append(s.Captures, order.CaptureState{ID: o.ID, Revision: o.Revision, State: order.StateRunning, Proof: order.ProofSelfTest, Since: time.Now()})
			}
			c.mu.Lock()
			c.captures = e.Assignments.Captures
			c.mu.Unlock()
			c.send(&order.Envelope{State: &s})
		case e.Fetch != nil:
			m := &order.Packets{Request: e.Fetch.Request, Done: !e.Fetch.Follow}
			c.mu.Lock()
			for i, o := range c.captures {
				m.Packets = append(m.Packets, order.Packet{Capture: o.ID, Time: int64(i + 1), Link: 1, Wire: 60, Data: []byte("packet")})
			}
			c.mu.Unlock()
			c.send(&order.Envelope{Packets: m})
		}
	}
}

// audited returns the records of the audit log of a data directory.
func audited(t *testing.T, dir string) (out []audit.Record) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, auditFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r audit.Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func (b *bench) createCapture(spec string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+"/api/v1/captures", strings.NewReader(`{"id":"web","name":"my-cap","spec":`+spec+`}`))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

const packetsPath = "/api/v1/captures/web/packets"

// TestPackets fetches packets of a host through all of the daemon.
func TestPackets(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Captures.RawPackets = true
	b := start(t, cfg)
	b.write(encode(host(), event(2, 0), event(3, 0)))
	proctest.Eventually(t, 20*time.Second, "the capture is taken", func() error {
		if code, text := b.createCapture(`{"query":"G.V().Has('Name','eth2')","raw_packets":3}`); code != http.StatusCreated {
			return fmt.Errorf("%d %s", code, text)
		}
		return nil
	})
	if code, text := b.do(http.MethodGet, packetsPath, nil); code == http.StatusOK {
		t.Errorf("packets without a host: %s", text)
	}
	b.collector("h")
	var answer string
	proctest.Eventually(t, 20*time.Second, "packets come", func() error {
		resp, text := httpxtest.Do(t, http.DefaultClient, http.MethodGet, b.url+packetsPath, nil)
		if answer = string(text); resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%d %s", resp.StatusCode, text)
		}
		if !strings.Contains(answer, "packet") {
			return fmt.Errorf("nothing in %q", text)
		}
		return nil
	})
	r, err := pcapgo.NewNgReader(strings.NewReader(answer), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	data, ci, err := r.ReadPacketData()
	i, _ := r.Interface(0)
	if err != nil || string(data) != "packet" || ci.Timestamp.UnixNano() != 1 || !strings.HasSuffix(i.Name, "/eth2") || !strings.HasPrefix(i.Name, "web-1/") && !strings.HasPrefix(i.Name, "h/") {
		t.Errorf("%q %+v %v of %q", data, ci, err, i.Name)
	}

	// One who follows does not hold up the end of the daemon.
	resp, err := http.Get(b.url + packetsPath + "?follow=1")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()
	begun := time.Now()
	b.stop()
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("the daemon took %v to stop", took)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	list := audited(t, cfg.DataDir)
	if list[0].Action != audit.CaptureCreate || list[0].Capture != "web" || list[1].Action != audit.PacketsFetch && list[1].Outcome == audit.OK {
		t.Errorf("%+v", list[:2])
	}
	if last := list[len(list)-1]; last.Action != audit.PacketsEnd || last.Packets != 1 || last.Bytes != 6 || !last.Follow || last.Remote == "" {
		t.Errorf("%+v", last)
	}
}

// TestPacketsForbidden asks a daemon that was not told to hand out packets.
func TestPacketsForbidden(t *testing.T) {
	cfg := testConfig(t.TempDir())
	b := start(t, cfg)
	code, text := b.do(http.MethodGet, packetsPath, nil)
	if code != http.StatusForbidden || !strings.Contains(text, "--raw-packets") {
		t.Errorf("%d %s", code, text)
	}
	b.stop()
	if list := audited(t, cfg.DataDir); len(list) != 1 || list[0].Outcome != audit.Refused {
		t.Errorf("%+v", list)
	}
}
