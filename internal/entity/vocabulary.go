package entity

import "strings"

// Names of the OpenTelemetry entity events specification.
const (
	EventState  = "entity.state"
	EventDelete = "entity.delete"

	KeyEntityType     = "entity.type"
	KeyEntityID       = "entity.id"
	KeyDescription    = "entity.description"
	KeyRelationships  = "entity.relationships"
	KeyReportInterval = "entity.report.interval"
	KeyDeleteReason   = "entity.delete.reason"

	KeyRelationshipType       = "relationship.type"
	KeyRelationshipAttributes = "relationship.attributes"

	// KeySource names the facet; the specification has no word for it.
	KeySource = "entity.source"
)

// Entity types of Skein's own sources. An interface's attribute Type is finer:
// it is the kernel's link kind (veth, bridge, vxlan …).
const (
	TypeHost         = "host"
	TypeNetNS        = "netns"
	TypeInterface    = "interface"
	TypeContainer    = "container"
	TypeOvs          = "ovs" // one Open vSwitch: a row of the table Open_vSwitch
	TypeOvsBridge    = "ovsbridge"
	TypeOvsPort      = "ovsport"
	TypeOvsInterface = "ovsinterface"
	TypeOFRule       = "ofrule"
	TypeOFGroup      = "ofgroup"
	TypeSwitch       = "switch"
	TypeSwitchPort   = "switchport"
)

// Identifying attributes of those types.
const (
	IDHost      = "host.id"
	IDInode     = "inode"
	IDDevice    = "device"
	IDNamespace = "namespace"
	IDIfIndex   = "ifindex"
	IDContainer = "container.id"
	IDDatabase  = "database"
	IDUUID      = "uuid"
	IDChassis   = "chassis"
	IDPort      = "port"
)

// Relationship types. The first four have an edge of their own, see
// [Relationship.Edge].
const (
	RelPartOf     = "part_of"
	RelMemberOf   = "member_of"
	RelFunctionOf = "function_of"
	RelPeerOf     = "peer_of"
)

// Relation types of edges.
const (
	Ownership = "ownership"
	Layer2    = "layer2"
	VF        = "vf"
)

// Attribute keys that the graph itself knows.
const (
	KeyName         = "Name"
	KeyType         = "Type"
	KeyPath         = "Path"
	KeyTID          = "TID"
	KeyRelationType = "RelationType"
)

// ReasonExpired is the delete reason of an entity whose reports stopped.
const ReasonExpired = "expired"

// HostRef names a host by its configured identity.
func HostRef(hostID string) Ref {
	return Ref{Type: TypeHost, ID: NewIdentity(IDHost, hostID)}
}

// NetNSRef names a network namespace of a host by the device and inode number
// of its nsfs file, both in decimal (namespaces(7)).
func NetNSRef(hostID, inode, device string) Ref {
	return Ref{Type: TypeNetNS, ID: NewIdentity(IDHost, hostID, IDInode, inode, IDDevice, device)}
}

// InterfaceRef names an interface by its index within a namespace, which is
// named by the inode number of its nsfs file.
func InterfaceRef(hostID, nsInode, ifindex string) Ref {
	return Ref{Type: TypeInterface, ID: NewIdentity(IDHost, hostID, IDNamespace, nsInode, IDIfIndex, ifindex)}
}

// ContainerRef names a container by its ID, whichever runtime reports it.
func ContainerRef(id string) Ref {
	return Ref{Type: TypeContainer, ID: NewIdentity(IDContainer, id)}
}

// RowRef names a row of an OVSDB database (RFC 7047). The database is written as
// host.id/UUID: of the host that it configures, and of its root row, which is made
// with it and kept with it. Either alone may be that of several: hosts made of one
// image have the same rows, and one host may run several databases.
func RowRef(typ, database, uuid string) Ref {
	return Ref{Type: typ, ID: NewIdentity(IDDatabase, database, IDUUID, uuid)}
}

// SwitchRef names a device that is heard by a discovery protocol by its chassis
// ID, written as subtype:value.
func SwitchRef(chassis string) Ref {
	return Ref{Type: TypeSwitch, ID: NewIdentity(IDChassis, chassis)}
}

// SwitchPortRef names a port of such a device by its port ID, written as
// subtype:value.
func SwitchPortRef(chassis, port string) Ref {
	return Ref{Type: TypeSwitchPort, ID: NewIdentity(IDChassis, chassis, IDPort, port)}
}

// Sources with which the daemon itself speaks: of what users define.
const (
	// SourceFabric speaks of the fabric, which no agent can see.
	SourceFabric = "fabric"
	// SourceRulePrefix begins the sources of rules; the rule's ID follows.
	SourceRulePrefix = "rule."
	// SourceCapture tells how captures do at an interface, in KeyCaptures.
	SourceCapture = "capture"
	// SourceJoin speaks of the rows of the table of joins.
	SourceJoin = "join"
	// SourceJoinPrefix begins the sources of edges that a join makes; the row's
	// name follows.
	SourceJoinPrefix = "join."
)

// TypeJoin is the type of a row of the table of joins. Its events change the
// table and make no node. IDName identifies it, KeyRow is the row as JSON text.
const (
	TypeJoin = "join"
	IDName   = "name"
	KeyRow   = "Row"
)

// JoinRef names a row of the table of joins.
func JoinRef(name string) Ref { return Ref{Type: TypeJoin, ID: NewIdentity(IDName, name)} }

// KeyCaptures is the attribute with the captures at a node: a list of maps.
const KeyCaptures = "Captures"

// Types of the entities that these sources own.
const (
	TypeFabric = "fabric"
	TypeRule   = "rule"
)

// IsReserved reports whether only the daemon itself may use a source.
func IsReserved(source string) bool {
	return source == SourceFabric || source == SourceCapture || source == SourceJoin ||
		strings.HasPrefix(source, SourceRulePrefix) || strings.HasPrefix(source, SourceJoinPrefix)
}

// Rank orders sources that speak of one entity with the same keys: the value of
// the lowest rank stands, of several the one whose source sorts first. Who runs
// a container knows more of it than who it has it run by. What a host hears of
// something that is nobody's (see [SourceHost]) comes last: it is hearsay, beside
// what a source says that was set up for it.
func Rank(source string) int {
	switch source {
	case "containerd":
		return 1
	case "runc":
		return 2
	}
	if SourceHost(source) != "" {
		return 3
	}
	return 0
}

// IsGuest reports whether a source adds to an entity of a type without being
// a reason for it to be there: what users define of it does not keep it alive,
// and does not stand against what its own sources say.
func IsGuest(source, entityType string) bool {
	switch {
	case source == SourceFabric:
		return entityType != TypeFabric
	case source == SourceCapture:
		return true
	case strings.HasPrefix(source, SourceRulePrefix):
		return entityType != TypeRule
	}
	return false
}
