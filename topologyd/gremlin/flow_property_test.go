package gremlin

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// deaf is a source of flows that ignores all that it may ignore.
type deaf struct{ *flowTable }

func (d deaf) Flows(ctx context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return d.flowTable.Flows(ctx, &flowrecord.Query{Live: q.Live, From: q.From, To: q.To})
}

// TestFlowsDifferential compares what a source gives that does all it is asked
// for, one that ignores the hints, and a naive evaluation: random filters and
// steps on random flows, at random times.
func TestFlowsDifferential(t *testing.T) {
	worlds, perWorld := 40, 150
	if testing.Short() {
		worlds = 6
	}
	empty, pushed, limited := 0, 0, 0
	for seed := range uint64(worlds) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		w := randomFlows(t, rnd)
		for range perWorld {
			text := (&flowGenerator{rnd}).query()
			q, err := Parse(text)
			if err != nil {
				t.Fatalf("seed %d: %s", seed, Explain(text, err))
			}
			src := w.sources()
			w.flows.asked = nil
			hinted, err := q.run(t.Context(), w.view, src, w.Now, Limits{})
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			for _, asked := range w.flows.asked {
				if len(asked.Where) > 0 {
					pushed++
				}
				if asked.Limit > 0 {
					limited++
				}
			}
			src.Flows = deaf{w.flows}
			plain, err := q.run(t.Context(), w.view, src, w.Now, Limits{})
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			a, b := w.show(hinted), w.show(plain)
			if !slices.Equal(a, b) {
				t.Fatalf("seed %d: %s\nasked for %+v\nhinted %q\nplain  %q", seed, text, w.flows.asked[0], a, b)
			}
			if strings.Contains(text, "'Capture.Name'") { // which is another spelling
				q = mustParse(t, strings.ReplaceAll(text, "'Capture.Name'", "'CaptureID'"))
			}
			if want := w.naiveFlows(t, q); !slices.Equal(a, want) {
				t.Fatalf("seed %d: %s\ngot  %q\nwant %q", seed, text, a, want)
			}
			if len(a) == 0 {
				empty++
			}
		}
	}
	t.Logf("%d queries, %d with an empty answer, %d with conditions for the source, %d with a limit", worlds*perWorld, empty, pushed, limited)
	if empty*3 > worlds*perWorld*2 || pushed*4 < worlds*perWorld || limited*20 < worlds*perWorld {
		t.Error("the queries test too little")
	}
}

// randomFlows makes a few interfaces and reports of flows on them.
func randomFlows(t *testing.T, rnd *rand.Rand) *world {
	w := newWorld(t)
	w.load("host h", "node n0 veth", "node n1 device", "node n2 veth", "edge h -> n0 ownership", "edge h -> n1 ownership", "edge h -> n2 ownership")
	var tids []entity.UUID
	for _, alias := range []string{"n0", "n1", "n2"} {
		tid, err := entity.ParseUUID(w.view.Node(w.Events[alias].Ref.UUID()).Attrs.Get(entity.KeyTID).Str())
		if err != nil {
			t.Fatal(err)
		}
		tids = append(tids, tid)
	}
	second := w.Now.Unix()
	for i := range 4 + rnd.IntN(12) {
		r := flowrecord.Record{TrackingID: flowrecord.Tracking(1 + rnd.IntN(4)), Application: choose(rnd, "", "HTTPS", "DNS", "ARP"), CaptureID: choose(rnd, "", "all", "web")}
		r.ID = entity.TID(entity.UUID{}, fmt.Sprint(i), "flow")
		w.flows.aliases[r.ID] = fmt.Sprintf("f%d", i)
		if rnd.IntN(5) > 0 {
			r.NodeTID = choose(rnd, tids...)
		}
		if rnd.IntN(4) > 0 {
			r.NetworkProtocol = "IPV4"
			addrs := []string{"10.0.0.1", "10.0.0.2", "10.1.0.1", "192.168.0.1"}
			r.NetworkA, r.NetworkB = netip.MustParseAddr(choose(rnd, addrs...)), netip.MustParseAddr(choose(rnd, addrs...))
			if rnd.IntN(2) == 0 {
				r.TransportProtocol, r.TransportA, r.TransportB = "TCP", choose[uint16](rnd, 0, 80, 443), choose[uint16](rnd, 53, 80, 443)
				r.TCP = &flowrecord.TCP{State: choose(rnd, "", "ESTABLISHED")}
			}
		}
		r.Finish = choose(rnd, flowrecord.NotFinished, flowrecord.NotFinished, flowrecord.FinishTimeout)
		start := second + rnd.Int64N(100)
		r.Metric.Start = start * 1e9
		for at := start; ; {
			r.Update = flowrecord.Metric{Start: at * 1e9, ABPackets: rnd.Int64N(3), BAPackets: rnd.Int64N(3)}
			at += rnd.Int64N(10)
			r.Metric.Last, r.Update.Last = at*1e9, at*1e9
			r.Metric.ABPackets += r.Update.ABPackets
			r.Metric.BAPackets += r.Update.BAPackets
			w.flows.reports = append(w.flows.reports, r)
			if rnd.IntN(3) == 0 {
				break
			}
		}
		w.Now = w.Now.Add(6e9)
	}
	return w
}

