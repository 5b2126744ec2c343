// Package rtnl speaks rtnetlink (rtnetlink(7), RFC 3549): it lists and watches
// the links, addresses, routes, policy rules, neighbours, nexthop objects and
// namespace ids of one network namespace, and turns each message into a typed
// record.
//
// The decoders ([DecodeLink], [DecodeAddr] …) are pure functions of a message's
// payload: they build and run on every platform, keep no reference to their
// input and never read outside it. What they do not know they skip; what is
// malformed they report with the attribute's name. Only [Conn] needs Linux.
//
// The package never changes the kernel's state and never looks at anything but
// its sockets: which namespace to open, what to do on an overrun and how
// records become entities is the caller's matter.
package rtnl
