package openflow

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recordedActions are the bytes of all lists of actions of a record, and of each
// action by itself.
func recordedActions(t *testing.T, v Version) [][]byte {
	t.Helper()
	var out [][]byte
	add := func(b []byte) {
		if len(b) == 0 {
			return
		}
		out = append(out, b)
		for len(b) >= 8 {
			n := int(binary.BigEndian.Uint16(b[2:]))
			if n < 8 || n > len(b) {
				return
			}
			out, b = append(out, b[:n]), b[n:]
		}
	}
	for _, p := range recorded(t, v.String()+"-flows") {
		_ = entries(p.Body, "flow", func(b []byte) error {
			if v == V10 {
				add(b[48+roundUp8(int(binary.BigEndian.Uint16(b[18:]))):])
				return nil
			}
			b = b[map[bool]int{true: 24, false: 48}[v == V15]:]
			b = b[roundUp8(int(binary.BigEndian.Uint16(b[2:]))):] // the match
			if v == V15 {
				b = b[roundUp8(int(binary.BigEndian.Uint16(b[2:]))):] // the statistics
			}
			return entriesAt2(b, func(i []byte) {
				if binary.BigEndian.Uint16(i) == 4 {
					add(i[8:])
				}
			})
		})
	}
	return out
}

// entriesAt2 calls each with each entry of a list whose length is its second
// number.
func entriesAt2(b []byte, each func([]byte)) error {
	for len(b) >= 8 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 8 || n > len(b) {
			return ErrShort
		}
		each(b[:n])
		b = b[n:]
	}
	return nil
}

// Recorded actions with some bytes changed, as far as ovs-ofctl takes them for
// actions, are printed as it prints them.
func TestMutatedActionsPrintAsOVSOfctlDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs ovs-ofctl: not with -short")
	}
	if _, err := exec.LookPath("ovs-ofctl"); err != nil {
		t.Skip("needs ovs-ofctl")
	}
	for v := V10; v <= V15; v++ {
		rng := rand.New(rand.NewPCG(uint64(v), 8)) //nolint:gosec // the same every time
		samples := recordedActions(t, v)
		var list [][]byte
		for len(list) < 12000 {
			b := bytes.Clone(samples[rng.IntN(len(samples))])
			mutate(rng, b[4:]) // not the type and length of the first
			list = append(list, b)
		}
		taken, wrong := 0, 0
		for i, want := range ofctlActions(t, v, list) {
			if want == "" {
				continue
			}
			taken++
			if _, got := newDecoder(v).actionList(list[i]); got != want && !oursIsBetter(got) {
				if wrong++; wrong <= 20 {
					t.Errorf("%v: %x\n is %s\nnot %s", v, list[i], got, want)
				}
			}
		}
		t.Logf("%v: %d of %d are actions, %d differ", v, taken, len(list), wrong)
		if taken < 1000 {
			t.Errorf("%v: ovs-ofctl takes only %d", v, taken)
		}
	}
}

// mutate changes one to three bytes.
func mutate(rng *rand.Rand, b []byte) {
	for range 1 + rng.IntN(3) {
		i := rng.IntN(len(b))
		switch rng.IntN(4) {
		case 0:
			b[i] = byte(rng.Uint32())
		case 1:
			b[i] ^= 1 << rng.IntN(8)
		case 2:
			b[i] = 0
		case 3:
			b[i] = 0xff
		}
	}
}

// matchSpan is where the match of an entry of flow statistics stands.
func matchSpan(v Version, b []byte) (start, end int) {
	switch v {
	case V10:
		return 48, 48 + int(binary.BigEndian.Uint16(b[18:]))
	case V15:
		return 28, 24 + int(binary.BigEndian.Uint16(b[26:]))
	}
	return 52, 48 + int(binary.BigEndian.Uint16(b[50:]))
}

// oursIsBetter says of what ovs-ofctl leaves out and we show: a value of nothing
// under a mask, ports without a protocol, contexts without NSH's type 1, flags and
// lengths that can not be. Open vSwitch sends none of these.
func oursIsBetter(rule string) bool {
	for _, part := range []string{"tun_erspan", "gtpu", "=0/0", "<error>", "ct_tp_", "nsh_c", "oxm0x"} {
		if strings.Contains(rule, part) {
			return true
		}
	}
	return false
}

