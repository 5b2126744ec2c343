package flow_test

import (
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
)

const ms = int64(1e6)

// TestCorpusTCP holds what the captures of TCP tell beyond counters.
func TestCorpusTCP(t *testing.T) {
	r := flowsOf(flow.DefaultConfig(), readAll(t, corpus(t, "simple-tcpv4.pcap")))[0]
	if r.TCP.AB.SynStart/ms != 1490086703768 || r.TCP.BA.SynStart/ms != 1490086703768 || r.TCP.AB.FinStart/ms != 1490086707507 || r.TCP.BA.FinStart/ms != 1490086707507 {
		t.Errorf("times of SYN and FIN: %+v", r.TCP)
	}
	if r.TCP.AB.SynTTL != 64 || r.TCP.BA.SynTTL != 64 || r.Finish != flowrecord.FinishTCPFin || r.TCP.State != "CLOSED" {
		t.Errorf("%+v, %s", r.TCP, r.Finish)
	}
	r = flowsOf(flow.DefaultConfig(), readAll(t, corpus(t, "simple-tcpv6.pcap")))[0]
	if r.TCP.AB.SynStart/ms != 1490087502605 || r.TCP.BA.SynStart/ms != 1490087502605 || r.TCP.AB.SynTTL != 64 || r.TCP.BA.SynTTL != 64 {
		t.Errorf("IPv6: %+v", r.TCP)
	}
	for _, r := range flowsOf(flow.DefaultConfig(), readAll(t, corpus(t, "eth-ip4-arp-dns-req-http-google.pcap"))) {
		if r.TransportProtocol == "TCP" && (r.Application != "HTTP" || r.Finish == flowrecord.FinishStopped != (r.TCP.State == "ESTABLISHED" || r.TCP.State == "FIN_WAIT")) {
			t.Errorf("%s: %s, %s, %+v", line(&r), r.Application, r.Finish, r.TCP)
		}
	}
}

// TestCorpusIDs holds what the captures tell of identifiers.
func TestCorpusIDs(t *testing.T) {
	got := flowsOf(flow.DefaultConfig(), readAll(t, corpus(t, "layer-key-mode.pcap")))
	if got[0].TrackingID == got[1].TrackingID || got[0].L3TrackingID != got[1].L3TrackingID {
		t.Errorf("link headers: %s, %s and %s, %s", got[0].TrackingID, got[0].L3TrackingID, got[1].TrackingID, got[1].L3TrackingID)
	}
	if got[0].LinkA[5] != 0xbc || got[1].LinkA[5] != 0xac {
		t.Errorf("MACs %s, %s", got[0].LinkA, got[1].LinkA)
	}
	r := flowsOf(flow.DefaultConfig(), readAll(t, corpus(t, "ipv4-fragments.pcap")))[0]
	if r.Fragments != 2 || r.FragmentErrors != 0 {
		t.Errorf("%d fragments, %d errors", r.Fragments, r.FragmentErrors)
	}
	records := flowsOf(flow.DefaultConfig(), readAll(t, corpus(t, "icmpv4-symetric.pcap")))
	var sum flowrecord.Metric
	ids := map[flowrecord.ID]bool{}
	for _, r := range records {
		ids[r.ID] = true
		sum.ABPackets += r.Metric.ABPackets
		sum.ABBytes += r.Metric.ABBytes
		sum.BAPackets += r.Metric.BAPackets
		sum.BABytes += r.Metric.BABytes
		if r.Metric.ABPackets != 1 || r.Metric.BAPackets != 1 || r.Metric.RTT <= 0 {
			t.Errorf("%s", line(&r))
		}
	}
	if len(records) != 100 || len(ids) != 100 || sum != (flowrecord.Metric{ABPackets: 100, ABBytes: 9800, BAPackets: 100, BABytes: 9800}) {
		t.Errorf("%d flows, %d IDs, %+v", len(records), len(ids), sum)
	}
}
