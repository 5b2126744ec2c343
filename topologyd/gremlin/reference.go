package gremlin

// Reference describes a step or a function of the language, for editors and
// those who write queries.
type Reference struct {
	Name string
	// Function is set for what stands as an argument, not for steps.
	Function bool
	// Arguments are those it takes, with brackets around those that may be left
	// out; "" when there are no parentheses.
	Arguments string
	// On are the kinds that the step works on, Gives those it gives; functions
	// have none. Several kinds in Gives depend on what it works on.
	On, Gives []Kind
	// Detail says in one line what it does, Example is a query with it.
	Detail, Example string
}

// References returns the steps of the language, in the order of its table, and
// after them the functions.
func References() []Reference {
	table, help := steps(), stepHelp()
	out := make([]Reference, 0, len(table)+len(functions()))
	for i := range table {
		s, h := &table[i], help[table[i].name]
		r := Reference{Name: s.name, Arguments: h.args, Detail: h.detail, Example: h.example}
		for k := KindGraph; k <= lastKind; k++ {
			// Times stand directly after G.
			if s.on.has(k) && (h.takes != takesTime || k == KindGraph) {
				r.On = append(r.On, k)
			}
		}
		r.Gives = h.kinds(s)
		out = append(out, r)
	}
	texts := functionHelp()
	for _, f := range functions() {
		h := texts[f.name]
		out = append(out, Reference{Name: f.name, Function: true, Arguments: h.args, Detail: h.detail, Example: h.example})
	}
	return out
}

// takes is what the arguments of a step mean, for those who complete them.
type takes uint8

const (
	_ takes = iota // nothing
	// takesFilter: keys and values in turn.
	takesFilter
	// takesDepth: keys and values of edges in turn, and a depth.
	takesDepth
	// takesTarget: METADATA of a node and METADATA of edges.
	takesTarget
	takesKey
	takesKeys
	takesSort
	takesTime
	takesNumber
	// takesName: a name that is given; takesNames: names that were given.
	takesName
	takesNames
	takesMetric
	takesSlices
	// takesBy: a key of what the step before works on, or a sub-traversal.
	takesBy
	// takesTraversal: a sub-traversal.
	takesTraversal
	// takesPredicate: a value or a predicate.
	takesPredicate
)

// help is what there is to say of a step beside what it does.
type help struct {
	args, detail, example string
	// gives is the kind it gives, KindNone that which it is given; absent steps
	// give nothing: they are known and refused.
	gives  Kind
	absent bool
	takes  takes
	// of is whose keys the arguments name, KindNone of what the step is given.
	of Kind
}

// kinds are all that a step can give.
func (h *help) kinds(s *step) []Kind {
	if h.absent {
		return nil
	}
	var out []Kind
	seen := kinds(0)
	for k := KindGraph; k <= lastKind; k++ {
		if !s.on.has(k) {
			continue
		}
		gives := []Kind{h.from(s.name, k)}
		switch {
		case s.name == "Select":
			gives = []Kind{KindNodes, KindEdges}
		case s.name == "Sum" && k == KindMetrics:
			gives = append(gives, KindMap)
		}
		for _, g := range gives {
			if !seen.has(g) {
				seen |= 1 << g
				out = append(out, g)
			}
		}
	}
	return out
}

// from is the kind that a step gives of another kind, as far as that does not
// depend on its arguments.
func (h *help) from(name string, in Kind) Kind {
	switch {
	case h.absent:
		return KindNone
	case name == "Dedup" && in == KindPaths:
		return KindNodes
	case name == "Is" && in == KindNumber:
		return KindValues
	case h.gives == KindNone:
		return in
	default:
		return h.gives
	}
}
