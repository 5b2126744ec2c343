package gremlin

const argsFilter = "([key, value …])"

// stepHelp describes each step of the step table.
func stepHelp() map[string]help {
	same, nodes, edges := KindNone, KindNodes, KindEdges
	return map[string]help{
		stepG:     {gives: KindGraph, detail: "the whole graph, with which every query starts", example: "G"},
		"At":      {args: "(time [, duration])", gives: KindGraph, takes: takesTime, detail: "the graph as it was at a time, or in the time before it", example: "G.At('-1h').V()"},
		"Context": {args: "(time [, duration])", gives: KindGraph, takes: takesTime, detail: "the same as At", example: "G.Context(NOW, '10m').Flows()"},
		"V":       {args: "([ID] or [key, value …])", gives: nodes, takes: takesFilter, of: nodes, detail: "the nodes, all or those with these values", example: "G.V().Has('Type', 'bridge')"},
		"E":       {args: "([ID] or [key, value …])", gives: edges, takes: takesFilter, of: edges, detail: "the edges, all or those with these values", example: "G.E().Has('RelationType', 'layer2')"},

		"Has":       {args: "(key [, value or predicate …])", gives: same, takes: takesFilter, detail: "what has a key, or all of these values", example: "G.V().Has('Type', 'veth', 'State', 'UP')"},
		"HasEither": {args: "(key, value or predicate …)", gives: same, takes: takesFilter, detail: "what has at least one of these values", example: "G.V().HasEither('Type', 'host', 'Type', 'bridge')"},
		"HasKey":    {args: "(key)", gives: same, takes: takesKey, detail: "what has a key", example: "G.V().HasKey('IPV4')"},
		"HasNot":    {args: "(key)", gives: same, takes: takesKey, detail: "what has not got a key", example: "G.V().HasNot('State')"},

		"Where": {args: "(traversal)", gives: same, takes: takesTraversal, detail: "what a traversal that starts at it gives something for", example: "G.V().Where(Out('Type', 'bridge'))"},
		"Not":   {args: "(traversal)", gives: same, takes: takesTraversal, detail: "what a traversal that starts at it gives nothing for", example: "G.V().Not(In())"},
		"And":   {args: "(traversal …)", gives: same, takes: takesTraversal, detail: "what each of the traversals gives something for", example: "G.V().And(In('Type', 'bridge'), Has('State', 'UP'))"},
		"Or":    {args: "(traversal …)", gives: same, takes: takesTraversal, detail: "what one of the traversals gives something for", example: "G.V().Or(Has('Type', 'host'), In('Type', 'host'))"},
		"Is":    {args: "(value or predicate)", gives: same, takes: takesPredicate, detail: "the values that are this or pass a predicate; of a number it makes a value", example: "G.V().Where(Out().Count().Is(GT(1)))"},

		"Repeat": {args: "(traversal)", gives: same, takes: takesTraversal, detail: "what a traversal leads to, round by round; Times, Until and Emit say how far and what is given", example: "G.V().Has('Type', 'host').Repeat(Out()).Times(2)"},
		"Times":  {args: "(n)", gives: same, takes: takesNumber, detail: "after Repeat: so many rounds", example: "G.V().Has('Type', 'host').Repeat(Out()).Times(2)"},
		"Until":  {args: "(traversal)", gives: same, takes: takesTraversal, detail: "after Repeat: no further than, and give, what the traversal gives something for", example: "G.V().Has('Type', 'veth').Repeat(In()).Until(Has('Type', 'host'))"},
		"Emit":   {args: "([traversal])", gives: same, takes: takesTraversal, detail: "after Repeat: give all that is come to, or what the traversal gives something for", example: "G.V().Has('Type', 'host').Repeat(Out()).Emit()"},
		"Path":   {args: "()", gives: KindPaths, detail: "the way to each, from where the query started", example: "G.V().Has('Type', 'host').Out().Out().Path()"},

		"In":    {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "the parents; of flows the interface that sent the first packet", example: "G.V().Has('Type', 'veth').In('Type', 'bridge')"},
		"Out":   {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "the children; of flows the interface that got the first packet", example: "G.V().Has('Type', 'bridge').Out()"},
		"Both":  {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "parents and children; of flows the interfaces at both ends", example: "G.V().Has('Name', 'eth0').Both()"},
		"InE":   {args: argsFilter, gives: edges, takes: takesFilter, of: edges, detail: "the edges to the parents", example: "G.V().Has('Type', 'veth').InE()"},
		"OutE":  {args: argsFilter, gives: edges, takes: takesFilter, of: edges, detail: "the edges to the children", example: "G.V().Has('Type', 'bridge').OutE('RelationType', 'layer2')"},
		"BothE": {args: argsFilter, gives: edges, takes: takesFilter, of: edges, detail: "the edges to parents and children", example: "G.V().Has('Name', 'eth0').BothE()"},
		"InV":   {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "the parent of each edge", example: "G.E().Has('RelationType', 'layer2').InV()"},
		"OutV":  {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "the child of each edge", example: "G.E().Has('RelationType', 'layer2').OutV()"},
		"BothV": {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "parent and child of each edge", example: "G.E().Has('RelationType', 'layer2').BothV()"},

		"Descendants":    {args: "([key, value …] [, depth])", gives: nodes, takes: takesDepth, of: edges, detail: "the nodes and their children, by ownership or these edges; depth 0 is as far as it goes", example: "G.V().Has('Type', 'netns').Descendants(0)"},
		"Ascendants":     {args: "([key, value …] [, depth])", gives: nodes, takes: takesDepth, of: edges, detail: "the nodes and their parents, by ownership or these edges; depth 0 is as far as it goes", example: "G.V().Has('Name', 'eth0').Ascendants(0)"},
		"Neighbors":      {args: "([key, value …] [, depth])", gives: nodes, takes: takesDepth, of: edges, detail: "the nodes and what is around them, by any or these edges; depth 0 is as far as it goes", example: "G.V().Has('Name', 'eth0').Neighbors('RelationType', 'layer2', 2)"},
		"ShortestPathTo": {args: "(METADATA(key, value …) [, METADATA(key, value …)] [, key])", gives: KindPaths, takes: takesTarget, of: nodes, detail: "the shortest path of each node to one that matches, over edges that match; with a key the one with the least sum of that number of the edges", example: "G.V().Has('Name', 'eth0').ShortestPathTo(METADATA('Type', 'host'))"},
		"SubGraph":       {args: argsFilter, gives: KindGraph, takes: takesFilter, of: edges, detail: "a graph of these alone: nodes with the edges among them, edges with their ends", example: "G.V().Has('Type', 'veth').SubGraph()"},

		"Dedup":  {args: "([key …])", gives: same, takes: takesKeys, detail: "each once; with keys one for each combination of their values", example: "G.V().Values('Type').Dedup()"},
		"Shared": {args: "(key …)", gives: same, takes: takesKeys, detail: "what has a value in common with another one, with several keys a combination of values; of addresses without the prefix length", example: "G.V().Shared('MAC')"},
		"Sort":   {args: "([ASC or DESC] [, key])", gives: same, takes: takesSort, detail: "in the order of a key, what lacks it last", example: "G.V().Sort(DESC, 'MTU')"},
		"Order":  {args: "()", gives: same, detail: "in the order of what the By after it say, one after the other", example: "G.V().Order().By('Type').By('MTU', DESC)"},
		stepBy:   {args: "(key or traversal [, ASC or DESC])", gives: same, takes: takesBy, detail: "after Order, Group and Project: a key, or a traversal that starts at the element", example: "G.V().Order().By(Out().Count(), DESC)"},
		"Limit":  {args: "(n)", gives: same, takes: takesNumber, detail: "the first n", example: "G.V().Limit(10)"},
		"Range":  {args: "(from, to)", gives: same, takes: takesNumber, detail: "those from one number, the first is 0, to before another", example: "G.V().Range(10, 20)"},
		"Count":  {args: "()", gives: KindNumber, detail: "how many there are", example: "G.V().Count()"},

		"Values":   {args: "(key …)", gives: KindValues, takes: takesKeys, detail: "the values of keys", example: "G.V().Values('Name')"},
		"ValueMap": {args: "([key …])", gives: KindMaps, takes: takesKeys, detail: "one map of keys and values for each, of all keys or these", example: "G.V().ValueMap('Name', 'Type')"},
		"Keys":     {args: "()", gives: KindValues, detail: "the keys that any of them has", example: "G.V().Has('Type', 'veth').Keys()"},
		"Project":  {args: "(name …)", gives: KindMaps, takes: takesName, detail: "one map for each, with what each By after it gives under these names", example: "G.V().Project('name', 'ports').By('Name').By(Out().Count())"},
		"NextHop":  {args: "(IP)", gives: KindGroups, detail: "where nodes with a route to an address send its packets, by their IDs", example: "G.V().NextHop('10.0.0.1')"},
		"Sum":      {args: "([key])", gives: KindNumber, takes: takesKey, detail: "the sum of the values of a key; of metrics of one counter, or of all", example: "G.Flows().Sum('Metric.ABBytes')"},

		"Flows":       {args: argsFilter, gives: KindFlows, takes: takesFilter, of: KindFlows, detail: "the flows, all or those seen on these nodes", example: "G.V().Has('Name', 'eth0').Flows()"},
		"Nodes":       {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "the nodes that flows were seen on and those at their ends, each once", example: "G.Flows('Application', 'DNS').Nodes()"},
		"Hops":        {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "the nodes that flows were seen on, each once", example: "G.Flows('Application', 'DNS').Hops()"},
		"HopByHop":    {args: "([key])", gives: KindMaps, detail: "what each conversation lost from one point that saw it to the next, and how long it took", example: "G.Flows('Application', 'HTTPS').HopByHop()"},
		"CaptureNode": {args: argsFilter, gives: nodes, takes: takesFilter, of: nodes, detail: "for each flow the node that it was seen on", example: "G.Flows('Application', 'DNS').CaptureNode()"},
		"Group":       {args: "([key])", gives: KindGroups, takes: takesKey, detail: "nodes, edges or flows by a value; By after it names the value, a second one what is given of each group", example: "G.V().Group().By('Type').By(Count())"},
		"MoreThan":    {args: "([n])", gives: same, takes: takesNumber, detail: "the groups of more than n elements, of more than one when there is no n", example: "G.Flows().Group().MoreThan(2)"},
		"Metrics":     {args: "([key])", gives: KindMetrics, takes: takesMetric, detail: "what was counted on nodes or of flows; at other times what each report added", example: "G.V().Metrics()"},
		"Aggregates":  {args: "([seconds [, key …]])", gives: KindMetrics, takes: takesSlices, detail: "metrics added up by slices of time, one series for each combination of values of keys", example: "G.Context(NOW, '1h').V().Metrics().Aggregates(60, 'Name')"},
		"RawPackets":  {args: "()", gives: KindPackets, detail: "the packets that captures keep of the flows", example: "G.Flows('Application', 'DNS').RawPackets()"},
		"BPF":         {args: "(filter)", gives: KindPackets, detail: "the packets that pass a filter in the language of pcap-filter(7)", example: "G.Flows().RawPackets().BPF('udp port 53')"},
		"Sockets":     {args: "()", absent: true, detail: "known, but sockets are not kept; see ProcessA and ProcessB of flows", example: ""},

		"As":     {args: "(name)", gives: same, takes: takesName, detail: "the same, kept under a name for Select", example: "G.V().Has('Type', 'host').As('hosts')"},
		"Select": {args: "(name …)", gives: nodes, takes: takesNames, detail: "what As has kept under these names", example: "G.V().Has('Type', 'host').As('hosts').G.Select('hosts')"},
	}
}

