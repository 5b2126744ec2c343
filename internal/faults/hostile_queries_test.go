package faults

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// hostile writes queries that cost as much as they can, or make no sense.
type hostile struct{ rnd *rand.Rand }

func pick(rnd *rand.Rand, choices ...string) string { return choices[rnd.IntN(len(choices))] }

// query gives the next one.
func (h *hostile) query() string {
	text := h.known()
	if h.rnd.IntN(4) == 0 {
		text = "G" + h.at() + "." + h.start() + h.chain(1+h.rnd.IntN(8), 4)
	}
	switch h.rnd.IntN(12) {
	case 0:
		return h.damaged(text)
	case 1:
		return text + pick(h.rnd, ".Count()", ".Limit(999999999999)", ".Sort('Name').Limit(3)", ".SubGraph()", ".Dedup('Name','MAC')", ".Path()")
	}
	return text
}

// known are queries that are known to be expensive.
func (h *hostile) known() string {
	n := func(most int) int { return 1 + h.rnd.IntN(most) }
	switch h.rnd.IntN(24) {
	case 0:
		return "G.V()" + strings.Repeat(".Both()", n(14))
	case 1:
		return "G.V()" + strings.Repeat(".BothE().BothV()", n(8)) + ".Count()"
	case 2:
		return fmt.Sprintf("G.V().Repeat(Both()).Times(%d).Path()", n(1000))
	case 3:
		return "G.V().Repeat(Both()).Emit().Path()"
	case 4:
		return "G.V()" + strings.Repeat(".Sort(DESC,'Name')", n(30))
	case 5:
		return fmt.Sprintf("G.V().Has('Name', REGEX('(%s)*x'))", strings.Repeat("(a|h|o|.)*", n(60)))
	case 6:
		return "G.V().ShortestPathTo(METADATA('Type','veth'))"
	case 7:
		return "G.V().Has('Type','host').ShortestPathTo(METADATA('Type','nothing'), METADATA('RelationType',REGEX('.*')), 'Weight')"
	case 8:
		var b strings.Builder
		for i := range n(4000) {
			fmt.Fprintf(&b, ",'host-%d-eth%d'", i, i%100)
		}
		return "G.V().Has('Name', WITHIN(" + b.String()[1:] + ")).Both().Both()"
	case 9:
		return "G.V().Group().By('Name').By(Both().Both().Count())"
	case 10:
		return fmt.Sprintf("G.V().Where(Repeat(Both()).Times(%d))", n(100))
	case 11:
		var b strings.Builder
		for i := range n(60) {
			fmt.Fprintf(&b, ".V().As('s%d').G", i)
		}
		return "G" + b.String() + ".Select('s0')"
	case 12:
		return "G" + strings.Repeat(".V().SubGraph()", n(60))
	case 13:
		return "G.V().Neighbors(0).Neighbors(0).Neighbors(0).ValueMap('Name','MAC','IPV4','State')"
	case 14:
		return "G.V().Order().By(Both().Both().Count(), DESC)"
	case 15:
		return "G.V().Where(" + strings.Repeat("Not(", n(31)) + "Has('Name')" + strings.Repeat(")", n(31)) + ")"
	case 16:
		return "G.V().Project('a','b','c').By(Both().Both().Both().Count()).By(Keys()).By(Descendants(0).Count())"
	case 17:
		return "G.V().Values('" + strings.Repeat("a.", n(20000)) + "')"
	case 18:
		return "G.E().BothV().Neighbors('RelationType', REGEX('.*'), 0).Dedup('Name').Sum('MTU')"
	case 19:
		return "G.Context(FOREVER).V().Both().Both().Dedup()"
	case 20:
		return fmt.Sprintf("G.At('-%ds').V().Has('Name', REGEX('.*%d')).Both()", n(60), n(9))
	case 21:
		return "G.V().Keys().Sort().Dedup().Count()"
	case 22:
		return "G"
	default:
		return "G.V().Or(" + strings.Repeat("Where(Both().Both()),", n(40)) + "Has('a'))"
	}
}

func (h *hostile) at() string {
	return pick(h.rnd, "", "", "", "", ".At('-1s')", ".At('-20s')", ".Context('-1s', 30)", ".At(FOREVER)")
}

