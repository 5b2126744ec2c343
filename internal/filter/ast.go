package filter

// dir is which end of the packet a host, net or port is looked for.
type dir uint8

const (
	dirEither dir = iota // src or dst; also when nothing is said
	dirSrc
	dirDst
	dirBoth
)

// qualifiers are what stands before an id: "tcp dst port". Those of a term are
// carried to the ids that follow it.
type qualifiers struct {
	// proto is a keyword of a protocol, "" for any.
	proto string
	dir   dir
	// kind is "host", "net", "port", "portrange", "proto", "protochain" or
	// "gateway", and "" when only a direction was given: then it is a host.
	kind string
	// none is set where there is nothing to carry.
	none bool
}

// node is a part of the tree of a filter: one of the types below.
type node any

type (
	andNode struct{ a, b node }
	orNode  struct{ a, b node }
	notNode struct{ a node }
	// idNode is an id with its qualifiers. second is the mask of an IPv4 net, bits
	// the length of a prefix, -1 for none.
	idNode struct {
		q      qualifiers
		id     token
		second token
		bits   int
	}
	// protoNode is the name of a protocol alone.
	protoNode struct{ word token }
	// wordNode is another primitive: word with or without a number or name.
	wordNode struct {
		proto string
		word  token
		arg   token // tokEnd: none
	}
	// byteNode is "byte offset op value".
	byteNode struct {
		word   token
		op     string
		offset uint32
		v      uint32
	}
	// relation compares two sums.
	relation struct {
		op   token
		a, b node
	}
)

// The nodes of arithmetic.
type (
	numberNode struct{ k uint32 }
	lenNode    struct{}
	binaryNode struct {
		op   token
		a, b node
	}
	negateNode struct{ a node }
	// loadNode is proto[at:size].
	loadNode struct {
		word token
		at   node
		size uint8
	}
)
