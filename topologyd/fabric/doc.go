// Package fabric is the language in which users describe what no agent can
// see: top-of-rack switches, their ports, and how hosts are cabled to them.
//
//	TOR1[Name=tor1] -> PORT1[Name=port1, MTU=1500]
//	PORT1 --> [Color=blue] *[Type=host,Name=web-1]/eth0
//
// A line names two nodes and how they are joined: -> makes the second a part
// of the first (ownership and layer2), --> joins them by layer2 alone, [k=v]
// behind the arrow describes the join. A name stands for a node of the fabric,
// made here; *[k=v] for the nodes of the topology that have these attributes,
// *[k=v]/name for what they own under that name.
//
// [ParseLine] reads a line, a [Network] collects them, [Network.Events] says
// what they make of a graph. The package only computes: it never changes a
// graph, and a line that is malformed is an [Error] with its place, never the
// end of the others.
package fabric
