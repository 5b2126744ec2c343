// Package ofprobe keeps the OpenFlow rules and groups of the bridges of an Open
// vSwitch known: it connects to each bridge's management socket, reads all
// rules, has the switch tell it every change (flow monitoring) and reads the
// counters now and then.
//
// Who uses it says which bridges there are:
//
//	cfg := ofprobe.DefaultConfig()
//	cfg.HostID = "h1"
//	p, err := ofprobe.New(cfg, acc, log)   // inert
//	p.Start(ctx)                           // does nothing yet
//	p.Sync([]ofprobe.Bridge{{Name: "br0", Database: database, UUID: row, Target: "unix:/run/openvswitch/br0.mgmt"}})
//	p.Sync(nil)                            // the bridges are gone, and their rules with them
//	p.Stop()                               // says of no rule that it ended
//
// A rule is the entity ofrule, identified by {database, bridge, table,
// priority, match}, where bridge is the UUID of the bridge's row and match the
// text of ovs-ofctl; a group is the entity ofgroup, {database, bridge, group}.
// Both are part_of the bridge. The facet openflow of the bridge itself says how
// many there are ([KeyOpenFlow]).
//
// A switch may hold far more rules than anybody wants in a graph, and change
// them far more often. So everything is bounded, see [Config]: the number of
// rules, the bytes of one read, the share of a CPU, how often one rule is
// reported. What a limit cuts off is counted, said at the bridge, and logged
// once. Counters make no revisions of the graph: they go out as the metrics
// [Measurement].
//
// The package must never change anything at a switch: it sends no message that
// modifies rules, groups, ports or the role of a controller.
package ofprobe
