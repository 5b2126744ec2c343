package gremlin

import "strings"

// where writes a step that takes sub-traversals as conditions.
func (g *generator) where(kind Kind) string {
	switch g.rnd.IntN(4) {
	case 0:
		return "Not(" + g.condition(kind) + ")"
	case 1:
		return g.one("And", "Or") + "(" + g.condition(kind) + ", " + g.condition(kind) + ")"
	default:
		return "Where(" + g.condition(kind) + ")"
	}
}

// condition writes a sub-traversal that gives something or nothing: no number.
func (g *generator) condition(kind Kind) string {
	if g.rnd.IntN(2) == 0 {
		if kind == KindEdges {
			return g.one("OutV()", "InV("+g.filter()+")", "BothV().Out()", "InV().Has("+g.key()+")")
		}
		return g.one("Out()", "In()", "Both("+g.filter()+")", "OutE().OutV()", "Both().Both()", "Has("+g.key()+")")
	}
	text, end := g.sub(kind)
	if end == KindNumber {
		text += ".Is(" + g.one("0", "1", "GT(0)", "GT(1)", "LTE(2)", "NE(3)") + ")"
	}
	return text
}

// sub writes a sub-traversal and tells what it gives.
func (g *generator) sub(kind Kind) (string, Kind) {
	if g.depth++; g.depth > 3 {
		g.depth--
		return "Has(" + g.pairs(1) + ")", kind
	}
	var steps []string
	for range 1 + g.rnd.IntN(3) {
		step, next := g.step(kind)
		if step == "" {
			break
		}
		steps, kind = append(steps, step), next
	}
	g.depth--
	text := strings.Join(steps, ".")
	if g.rnd.IntN(8) == 0 {
		text = "__." + text
	}
	return text, kind
}

// arrange writes a step with By after it.
func (g *generator) arrange(kind Kind) (string, Kind) {
	by := func(after string) string {
		what := g.key()
		if g.rnd.IntN(2) == 0 {
			what, _ = g.sub(kind)
		}
		return ".By(" + what + after + ")"
	}
	switch g.rnd.IntN(4) {
	case 0:
		return "Project('a', 'b')" + by("") + by(""), KindMaps
	case 1:
		if g.depth > 0 { // a group is no element
			break
		}
		text := g.one("Group()", "Group()", "Group('A')") + by("")
		if strings.HasPrefix(text, "Group()") && g.rnd.IntN(2) == 0 {
			text += by("")
		}
		return text, KindGroups
	}
	text := "Order()"
	for range g.rnd.IntN(3) {
		text += by(g.one("", "", ", ASC", ", DESC"))
	}
	return text, kind
}

// repeat writes Repeat with what belongs to it.
func (g *generator) repeat(kind Kind) string {
	step := g.one("Out", "In", "Both") + "(" + g.filter() + ")"
	if kind == KindEdges {
		step = g.one("OutV().OutE()", "BothV().BothE()", "InV().InE("+g.filter()+")")
	}
	if g.rnd.IntN(3) == 0 {
		step += ".Has(" + g.pairs(1) + ")"
	}
	text := "Repeat(" + step + ")"
	modulators := []string{".Times(" + g.one("1", "2", "3", "5") + ")", ".Until(" + g.condition(kind) + ")", ".Emit()", ".Emit(" + g.condition(kind) + ")"}
	g.rnd.Shuffle(len(modulators), func(i, j int) { modulators[i], modulators[j] = modulators[j], modulators[i] })
	n := 1 + g.rnd.IntN(3)
	emits := false
	for _, m := range modulators[:n] {
		if strings.HasPrefix(m, ".Emit") {
			if emits {
				continue
			}
			emits = true
		}
		text += m
	}
	return text
}

// ways writes a query whose answer are the ways to its elements.
func (g *generator) ways() string {
	text, kind := stepG+g.at+"."+g.one("V()", "V()", "V()", "E()", "V("+g.pairs(1)+")"), KindNodes
	if strings.HasSuffix(text, "E()") {
		kind = KindEdges
	}
	for range g.rnd.IntN(5) {
		step := ""
		switch n := g.rnd.IntN(10); {
		case n < 4 && kind == KindNodes:
			step = g.one("In", "Out", "Both", "Both") + "(" + g.few() + ")"
		case n < 6 && kind == KindNodes:
			step, kind = g.one("InE", "OutE", "BothE", "BothE")+"("+g.few()+")", KindEdges
		case n < 6:
			step, kind = g.one("InV", "OutV", "BothV")+"("+g.few()+")", KindNodes
		case n == 6:
			step = "Limit(" + g.one("1", "3", "20", "100") + ")"
		case n == 7:
			step = g.one("Dedup()", "Shared('A')", "Shared('Type')")
		case n == 8:
			step = g.where(kind)
		default:
			step = "HasEither(" + g.pairs(2) + ")"
		}
		text += "." + step
	}
	return text + ".Path()"
}

// few is a filter now and then.
func (g *generator) few() string {
	if g.rnd.IntN(4) > 0 {
		return ""
	}
	return g.filter()
}
