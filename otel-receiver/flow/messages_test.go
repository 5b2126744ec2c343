package flow_test

import (
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// echoDetailer says what message it was given.
type echoDetailer struct{}

func (echoDetailer) Wants(flow.Kind) bool { return true }

func (echoDetailer) Detail(kind flow.Kind, payload []byte) (entity.Value, bool) {
	if len(payload) > 20 {
		return entity.Value{}, false
	}
	return entity.Map(entity.Attrs{entity.A("Kind", entity.Int(int64(kind))), entity.A("Payload", entity.String(string(payload)))}), true
}

// message makes a UDP packet with a payload, and its frame.
func message(from, to host, payload string) (*packet.Packet, []byte) {
	l := level(from, to, packet.LayerUDP, 42+len(payload))
	l.Payload, l.End, l.PayloadWire = 42, int32(42+len(payload)), uint32(len(payload))
	return of(l), append(make([]byte, 42), payload...)
}

// TestMessages keeps the last message of a flow, and rather an answer than a
// question.
func TestMessages(t *testing.T) {
	dnsServer := server
	dnsServer.port = 53
	question, answer, again, long := "ab\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", "ab\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00", "cd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", "ef\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00 too long for it"
	for _, tc := range []struct {
		messages []string // of the client and the server in turn
		want     string
		failed   uint64
	}{
		{[]string{question}, question, 0},
		{[]string{question, answer}, answer, 0},
		{[]string{question, answer, again}, answer, 0},
		{[]string{question, answer, again, long}, "", 1},
	} {
		cfg := flow.DefaultConfig()
		cfg.Messages = 1
		table := flow.New(cfg, flow.Place{}, echoDetailer{})
		other := client
		for range 2 { // the second one has no room
			for i, payload := range tc.messages {
				from, to := other, dnsServer
				if i%2 == 1 {
					from, to = to, from
				}
				p, data := message(from, to, payload)
				table.Add(p, data, second)
			}
			other.port++
		}
		for _, r := range flush(table, 2*second) {
			want := tc.want
			if r.TransportA != client.port {
				want = ""
			}
			got := ""
			for _, a := range r.DNS.Map() {
				if a.Key == "Payload" {
					got = a.Value.Str()
				}
			}
			if got != want {
				t.Errorf("%d messages: got %q, want %q", len(tc.messages), got, want)
			}
		}
		if s := table.Stats(); s.MessagesFailed != tc.failed || s.MessagesRefused != uint64(len(tc.messages)) {
			t.Errorf("%d messages: %+v", len(tc.messages), s)
		}
	}
}

// TestLooksLikeDNS does not believe the port alone.
func TestLooksLikeDNS(t *testing.T) {
	dnsServer := server
	dnsServer.port = 53
	for payload, want := range map[string]string{
		"ab\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00": "Ethernet/IPv4/UDP/DNS",
		"GET / HTTP/1.0\r\n":                         "Ethernet/IPv4/UDP",
		"short":                                      "Ethernet/IPv4/UDP",
	} {
		table := newTable(nil)
		p, data := message(client, dnsServer, payload)
		table.Add(p, data, second)
		if r := flush(table, second)[0]; r.LayersPath != want || r.Application != "DNS" {
			t.Errorf("%q: %s, %s", payload, r.LayersPath, r.Application)
		}
	}
}
