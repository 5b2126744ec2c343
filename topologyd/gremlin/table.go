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
	// KindFlows are flows, KindGroups flows, nodes, edges or values under names,
	// KindMetrics what was counted, by the ID of a node or flow. KindMap is a single
	// map.
	KindFlows
	KindGroups
	KindMetrics
	KindMap
	// KindPackets are packets that captures keep.
	KindPackets
)

// lastKind is the last of them.
const lastKind = KindPackets

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
	case KindFlows:
		return "flows"
	case KindGroups:
		return "groups"
	case KindMetrics:
		return "metrics"
	case KindMap:
		return "map"
	case KindPackets:
		return "packets"
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
	onFlows  = kinds(1) << KindFlows
	onGroups = kinds(1) << KindGroups
	// onMetrics is what Metrics gives.
	onMetrics = kinds(1) << KindMetrics
	onPackets = kinds(1) << KindPackets

	onElements = onNodes | onEdges
	onFields   = onElements | onValues | onFlows
	onStreams  = onElements | onValues | onPaths | onFlows
	onAll      = onGraph | onStreams | onGroups | onMetrics | onPackets | 1<<KindNumber | 1<<KindMap
)

func (s kinds) has(k Kind) bool { return s>>k&1 != 0 }

func (s kinds) names() []string {
	var out []string
	for k := KindGraph; k <= lastKind; k++ {
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
	// inside tells that it may stand in a sub-traversal, subs that it takes some
	// as arguments.
	inside, subs bool
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

		{name: "Has", on: onFields, inside: true, build: buildHas},
		{name: "HasEither", on: onFields, inside: true, build: buildHas},
		{name: "HasKey", on: onFields, inside: true, build: buildHasKey},
		{name: "HasNot", on: onFields, inside: true, build: buildHasKey},

		{name: "In", on: onNodes | onFlows, inside: true, build: buildMoveOrSide(dirIn, KindNodes, sideA)},
		{name: "Out", on: onNodes | onFlows, inside: true, build: buildMoveOrSide(dirOut, KindNodes, sideB)},
		{name: "Both", on: onNodes | onFlows, inside: true, build: buildMoveOrSide(dirBoth, KindNodes, sideA|sideB)},
		{name: "InE", on: onNodes, inside: true, build: buildMove(dirIn, KindEdges)},
		{name: "OutE", on: onNodes, inside: true, build: buildMove(dirOut, KindEdges)},
		{name: "BothE", on: onNodes, inside: true, build: buildMove(dirBoth, KindEdges)},
		{name: "InV", on: onEdges, inside: true, build: buildEnds(dirIn)},
		{name: "OutV", on: onEdges, inside: true, build: buildEnds(dirOut)},
		{name: "BothV", on: onEdges, inside: true, build: buildEnds(dirBoth)},

		{name: "Descendants", on: onNodes, inside: true, build: buildTree(dirOut)},
		{name: "Ascendants", on: onNodes, inside: true, build: buildTree(dirIn)},
		{name: "Neighbors", on: onNodes, inside: true, build: buildTree(dirBoth)},
		{name: "ShortestPathTo", on: onNodes, build: buildPath},
		{name: "SubGraph", on: onElements | onPaths, build: buildSubGraph},

		{name: "Where", on: onElements | onFlows, inside: true, subs: true, build: buildWhere},
		{name: "Not", on: onElements | onFlows, inside: true, subs: true, build: buildWhere},
		{name: "And", on: onElements | onFlows, inside: true, subs: true, build: buildWhere},
		{name: "Or", on: onElements | onFlows, inside: true, subs: true, build: buildWhere},
		{name: "Is", on: onValues | 1<<KindNumber, inside: true, build: buildIs},

		{name: "Repeat", on: onElements, inside: true, subs: true, build: buildRepeat},
		{name: "Times", on: onElements, inside: true, build: buildRepeatEnd},
		{name: "Until", on: onElements, inside: true, subs: true, build: buildRepeatEnd},
		{name: "Emit", on: onElements, inside: true, subs: true, build: buildRepeatEnd},
		{name: "Path", on: onElements, build: buildWays},

		{name: "Dedup", on: onStreams, inside: true, build: buildDedup},
		{name: "Shared", on: onElements, inside: true, build: buildShared},
		{name: "Sort", on: onFields, inside: true, build: buildSort},
		{name: "Order", on: onElements | onValues, inside: true, build: buildOrder},
		{name: stepBy, on: onElements | onValues | onGroups, inside: true, subs: true, build: buildBy},
		{name: "Limit", on: onStreams | onGroups | onMetrics | onPackets, inside: true, build: buildRange},
		{name: "Range", on: onStreams | onGroups | onMetrics | onPackets, inside: true, build: buildRange},
		{name: "Count", on: onStreams | onGroups | onMetrics | onPackets, inside: true, build: buildCount},

		{name: "Values", on: onFields, inside: true, build: buildValues},
		{name: "ValueMap", on: onFields, inside: true, build: buildValueMap},
		{name: "Keys", on: onFields | onMetrics, inside: true, build: buildKeys},
		{name: "Project", on: onElements, inside: true, build: buildProject},
		{name: "NextHop", on: onNodes, build: buildNextHop},
		{name: "Sum", on: onFields | onMetrics, inside: true, build: buildSum},

		{name: "Flows", on: onGraph | onNodes | onPaths, build: buildFlows},
		{name: "Nodes", on: onFlows, inside: true, build: buildFlowNodes(sideCapture | sideA | sideB)},
		{name: "Hops", on: onFlows, inside: true, build: buildFlowNodes(sideCapture)},
		{name: "HopByHop", on: onFlows, build: buildHopByHop},
		{name: "CaptureNode", on: onFlows, inside: true, build: buildFlowNodes(sideCapture)},
		{name: "Group", on: onElements | onFlows, build: buildGroup},
		{name: "MoreThan", on: onGroups, build: buildMoreThan},
		{name: "Metrics", on: onNodes | onFlows, build: buildMetrics},
		{name: "Aggregates", on: onMetrics, build: buildAggregates},
		{name: "RawPackets", on: onFlows, build: buildPackets},
		{name: "BPF", on: onPackets, build: buildBPF},
		{name: "Sockets", on: onNodes | onFlows, build: buildSockets},

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
