package e2e

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// conversations returns what compares flows with what tshark makes of the same
// packets: those of TCP and of UDP by their ports, packets and bytes, and all by
// their network addresses, at every level of a tunnel. Without tshark every
// comparison succeeds, and the test says so.
func conversations(t *testing.T, file string) func(fs []flow) error {
	t.Helper()
	tshark, err := lookup("tshark")
	if err != nil {
		t.Log("flows are not compared with conversations: ", err)
		return func([]flow) error { return nil }
	}
	protos := map[string]map[[2]string][2]int64{}
	for _, proto := range []string{"TCP", "UDP"} {
		protos[proto] = tsharkPairs(t, tshark, file, strings.ToLower(proto))
	}
	// tshark counts the whole frame at each level: the packets are compared.
	addresses := tsharkAddresses(t, tshark, file)
	return func(fs []flow) error {
		return errors.Join(samePorts(fs, protos), sameAddresses(fs, addresses))
	}
}

func samePorts(fs []flow, protos map[string]map[[2]string][2]int64) error {
	text := func(v any) string { return fmt.Sprint(v) }
	number := func(v any) string { n, _ := v.(float64); return strconv.Itoa(int(n)) }
	tunnel := map[string]bool{}
	for i := range fs {
		tunnel[fs[i].ParentUUID] = true
	}
	for proto, want := range protos {
		got := byPair(fs, func(f *flow) (string, string, bool) {
			// The outer source port of a tunnel is no key of its flow.
			return text(f.Network.A) + " " + number(f.Transport.A), text(f.Network.B) + " " + number(f.Transport.B),
				f.Transport.Protocol == proto && !tunnel[f.UUID]
		})
		for _, k := range sortedKeys(got) {
			if want[k] != got[k] {
				return fmt.Errorf("%s %v: packets and bytes are %v; tshark says %v", proto, k, got[k], want)
			}
		}
		if len(tunnel) <= 1 && len(got) != len(want) { // without tunnels it is one to one
			return fmt.Errorf("%s: %v; tshark says %v", proto, got, want)
		}
	}
	return nil
}

func sameAddresses(fs []flow, want map[[2]string]int64) error {
	got := byPair(fs, func(f *flow) (string, string, bool) {
		return fmt.Sprint(f.Network.A), fmt.Sprint(f.Network.B), f.Network.A != nil && f.Network.Protocol != "" && f.LayersPath != "Ethernet/ARP"
	})
	for _, k := range sortedKeys(want) {
		if want[k] != got[k][0] {
			return fmt.Errorf("%d packets between %v; tshark says %d", got[k][0], k, want[k])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("packets between %v; tshark says %v", sortedKeys(got), sortedKeys(want))
	}
	return nil
}

// fields runs tshark and returns one row for each packet.
func fields(t *testing.T, tshark, file, filter string, names ...string) [][]string {
	t.Helper()
	args := []string{"-r", file, "-Y", filter, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=;", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"}
	for _, n := range names {
		args = append(args, "-e", n)
	}
	out, err := exec.Command(tshark, args...).Output()
	require.NoError(t, err)
	r := csv.NewReader(strings.NewReader(string(out)))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = '\t', len(names), true
	rows, err := r.ReadAll()
	require.NoError(t, err)
	return rows
}

// tsharkPairs adds up packets and bytes by addresses and ports, of packets in no
// tunnel.
func tsharkPairs(t *testing.T, tshark, file, proto string) map[[2]string][2]int64 {
	t.Helper()
	out := map[[2]string][2]int64{}
	for _, row := range fields(t, tshark, file, proto, "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", proto+".srcport", proto+".dstport", "frame.len") {
		src, dst := row[0]+row[2], row[1]+row[3]
		if strings.Contains(src, ";") || strings.Contains(row[4], ";") {
			continue
		}
		a, b := src+" "+row[4], dst+" "+row[5]
		n, err := strconv.ParseInt(row[6], 10, 64)
		require.NoError(t, err)
		k := [2]string{min(a, b), max(a, b)}
		out[k] = [2]int64{out[k][0] + 1, out[k][1] + n}
	}
	return out
}

// tsharkAddresses counts packets by addresses, once for each level they are at.
func tsharkAddresses(t *testing.T, tshark, file string) map[[2]string]int64 {
	t.Helper()
	out := map[[2]string]int64{}
	for _, row := range fields(t, tshark, file, "ip or ipv6", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst") {
		for _, pair := range [][2]string{{row[0], row[1]}, {row[2], row[3]}} {
			if pair[0] == "" {
				continue
			}
			src, dst := strings.Split(pair[0], ";"), strings.Split(pair[1], ";")
			for i := range src {
				out[[2]string{min(src[i], dst[i]), max(src[i], dst[i])}]++
			}
		}
	}
	return out
}
