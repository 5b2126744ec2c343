// Package flows joins what moves now with what moved: the reports of flows that
// collectors send go into a store and, the newest of each flow, into a table in
// memory; questions are answered from both as if they were one, because what a
// store was given a moment ago is not to be found there yet.
//
// A report is taken when the store has it: [Flows.Take] returns after that, and
// an error means that nobody promised anything and the sender must try again.
// Reports that come twice, late or in another order leave the answers as they
// are.
//
// The package must never hold more flows than its configuration says, keep a
// reader from ending because somebody writes, or the other way round, and never
// drop a report without counting it.
package flows
