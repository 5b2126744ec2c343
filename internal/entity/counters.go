package entity

// Counter pairs the name of an interface counter in the metric
// topology_interface with its key in the node's Metric attribute.
type Counter struct{ Field, Key string }

// MeasurementInterface is the Telegraf measurement of interface counters. Its
// tag [TagEntity] names the interface's node.
const MeasurementInterface = "topology_interface"

// MeasurementOpenFlow is the Telegraf measurement of the counters of OpenFlow
// rules: packets and bytes received, named as an interface's.
const MeasurementOpenFlow = "topology_openflow"

// TagEntity is the tag that holds a node ID in the usual form of a UUID.
const TagEntity = "entity"

// InterfaceCounters returns the counters of rtnl_link_stats64
// (include/uapi/linux/if_link.h) in the order of that structure.
func InterfaceCounters() []Counter {
	return []Counter{
		{"rx_packets", "RxPackets"},
		{"tx_packets", "TxPackets"},
		{"rx_bytes", "RxBytes"},
		{"tx_bytes", "TxBytes"},
		{"rx_errors", "RxErrors"},
		{"tx_errors", "TxErrors"},
		{"rx_dropped", "RxDropped"},
		{"tx_dropped", "TxDropped"},
		{"multicast", "Multicast"},
		{"collisions", "Collisions"},
		{"rx_length_errors", "RxLengthErrors"},
		{"rx_over_errors", "RxOverErrors"},
		{"rx_crc_errors", "RxCrcErrors"},
		{"rx_frame_errors", "RxFrameErrors"},
		{"rx_fifo_errors", "RxFifoErrors"},
		{"rx_missed_errors", "RxMissedErrors"},
		{"tx_aborted_errors", "TxAbortedErrors"},
		{"tx_carrier_errors", "TxCarrierErrors"},
		{"tx_fifo_errors", "TxFifoErrors"},
		{"tx_heartbeat_errors", "TxHeartbeatErrors"},
		{"tx_window_errors", "TxWindowErrors"},
		{"rx_compressed", "RxCompressed"},
		{"tx_compressed", "TxCompressed"},
		{"rx_nohandler", "RxNoHandler"},
	}
}