func choose[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

// onePerConversation leaves the flow with the most packets of each conversation,
// where its first one was.
func onePerConversation(list []flowrecord.Record) (out []flowrecord.Record) {
	done := map[flowrecord.Tracking]bool{}
	for _, r := range list {
		if done[r.TrackingID] {
			continue
		}
		done[r.TrackingID] = true
		best := r
		for _, o := range list {
			if o.TrackingID == r.TrackingID && o.Metric.ABPackets+o.Metric.BAPackets > best.Metric.ABPackets+best.Metric.BAPackets {
				best = o
			}
		}
		out = append(out, best)
	}
	return out
}

// naiveFlows evaluates G[.At].[V(…)].Flows(…) and the steps after it that the
// generator writes, in the most obvious way.
func (w *world) naiveFlows(t *testing.T, q *Query) []string {
	in := window{}
	var list []flowrecord.Record
	nodes := bag{}
	n := newNaive(w.view)
	n.named = map[string]bag{}
	var numbers []string
	for i := range q.steps {
		s := &q.steps[i]
		ends := s.name != "Dedup" // a group is its two ends
		at := func(i int) lookupFunc {
			return func(path string, yield func(entity.Value) bool) {
				if ends && sides(path) {
					w.flows.table.Lookup(&list[i], path+".A", yield)
					path += ".B"
				}
				w.flows.table.Lookup(&list[i], path, yield)
			}
		}
		keep := func(pass func(lookupFunc) bool) {
			var out []flowrecord.Record
			for i := range list {
				if pass(at(i)) {
					out = append(out, list[i])
				}
			}
			list = out
		}
		switch s.name {
		case "G":
		case "At", "Context":
			from, to := s.args[0].val.Int(), s.args[0].val.Int()
			if len(s.args) > 1 {
				from -= s.args[1].val.Int()
			}
			in = window{past: true, from: from * 1e9, to: to * 1e9}
		case "V":
			nodes = n.step(s, bag{kind: KindGraph})
		case "Flows":
			list = w.flows.newest(&flowrecord.Query{Live: !in.past, From: in.from, To: in.to})
			if nodes.kind == KindNodes {
				seen := map[string]bool{}
				for _, x := range nodes.nodes {
					seen[x.Attrs.Get(entity.KeyTID).Str()] = true
				}
				list = slices.DeleteFunc(list, func(r flowrecord.Record) bool { return !seen[r.NodeTID.String()] })
			}
			if len(s.args) > 0 {
				keep(func(at lookupFunc) bool { return passesAll(at, s.args, false) })
			}
		case "Has", "HasEither", "HasKey":
			keep(func(at lookupFunc) bool { return passesAll(at, s.args, s.name == "HasEither") })
		case "HasNot":
			keep(func(at lookupFunc) bool { return len(values(at, s.args[0].val.Str())) == 0 })
		case "Dedup":
			key := "TrackingID"
			if len(s.args) > 0 {
				key = s.args[0].val.Str()
			}
			if key == "TrackingID" {
				list = onePerConversation(list)
				break
			}
			seen := map[string]bool{}
			keep(func(at lookupFunc) bool {
				vs := values(at, key)
				text := fmt.Sprint(len(vs))
				for _, v := range vs {
					text += " " + v.Text()
				}
				fresh := !seen[text] || len(vs) == 0
				seen[text] = true
				return fresh
			})
		case "Sort":
			key, down := "Last", len(s.args) > 0 && s.args[0].isFn(fnDesc)
			if k := len(s.args) - 1; k >= 0 && s.args[k].fn == nil {
				key = s.args[k].val.Str()
			}
			slices.SortFunc(list, func(a, b flowrecord.Record) int {
				var va, vb entity.Value
				w.flows.table.Lookup(&a, key, func(v entity.Value) bool { va = v; return false })
				w.flows.table.Lookup(&b, key, func(v entity.Value) bool { vb = v; return false })
				c := 0
				switch {
				case va.IsZero() != vb.IsZero():
					c = cmp.Compare(missing(va), missing(vb))
				case va.IsZero():
				case down:
					c = entity.Compare(vb, va)
				default:
					c = entity.Compare(va, vb)
				}
				return cmp.Or(c, strings.Compare(a.ID.String(), b.ID.String()))
			})
		case "Limit":
			list = list[:min(len(list), int(s.args[0].val.Int()))]
		case "Range":
			end := min(len(list), int(s.args[1].val.Int()))
			list = list[min(end, int(s.args[0].val.Int())):end]
		case "Count":
			return []string{fmt.Sprint(len(list))}
		case "Values":
			for i := range list {
				w.flows.table.Lookup(&list[i], s.args[0].val.Str(), func(v entity.Value) bool {
					numbers = append(numbers, string(v.AppendJSON(nil)))
					return true
				})
			}
			return numbers
		default:
			t.Fatal("the naive evaluation does not know " + s.name)
		}
	}
	out := []string{}
	for i := range list {
		out = append(out, w.flows.aliases[list[i].ID])
	}
	return out
}

// flowGenerator writes random queries on flows.
type flowGenerator struct{ rnd *rand.Rand }

func (g *flowGenerator) one(of ...string) string { return choose(g.rnd, of...) }

func (g *flowGenerator) pair() string {
	key := g.one("Network", "Network.A", "Network.B", "Transport", "Transport.A", "Transport.B", "Application", "TrackingID",
		"Metric.ABPackets", "Metric.BAPackets", "LastUpdateMetric.ABPackets", "TCPMetric.State", "FinishType", "Network.Protocol", "Start", "Capture.Name", "CaptureID")
	literal := func() string {
		if g.rnd.IntN(5) == 0 {
			return g.one("'10.0.0.1'", "80", "53.0", "443.5", "'443'", "'HTTPS'", "'0000000000000001'", "0", "TRUE")
		}
		switch key {
		case "Network", "Network.A", "Network.B":
			return g.one("'10.0.0.1'", "'10.0.0.2'", "'10.1.0.1'", "'192.168.0.1'")
		case "Transport", "Transport.A", "Transport.B":
			return g.one("80", "443", "53", "443.0")
		case "Application":
			return g.one("'HTTPS'", "'DNS'", "'ARP'")
		case "TrackingID":
			return g.one("'0000000000000001'", "'0000000000000002'", "'0000000000000003'")
		case "FinishType":
			return g.one("'TIMEOUT'", "'NOT_FINISHED'", "'NOT_FINISHED'")
		case "TCPMetric.State":
			return "'ESTABLISHED'"
		case "Network.Protocol":
			return "'IPV4'"
		case "Capture.Name", "CaptureID":
			return g.one("'all'", "'web'")
		}
		return g.one("0", "1", "2", "3", "4", "5")
	}
	value := ""
	switch g.rnd.IntN(10) {
	case 0:
		value = g.one("NE", "NEE") + "(" + literal() + ")"
	case 1, 2:
		value = g.one("LT", "GT", "LTE", "GTE") + "(" + g.one("0", "1", "2", "80", "100", "442.5", "443.0") + ")"
	case 3:
		value = g.one("INSIDE", "BETWEEN", "OUTSIDE") + "(" + g.one("0, 2", "53, 443", "1, 80.5", "79.5, 80.5") + ")"
	case 4, 5:
		value = g.one("WITHIN", "WITHOUT") + "(" + literal() + ", " + literal() + ", " + literal() + ")"
	case 6:
		value = "IPV4RANGE('" + g.one("10.0.0.0/8", "10.0.0.1/32", "192.168.0.0/16") + "')"
	case 7:
		value = "REGEX('" + g.one("H.*", "10[.].*", ".*1", "TCP|DNS") + "')"
	default:
		value = literal()
	}
	return "'" + key + "', " + value
}

func (g *flowGenerator) query() string {
	text := stepG
	switch at := 10 + g.rnd.Int64N(110); g.rnd.IntN(4) {
	case 0:
		text += fmt.Sprintf(".At(%d)", at)
	case 1, 2:
		text += fmt.Sprintf(".Context(%d, %d)", at, 30+g.rnd.IntN(100))
	}
	// The graph does not change after it was made, so the present one will do.
	switch g.rnd.IntN(6) {
	case 0:
		text += ".V()"
	case 1:
		text += ".V('Type', '" + g.one("veth", "device", "host") + "')"
	}
	text += ".Flows(" + g.one("", "", "", g.pair(), g.pair()+", "+g.pair()) + ")"
	for range g.rnd.IntN(3) {
		switch g.rnd.IntN(9) {
		case 0, 1, 2:
			text += ".Has(" + g.pair() + ")"
		case 3:
			text += ".HasEither(" + g.pair() + ", " + g.pair() + ")"
		case 4:
			text += "." + g.one("HasKey", "HasNot") + "('" + g.one("Network", "Transport.A", "TCPMetric", "Application", "Metric.BAPackets") + "')"
		case 5:
			text += ".Dedup(" + g.one("", "", "'Application'", "'Network.A'", "'Network'") + ")"
		case 6, 7:
			text += ".Sort(" + g.one("", "DESC", "'Start'", "DESC, 'Metric.ABPackets'", "'Metric.BAPackets'", "DESC, 'Transport.A'", "'Application'") + ")"
			if g.rnd.IntN(3) > 0 {
				text += g.one(".Limit(1)", ".Limit(2)", ".Limit(4)", ".Range(1, 3)")
			}
		case 8:
			text += g.one(".Limit(0)", ".Limit(1)", ".Limit(3)", ".Range(1, 3)", ".Range(2, 2)")
		}
	}
	return text + g.one("", "", ".Count()", ".Values('Application')", ".Values('Transport')")
}
