// Package probe keeps a model of the networks of a host, fed by listings and
// events of rtnetlink in every namespace, and reports it as entity events.
//
// One goroutine, the loop, owns the model: nothing else reads or writes it.
// Each namespace has a goroutine that receives events; a few workers list and
// ask. Both hand the loop functions to run, in the order in which things
// happened. So there are no locks around the model, and no half-done changes
// in it.
//
// How the model stays right:
//   - A namespace's events are received before its tables are listed. While a
//     table is being listed its events wait, and are applied on top of the list.
//   - When the kernel dropped events, the probe counts that, waits until it has
//     read what came before the loss, and lists everything again.
//   - Where the kernel changes something without a word (routes of a link that
//     goes down, forwarding entries of a port that leaves), or with too few (one
//     of several routes replaced), the table is listed again.
//
// The probe changes nothing: it sends no packets and alters no link.
package probe
