// Package eventlog keeps the events that changed the graph, in order and
// durably, in a NATS JetStream stream, and offers what else daemons share:
// key-value buckets, leases, objects, and messages that are not stored.
//
// There are three modes and one code path. By default the NATS server runs
// inside the daemon, keeps its files in the data directory and listens nowhere.
// With [Cluster] the servers inside several daemons form a cluster, which keeps
// the log on up to three of them. With [External] the log is in a NATS that
// somebody else runs.
//
// One message of the stream holds one [Record]: a batch of events, the time at
// which a daemon took them, and the revision of its graph before them.
// [Log.Publish] tells when the record is stored as durably as was asked for:
// with Sync it is on the disk (in a cluster: on the disks of a majority), with
// Batched it is written and reaches the disk within [Config.SyncInterval].
// [Log.Follow] delivers every record to every daemon, in the same order, and
// none before that.
//
// This is the only package that knows NATS. It never decides what is worth
// logging and never touches the graph.
package eventlog