// Recorded rules with some bytes of their match changed, as far as ovs-ofctl
// takes them for rules, are printed as it prints them.
func TestMutatedMatchesPrintAsOVSOfctlDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs ovs-ofctl: not with -short")
	}
	if _, err := exec.LookPath("ovs-ofctl"); err != nil {
		t.Skip("needs ovs-ofctl")
	}
	for _, name := range []string{
		"OpenFlow10-flows", "OpenFlow11-flows", "OpenFlow12-flows", "OpenFlow13-flows",
		"OpenFlow14-flows", "OpenFlow15-flows",
	} {
		parts := recorded(t, name)
		v := parts[0].Version
		rng := rand.New(rand.NewPCG(uint64(v), 9)) //nolint:gosec // the same every time
		var samples [][]byte
		for _, p := range parts {
			_ = entries(p.Body, "flow", func(b []byte) error {
				if start, end := matchSpan(v, b); end > start {
					samples = append(samples, b)
				}
				return nil
			})
		}
		var list []Message
		for len(list) < 8000 {
			b := bytes.Clone(samples[rng.IntN(len(samples))])
			start, end := matchSpan(v, b)
			mutate(rng, b[start:end])
			raw := Dialect{v}.statsRequest(uint32(len(list)), statsFlow, b)
			if v == V10 {
				raw = Dialect{v}.vendorRequest(uint32(len(list)), vendorNicira, nxstFlow, b)
			}
			raw[1]++ // the reply to that
			list = append(list, parse(t, raw))
		}
		taken, wrong := 0, 0
		for i, want := range ofctlRules(t, list) {
			if want == "" {
				continue
			}
			taken++
			p, err := list[i].Part()
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			err = DecodeFlowStats(p, func(r *Rule) error { got = r.String(); return nil })
			if _, rest, ok := strings.Cut(got, "priority="); ok {
				got = "priority=" + rest
			}
			if err != nil || got != want && !oursIsBetter(got) {
				if wrong++; wrong <= 20 {
					start, end := matchSpan(v, p.Body)
					t.Errorf("%s: %x, %v\n is %s\nnot %s", name, p.Body[start:end], err, got, want)
				}
			}
		}
		t.Logf("%s: %d of %d are rules, %d differ", name, taken, len(list), wrong)
		if taken < 500 {
			t.Errorf("%s: ovs-ofctl takes only %d", name, taken)
		}
	}
}

// ofctlRules is what ovs-ofctl prints for messages with one rule each, from its
// priority on, "" where it takes them for none.
func ofctlRules(t *testing.T, list []Message) []string {
	t.Helper()
	var raw []byte
	for _, m := range list {
		raw = append(raw, message(m.Version, m.Type, m.XID, m.Body)...)
	}
	path := filepath.Join(t.TempDir(), "messages")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text, err := exec.CommandContext(ctx, "ovs-ofctl", "--verbose=off", "ofp-parse", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(list))
	at := -1
	for line := range strings.Lines(string(text)) {
		if _, xid, ok := strings.Cut(line, "(xid=0x"); ok {
			n, err := strconv.ParseUint(xid[:strings.IndexByte(xid, ')')], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			at = int(n)
		} else if i := strings.Index(line, "priority="); i >= 0 && strings.HasPrefix(line, " ") {
			out[at] = strings.TrimSuffix(line[i:], "\n")
		}
	}
	return out
}

// ofctlActions is what ovs-ofctl prints for each list of actions, "" where it
// takes them for none.
func ofctlActions(t *testing.T, v Version, list [][]byte) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ovs-ofctl", "--verbose=off", "parse-actions", v.String())
	var in strings.Builder
	for _, b := range list {
		in.WriteString(hex.EncodeToString(b) + "\n")
	}
	cmd.Stdin = strings.NewReader(in.String())
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "actions="):
			out = append(out, strings.TrimPrefix(line, "actions="))
		case strings.HasPrefix(line, "bad "):
			out = append(out, "")
		}
	}
	if len(out) != len(list) {
		t.Fatalf("%v: ovs-ofctl answers %d of %d", v, len(out), len(list))
	}
	return slices.Clip(out)
}
