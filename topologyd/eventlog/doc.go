// Package eventlog keeps the events that changed the graph, in order and
// durably, in a NATS JetStream stream. By default the NATS server runs inside
// the daemon, keeps its files in the data directory and listens nowhere.
//
// One message of the stream holds one [Record]: a batch of events, the time at
// which the daemon took them, and the revision of the graph before them.
// Append returns when the message is stored with the durability that was asked
// for: with Sync it is on the disk, with Batched it is written and reaches the
// disk within [Config.SyncInterval].
//
// This is the only package that knows NATS. It never decides what is worth
// logging and never touches the graph.
package eventlog
