// Package openflow reads and writes the OpenFlow wire format, versions 1.0 to
// 1.5, as Open vSwitch speaks it: the messages that a listing of rules and
// groups and a watch over them need, with Open vSwitch's extensions, and the
// text that ovs-ofctl prints for a rule.
//
// It works over bytes only: it opens no connection, starts no goroutine, keeps
// no state but what a Reader or Parts holds for its caller, and changes nothing
// in a switch: it encodes no flow_mod and no group_mod. What it does not know
// in a rule (an experimenter's action, a field of a later version) it keeps and
// shows as hexadecimal; that is never an error.
//
// A session is made of these:
//
//	d := openflow.Dialect{Version: v}            // after HELLO
//	r := openflow.NewReader(conn); m, err := r.Next()
//	switch m.Kind() { case openflow.KindFlowStats: … }
//	parts := openflow.NewParts(xid, openflow.DefaultPartsLimit())
//	part, last, err := parts.Add(m)
//	err = openflow.DecodeFlowStats(part, func(r *openflow.Rule) error { … })
//
// Sources: the OpenFlow Switch Specifications 1.0.0 to 1.5.1 of the Open
// Networking Foundation; Open vSwitch's include/openflow/*.h,
// ovs-fields(7) and ovs-actions(7).
package openflow
