package iptest

// World is what the tools say of several namespaces at about one time.
type World struct {
	// HostID is the host identity that the probe was given.
	HostID string
	// Namespaces are those read, by name; "" is the namespace of the process.
	Namespaces map[string]*Namespace
}

// Namespace is what the tools say of one namespace.
type Namespace struct {
	// Name is that of the file below /run/netns, "" for the process's own.
	Name string
	// Inode and Device are those of its nsfs file.
	Inode, Device uint64
	// links is `ip -d -j link`, the other fields likewise.
	links, addrs, neighbours, fdb, nexthops []object
	// routes and rules are by family as `ip` names it.
	routes, rules map[string][]object
	// nsids maps the numbers of other namespaces here to their names.
	nsids map[int64]string
	// byName and byIndex find a link.
	byName  map[string]int64
	byIndex map[int64]object
}

// index makes the links findable.
func (n *Namespace) index() {
	n.byName, n.byIndex = map[string]int64{}, map[int64]object{}
	for _, l := range n.links {
		n.byName[l.str("ifname")] = l.num("ifindex")
		n.byIndex[l.num("ifindex")] = l
	}
}
