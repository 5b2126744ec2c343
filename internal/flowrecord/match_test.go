package flowrecord_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
)

func TestConditions(t *testing.T) {
	table := flowrecord.NewTable()
	rec := flowrecordtest.Full(rand.New(rand.NewPCG(1, 2)))
	rec.NetworkA, rec.NetworkB = netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("2001:db8::1")
	rec.TransportA, rec.TransportB, rec.TransportProtocol, rec.Application = 40000, 443, "TCP", "HTTPS"
	rec.LinkA, _ = flowrecord.ParseMAC("02:00:00:00:00:0a")
	rec.Metric.ABBytes, rec.Metric.BABytes = 500, 0
	rec.DNS = entity.Map(entity.Attrs{entity.A("Questions", entity.Strings("a", "b"))})
	str, num := entity.String, func(n int64) entity.Value { return entity.Int(n) }
	network, ports := []string{"Network.A", "Network.B"}, []string{"Transport.A", "Transport.B"}
	for name, x := range map[string]struct {
		c    flowrecord.Condition
		want bool
	}{
		"address":       {flowrecord.Condition{Fields: network, Values: []entity.Value{str("10.1.2.3")}}, true},
		"long address":  {flowrecord.Condition{Fields: network, Values: []entity.Value{str("2001:0db8:0::1")}}, true},
		"other address": {flowrecord.Condition{Fields: network, Values: []entity.Value{str("10.1.2.4")}}, false},
		"no address":    {flowrecord.Condition{Fields: network, Values: []entity.Value{str("x")}}, false},
		"not":           {flowrecord.Condition{Fields: network, Values: []entity.Value{str("10.1.2.4")}, Not: true}, true},
		"network":       {flowrecord.Condition{Fields: network, Op: flowrecord.InNetwork, Values: []entity.Value{str("10.1.0.0/16")}}, true},
		"other network": {flowrecord.Condition{Fields: network, Op: flowrecord.InNetwork, Values: []entity.Value{str("10.2.0.0/16")}}, false},
		"port":          {flowrecord.Condition{Fields: ports, Values: []entity.Value{num(80), num(443)}}, true},
		"port as text":  {flowrecord.Condition{Fields: ports, Values: []entity.Value{str("443")}}, false},
		"none of none":  {flowrecord.Condition{Fields: ports}, false},
		"MAC":           {flowrecord.Condition{Fields: []string{"Link.A"}, Values: []entity.Value{str("02:00:00:00:00:0A")}}, true},
		"less":          {flowrecord.Condition{Fields: ports, Op: flowrecord.Less, Values: []entity.Value{num(443)}}, false},
		"less or equal": {flowrecord.Condition{Fields: ports, Op: flowrecord.LessEqual, Values: []entity.Value{num(443)}}, true},
		"greater":       {flowrecord.Condition{Fields: ports, Op: flowrecord.Greater, Values: []entity.Value{entity.Float(39999.5)}}, true},
		"at least":      {flowrecord.Condition{Fields: ports, Op: flowrecord.GreaterEqual, Values: []entity.Value{num(40001)}}, false},
		"text and less": {flowrecord.Condition{Fields: []string{"Application"}, Op: flowrecord.Less, Values: []entity.Value{num(1)}}, false},
		"exists":        {flowrecord.Condition{Fields: []string{"DNS"}, Op: flowrecord.Exists}, true},
		"a zero":        {flowrecord.Condition{Fields: []string{"Metric.BABytes"}, Op: flowrecord.LessEqual, Values: []entity.Value{num(0)}}, true},
		"inside":        {flowrecord.Condition{Fields: []string{"DNS.Questions"}, Values: []entity.Value{str("b")}}, true},
		"nothing there": {flowrecord.Condition{Fields: []string{"Nope"}, Op: flowrecord.Exists}, false},
	} {
		c, err := table.Conditions([]flowrecord.Condition{x.c})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Match(&rec) != x.want {
			t.Errorf("%s: %v", name, !x.want)
		}
		// What cannot match later does not match now.
		if x.want && !c.MayMatch(&rec) {
			t.Errorf("%s: it matches, and may not", name)
		}
	}
	for name, c := range map[string]flowrecord.Condition{
		"no field":  {Values: []entity.Value{num(1)}},
		"no value":  {Fields: network, Op: flowrecord.Less},
		"no prefix": {Fields: network, Op: flowrecord.InNetwork, Values: []entity.Value{str("10.1.2.3/99")}},
	} {
		if _, err := table.Conditions([]flowrecord.Condition{c}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestMayMatch: fields that change while a flow goes on do not rule it out.
func TestMayMatch(t *testing.T) {
	table := flowrecord.NewTable()
	rec := flowrecordtest.Full(rand.New(rand.NewPCG(1, 2)))
	for field, fixed := range map[string]bool{
		"UUID": true, "Host": true, "Application": true, "Start": true, "Link.A": true, "Transport.B": true, "ICMP.Type": true,
		"Last": false, "FinishType": false, "Metric.ABBytes": false, "TCPMetric.State": false, "DNS": false, "Network.Nope": false, "Nope": false,
	} {
		if table.Fixed(field) != fixed {
			t.Errorf("%s: fixed %v", field, !fixed)
		}
		c, err := table.Conditions([]flowrecord.Condition{{Fields: []string{field}, Values: []entity.Value{entity.String("something else")}}})
		if err != nil {
			t.Fatal(err)
		}
		if c.Match(&rec) || c.MayMatch(&rec) == fixed {
			t.Errorf("%s: match %v, may match %v", field, c.Match(&rec), c.MayMatch(&rec))
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.1.2.3": "10.1.2.3/32", "2001:db8::1": "2001:db8::1/128", "fe80::1%eth0": "", "10.0.0.0/33": "", "": "",
	} {
		p, ok := flowrecord.ParseNetwork(text)
		if ok != (want != "") || ok && p != netip.MustParsePrefix(want) {
			t.Errorf("%q: %v, %v", text, p, ok)
		}
	}
}