// functionHelp describes each function of the function table.
func functionHelp() map[string]help {
	return map[string]help{
		fnNE:       {args: "(value)", detail: "something, and not this value", example: "G.V().Has('Type', NE('veth'))"},
		fnNEE:      {args: "(value)", detail: "not this value, or nothing", example: "G.V().Has('State', NEE('UP'))"},
		fnLT:       {args: "(number)", detail: "a smaller number", example: "G.V().Has('MTU', LT(1500))"},
		fnGT:       {args: "(number)", detail: "a larger number", example: "G.V().Has('MTU', GT(1500))"},
		fnLTE:      {args: "(number)", detail: "a number that is smaller or equal", example: "G.V().Has('MTU', LTE(1500))"},
		fnGTE:      {args: "(number)", detail: "a number that is larger or equal", example: "G.V().Has('MTU', GTE(1500))"},
		fnInside:   {args: "(low, high)", detail: "a number between two, both excluded", example: "G.V().Has('MTU', INSIDE(1000, 9000))"},
		fnOutside:  {args: "(low, high)", detail: "a number below one or above the other", example: "G.V().Has('MTU', OUTSIDE(1000, 9000))"},
		fnBetween:  {args: "(low, high)", detail: "a number between two, the first included", example: "G.V().Has('MTU', BETWEEN(1500, 9000))"},
		fnWithin:   {args: "(value …)", detail: "one of these values", example: "G.V().Has('Type', WITHIN('host', 'netns'))"},
		fnWithout:  {args: "(value …)", detail: "none of these values, or nothing", example: "G.V().Has('Type', WITHOUT('host', 'netns'))"},
		fnRegex:    {args: "('expression')", detail: "a text that the expression matches from end to end", example: "G.V().Has('Name', REGEX('eth.*'))"},
		fnRange:    {args: "('address/length')", detail: "an IPv4 or IPv6 address inside the range", example: "G.V().Has('IPV4', IPV4RANGE('10.0.0.0/8'))"},
		fnMetadata: {args: "(key, value …)", detail: "keys and values as one argument", example: "G.V().Has(METADATA('Type', 'veth'))"},
		fnAsc:      {detail: "the smallest first", example: "G.V().Sort(ASC, 'Name')"},
		fnDesc:     {detail: "the largest first", example: "G.V().Sort(DESC, 'MTU')"},
		fnNow:      {detail: "the present", example: "G.At(NOW, '1h').V()"},
		fnForever:  {detail: "all times that are kept", example: "G.At(FOREVER).V()"},
	}
}
