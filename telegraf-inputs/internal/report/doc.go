// Package report is how every topology input of this project hands its
// entities to Telegraf. A [Reporter] holds the current state of each entity
// and sees to it that the receiver learns it, whatever the pipeline between
// them loses: a change is sent at once, every entity again once per report
// interval (spread evenly over it), the end of an entity three times, and what
// Telegraf reports as not delivered again after a pause.
//
// It knows what Telegraf 1.39 says about delivery, by tracking metrics
// (metric/tracking.go, models/buffer_mem.go, models/running_output.go):
//
//   - A group is answered when every copy of every metric of it has been
//     accepted, rejected or dropped, so with several outputs after the slowest.
//   - An output that fails keeps the metrics and tries again; there is no
//     answer yet. A full buffer rejects its oldest metric: the group is then
//     not delivered, even if another output accepted it.
//   - A metric that a filter or a processor drops counts as delivered.
//   - Some pipelines never answer: an aggregating output, a disk buffer that
//     cannot be written. [Config.AckTimeout] is for them.
//   - More answers than [telegraf.Accumulator.WithTracking] was told of are a
//     panic in Telegraf, so unanswered groups are counted even after they were
//     given up.
//
// The package must never look at what the attributes of an entity mean, and
// never write to a network itself.
package report
