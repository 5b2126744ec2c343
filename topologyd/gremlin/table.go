package gremlin

// Kind tells what a step gives, and what a query results in.
type Kind uint8

// The kinds. Maps are values that are all maps (ValueMap).
const (
	KindNone Kind = iota
	KindGraph
	KindNodes
	KindEdges
	KindValues
	KindMaps
	KindNumber
	KindPaths
)

// String returns the kind as messages and answers name it.
func (k Kind) String() string {
	switch k {
	case KindGraph:
		return "graph"
	case KindNodes:
		return "nodes"
	case KindEdges:
		return "edges"
	case KindValues:
		return "values"
	case KindMaps:
		return "maps"
	case KindNumber:
		return "number"
	case KindPaths:
		return "paths"
	default:
		return "nothing"
	}
}

// kinds is a set of kinds.
type kinds uint16

const (
	onGraph  = kinds(1) << KindGraph
	onNodes  = kinds(1) << KindNodes
	onEdges  = kinds(1) << KindEdges
	onValues = kinds(1)<<KindValues | kinds(1)<<KindMaps
	onPaths  = kinds(1) << KindPaths

	onElements = onNodes | onEdges
	onStreams  = onElements | onValues | onPaths
	onAll      = onGraph | onStreams | 1<<KindNumber
)

func (s kinds) has(k Kind) bool { return s>>k&1 != 0 }

func (s kinds) names() []string {
	var out []string
	for k := KindGraph; k <= KindPaths; k++ {
		if s.has(k) {
			out = append(out, k.String())
		}
	}
	return out
}

// stepG is the step with which every query starts; used again, it goes back to
// the whole graph.
const stepG = "G"

// step is one entry of the step table.
type step struct {
	// name is the canonical spelling.
	name string
	// on is what the step works on.
	on kinds
	// bare is set when the parentheses may be left out.
	bare bool
	// build checks the arguments and makes the operator and the kind it gives.
	build func(c *compiler, s *call, in Kind) (op, Kind, error)
}

// steps is the step table: everything a query can be made of.
func steps() []step {
	return []step{
		{name: stepG, on: onAll, bare: true, build: buildG},
		{name: "At", on: onAll, build: buildAt},
		{name: "Context", on: onAll, build: buildAt},
		{name: "V", on: onGraph, build: buildSource},
		{name: "E", on: onGraph, build: buildSource},

		{name: "Has", on: onElements | onValues, build: buildHas},
		{name: "HasEither", on: onElements | onValues, build: buildHas},
		{name: "HasKey", on: onElements | onValues, build: buildHasKey},
		{name: "HasNot", on: onElements | onValues, build: buildHasKey},

		{name: "In", on: onNodes, build: buildMove(dirIn, KindNodes)},
		{name: "Out", on: onNodes, build: buildMove(dirOut, KindNodes)},
		{name: "Both", on: onNodes, build: buildMove(dirBoth, KindNodes)},
		{name: "InE", on: onNodes, build: buildMove(dirIn, KindEdges)},
		{name: "OutE", on: onNodes, build: buildMove(dirOut, KindEdges)},
		{name: "BothE", on: onNodes, build: buildMove(dirBoth, KindEdges)},
		{name: "InV", on: onEdges, build: buildEnds(dirIn)},
		{name: "OutV", on: onEdges, build: buildEnds(dirOut)},
		{name: "BothV", on: onEdges, build: buildEnds(dirBoth)},

		{name: "Descendants", on: onNodes, build: buildTree(dirOut)},
		{name: "Ascendants", on: onNodes, build: buildTree(dirIn)},
		{name: "Neighbors", on: onNodes, build: buildTree(dirBoth)},
		{name: "ShortestPathTo", on: onNodes, build: buildPath},
		{name: "SubGraph", on: onElements | onPaths, build: buildSubGraph},

		{name: "Dedup", on: onStreams, build: buildDedup},
		{name: "Sort", on: onElements | onValues, build: buildSort},
		{name: "Limit", on: onStreams, build: buildRange},
		{name: "Range", on: onStreams, build: buildRange},
		{name: "Count", on: onStreams, build: buildCount},

		{name: "Values", on: onElements | onValues, build: buildValues},
		{name: "ValueMap", on: onElements | onValues, build: buildValueMap},
		{name: "Keys", on: onElements | onValues, build: buildKeys},
		{name: "Sum", on: onElements | onValues, build: buildSum},

		{name: "As", on: onElements, build: buildAs},
		{name: "Select", on: onGraph | onElements, build: buildSelect},
	}
}

// function is one entry of the function table.
type function struct {
	name string
	// bare functions have no parentheses.
	bare bool
}

// functions is the table of what can stand as an argument besides literals.
func functions() []function {
	return []function{
		{name: fnNE},
		{name: fnNEE},
		{name: fnLT},
		{name: fnGT},
		{name: fnLTE},
		{name: fnGTE},
		{name: fnInside},
		{name: fnOutside},
		{name: fnBetween},
		{name: fnWithin},
		{name: fnWithout},
		{name: fnRegex},
		{name: fnRange},
		{name: fnMetadata},
		{name: fnAsc, bare: true},
		{name: fnDesc, bare: true},
		{name: fnNow, bare: true},
		{name: fnForever, bare: true},
	}
}

// Names of functions in their canonical spelling.
const (
	fnNE       = "NE"
	fnNEE      = "NEE"
	fnLT       = "LT"
	fnGT       = "GT"
	fnLTE      = "LTE"
	fnGTE      = "GTE"
	fnInside   = "INSIDE"
	fnOutside  = "OUTSIDE"
	fnBetween  = "BETWEEN"
	fnWithin   = "WITHIN"
	fnWithout  = "WITHOUT"
	fnRegex    = "REGEX"
	fnRange    = "IPV4RANGE"
	fnMetadata = "METADATA"
	fnAsc      = "ASC"
	fnDesc     = "DESC"
	fnNow      = "NOW"
	fnForever  = "FOREVER"
)