func (h *hostile) start() string {
	return pick(h.rnd, "V()", "V()", "V()", "E()", "V('Type','veth')", "V('Name', REGEX('.*9'))", "V().As('x')")
}

// chain gives steps that may or may not fit.
func (h *hostile) chain(steps, depth int) string {
	var b strings.Builder
	for range steps {
		b.WriteString("." + h.step(depth))
	}
	return b.String()
}

func (h *hostile) step(depth int) string {
	sub := func() string {
		if depth == 0 {
			return "Both()"
		}
		return strings.TrimPrefix(h.chain(1+h.rnd.IntN(3), depth-1), ".")
	}
	key := func() string {
		return pick(h.rnd, "'Name'", "'Type'", "'MTU'", "'IPV4'", "'@ID'", "'nothing'", "'LinkFlags'", "'Metric.RxBytes'", "'RelationType'")
	}
	value := func() string {
		return pick(h.rnd, "'veth'", "1500", "TRUE", "NE('x')", "GT(3)", "REGEX('.*1.*')", "IPV4RANGE('10.0.0.0/9')", "WITHIN('veth',1,TRUE)", "OUTSIDE(1,2)")
	}
	switch h.rnd.IntN(22) {
	case 0, 1, 2:
		return pick(h.rnd, "Both()", "In()", "Out()")
	case 3:
		return pick(h.rnd, "BothE()", "InE()", "OutE()", "BothV()")
	case 4, 5:
		return "Has(" + key() + ", " + value() + ")"
	case 6:
		return "Where(" + sub() + ")"
	case 7:
		return pick(h.rnd, "Not", "And", "Or") + "(" + sub() + ")"
	case 8:
		return fmt.Sprintf("Repeat(%s).%s", sub(), pick(h.rnd, "Times(3)", "Times(1000)", "Emit()", "Until("+sub()+")", "Emit("+sub()+").Times(7)"))
	case 9:
		return "Order().By(" + pick(h.rnd, key(), sub()) + ", DESC)"
	case 10:
		return "Group().By(" + pick(h.rnd, key(), sub()) + ").By(" + pick(h.rnd, key(), sub()) + ")"
	case 11:
		return "Project('a').By(" + sub() + ")"
	case 12:
		return pick(h.rnd, "Neighbors(0)", "Descendants(0)", "Ascendants(9)", "Neighbors(3)")
	case 13:
		return "Dedup(" + pick(h.rnd, "", key()) + ")"
	case 14:
		return "Sort(" + pick(h.rnd, "", "DESC", key()) + ")"
	case 15:
		return pick(h.rnd, "Values("+key()+")", "ValueMap()", "Keys()", "Sum('MTU')", "Count()")
	case 16:
		return pick(h.rnd, "SubGraph()", "G.V()", "As('y')", "Select('x','y')")
	case 17:
		return "ShortestPathTo(METADATA(" + key() + ", " + value() + "))"
	case 18:
		return pick(h.rnd, "Limit(0)", "Limit(1000000)", "Range(5, 900000)")
	case 19:
		return pick(h.rnd, "Metrics()", "Metrics().Aggregates(1)", "NextHop('10.0.0.1')", "Flows()", "Path()")
	case 20:
		return "Is(" + value() + ")"
	default:
		return "HasEither(" + key() + ", " + value() + ", " + key() + ", " + value() + ")"
	}
}

// damaged changes a text so that it is a query no more, most of the time.
func (h *hostile) damaged(text string) string {
	b := []byte(text)
	for range 1 + h.rnd.IntN(4) {
		i := h.rnd.IntN(len(b))
		switch h.rnd.IntN(4) {
		case 0:
			b[i] = byte(h.rnd.IntN(256))
		case 1:
			b = append(b[:i], b[min(len(b), i+1+h.rnd.IntN(8)):]...)
		case 2:
			b = append(b[:i:i], append([]byte(pick(h.rnd, "(", ")", "'", `\`, ".", "__.", "\x00", "\xff", "é", "G")), b[i:]...)...)
		default:
			if part := b[i:min(len(b), i+200)]; len(b) < 60<<10 {
				b = append(b[:len(b):len(b)], part...)
			}
		}
		if len(b) == 0 {
			return ""
		}
	}
	return string(b)
}
