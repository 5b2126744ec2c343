package database

// Row is a row of one of the tables below.
type Row interface{ id() string }

// OpenVSwitch is the root row. Fields are columns of ovs-vswitchd.conf.db(5); a
// nil pointer is an empty optional column, and also one that the server's schema
// does not have. Rows must not be changed.
type OpenVSwitch struct {
	UUID            string            `ovsdb:"_uuid"`
	Bridges         []string          `ovsdb:"bridges"`
	ManagerOptions  []string          `ovsdb:"manager_options"`
	OtherConfig     map[string]string `ovsdb:"other_config"`
	ExternalIDs     map[string]string `ovsdb:"external_ids"`
	OVSVersion      *string           `ovsdb:"ovs_version"`
	DBVersion       *string           `ovsdb:"db_version"`
	SystemType      *string           `ovsdb:"system_type"`
	SystemVersion   *string           `ovsdb:"system_version"`
	DatapathTypes   []string          `ovsdb:"datapath_types"`
	IfaceTypes      []string          `ovsdb:"iface_types"`
	DPDKInitialized bool              `ovsdb:"dpdk_initialized"`
	DPDKVersion     *string           `ovsdb:"dpdk_version"`
}

// Bridge is a row of the table Bridge.
type Bridge struct {
	UUID            string            `ovsdb:"_uuid"`
	Name            string            `ovsdb:"name"`
	DatapathType    string            `ovsdb:"datapath_type"`
	DatapathVersion string            `ovsdb:"datapath_version"`
	DatapathID      *string           `ovsdb:"datapath_id"`
	STPEnable       bool              `ovsdb:"stp_enable"`
	RSTPEnable      bool              `ovsdb:"rstp_enable"`
	McastSnooping   bool              `ovsdb:"mcast_snooping_enable"`
	Ports           []string          `ovsdb:"ports"`
	Mirrors         []string          `ovsdb:"mirrors"`
	NetFlow         *string           `ovsdb:"netflow"`
	SFlow           *string           `ovsdb:"sflow"`
	IPFIX           *string           `ovsdb:"ipfix"`
	Controller      []string          `ovsdb:"controller"`
	Protocols       []string          `ovsdb:"protocols"`
	FailMode        *string           `ovsdb:"fail_mode"`
	Status          map[string]string `ovsdb:"status"`
	RSTPStatus      map[string]string `ovsdb:"rstp_status"`
	OtherConfig     map[string]string `ovsdb:"other_config"`
	ExternalIDs     map[string]string `ovsdb:"external_ids"`
	FloodVLANs      []int             `ovsdb:"flood_vlans"`
}

// Port is a row of the table Port.
type Port struct {
	UUID          string            `ovsdb:"_uuid"`
	Name          string            `ovsdb:"name"`
	Interfaces    []string          `ovsdb:"interfaces"`
	Trunks        []int             `ovsdb:"trunks"`
	CVLANs        []int             `ovsdb:"cvlans"`
	Tag           *int              `ovsdb:"tag"`
	VLANMode      *string           `ovsdb:"vlan_mode"`
	QoS           *string           `ovsdb:"qos"`
	MAC           *string           `ovsdb:"mac"`
	BondMode      *string           `ovsdb:"bond_mode"`
	LACP          *string           `ovsdb:"lacp"`
	BondUpDelay   int               `ovsdb:"bond_updelay"`
	BondDownDelay int               `ovsdb:"bond_downdelay"`
	BondActive    *string           `ovsdb:"bond_active_slave"`
	BondFakeIface bool              `ovsdb:"bond_fake_iface"`
	FakeBridge    bool              `ovsdb:"fake_bridge"`
	Status        map[string]string `ovsdb:"status"`
	RSTPStatus    map[string]string `ovsdb:"rstp_status"`
	Protected     bool              `ovsdb:"protected"`
	OtherConfig   map[string]string `ovsdb:"other_config"`
	ExternalIDs   map[string]string `ovsdb:"external_ids"`
}

// Interface is a row of the table Interface.
type Interface struct {
	UUID             string            `ovsdb:"_uuid"`
	Name             string            `ovsdb:"name"`
	Type             string            `ovsdb:"type"`
	Options          map[string]string `ovsdb:"options"`
	PolicingRate     int               `ovsdb:"ingress_policing_rate"`
	PolicingBurst    int               `ovsdb:"ingress_policing_burst"`
	PolicingPktRate  int               `ovsdb:"ingress_policing_kpkts_rate"`
	PolicingPktBurst int               `ovsdb:"ingress_policing_kpkts_burst"`
	MACInUse         *string           `ovsdb:"mac_in_use"`
	MAC              *string           `ovsdb:"mac"`
	IfIndex          *int              `ovsdb:"ifindex"`
	ExternalIDs      map[string]string `ovsdb:"external_ids"`
	OFPort           *int              `ovsdb:"ofport"`
	OFPortRequest    *int              `ovsdb:"ofport_request"`
	BFD              map[string]string `ovsdb:"bfd"`
	BFDStatus        map[string]string `ovsdb:"bfd_status"`
	CFMID            *int              `ovsdb:"cfm_mpid"`
	CFMRemoteIDs     []int             `ovsdb:"cfm_remote_mpids"`
	CFMFault         *bool             `ovsdb:"cfm_fault"`
	CFMFaultStatus   []string          `ovsdb:"cfm_fault_status"`
	CFMRemoteState   *string           `ovsdb:"cfm_remote_opstate"`
	CFMHealth        *int              `ovsdb:"cfm_health"`
	LACPCurrent      *bool             `ovsdb:"lacp_current"`
	LLDP             map[string]string `ovsdb:"lldp"`
	OtherConfig      map[string]string `ovsdb:"other_config"`
	Status           map[string]string `ovsdb:"status"`
	AdminState       *string           `ovsdb:"admin_state"`
	LinkState        *string           `ovsdb:"link_state"`
	LinkResets       *int              `ovsdb:"link_resets"`
	LinkSpeed        *int              `ovsdb:"link_speed"`
	Duplex           *string           `ovsdb:"duplex"`
	MTU              *int              `ovsdb:"mtu"`
	MTURequest       *int              `ovsdb:"mtu_request"`
	Error            *string           `ovsdb:"error"`
}

// Mirror is a row of the table Mirror.
type Mirror struct {
	UUID          string            `ovsdb:"_uuid"`
	Name          string            `ovsdb:"name"`
	SelectAll     bool              `ovsdb:"select_all"`
	SelectSrcPort []string          `ovsdb:"select_src_port"`
	SelectDstPort []string          `ovsdb:"select_dst_port"`
	SelectVLAN    []int             `ovsdb:"select_vlan"`
	OutputPort    *string           `ovsdb:"output_port"`
	OutputVLAN    *int              `ovsdb:"output_vlan"`
	SnapLen       *int              `ovsdb:"snaplen"`
	ExternalIDs   map[string]string `ovsdb:"external_ids"`
}

// QoS is a row of the table QoS.
type QoS struct {
	UUID        string            `ovsdb:"_uuid"`
	Type        string            `ovsdb:"type"`
	Queues      map[int]string    `ovsdb:"queues"`
	OtherConfig map[string]string `ovsdb:"other_config"`
	ExternalIDs map[string]string `ovsdb:"external_ids"`
}

// Queue is a row of the table Queue.
type Queue struct {
	UUID        string            `ovsdb:"_uuid"`
	DSCP        *int              `ovsdb:"dscp"`
	OtherConfig map[string]string `ovsdb:"other_config"`
	ExternalIDs map[string]string `ovsdb:"external_ids"`
}

// Controller is a row of the table Controller.
type Controller struct {
	UUID           string            `ovsdb:"_uuid"`
	Type           *string           `ovsdb:"type"`
	Target         string            `ovsdb:"target"`
	ConnectionMode *string           `ovsdb:"connection_mode"`
	IsConnected    bool              `ovsdb:"is_connected"`
	Role           *string           `ovsdb:"role"`
	Status         map[string]string `ovsdb:"status"`
}

// Manager is a row of the table Manager.
type Manager struct {
	UUID        string            `ovsdb:"_uuid"`
	Target      string            `ovsdb:"target"`
	IsConnected bool              `ovsdb:"is_connected"`
	Status      map[string]string `ovsdb:"status"`
}

// NetFlow is a row of the table NetFlow.
type NetFlow struct {
	UUID          string   `ovsdb:"_uuid"`
	Targets       []string `ovsdb:"targets"`
	EngineType    *int     `ovsdb:"engine_type"`
	EngineID      *int     `ovsdb:"engine_id"`
	ActiveTimeout int      `ovsdb:"active_timeout"`
}

// SFlow is a row of the table sFlow.
type SFlow struct {
	UUID     string   `ovsdb:"_uuid"`
	Targets  []string `ovsdb:"targets"`
	Sampling *int     `ovsdb:"sampling"`
	Polling  *int     `ovsdb:"polling"`
	Header   *int     `ovsdb:"header"`
	Agent    *string  `ovsdb:"agent"`
}

// IPFIX is a row of the table IPFIX.
type IPFIX struct {
	UUID          string   `ovsdb:"_uuid"`
	Targets       []string `ovsdb:"targets"`
	Sampling      *int     `ovsdb:"sampling"`
	ObsDomainID   *int     `ovsdb:"obs_domain_id"`
	ObsPointID    *int     `ovsdb:"obs_point_id"`
	ActiveTimeout *int     `ovsdb:"cache_active_timeout"`
	MaxFlows      *int     `ovsdb:"cache_max_flows"`
}

func (r *OpenVSwitch) id() string { return r.UUID }
func (r *Bridge) id() string      { return r.UUID }
func (r *Port) id() string        { return r.UUID }
func (r *Interface) id() string   { return r.UUID }
func (r *Mirror) id() string      { return r.UUID }
func (r *QoS) id() string         { return r.UUID }
func (r *Queue) id() string       { return r.UUID }
func (r *Controller) id() string  { return r.UUID }
func (r *Manager) id() string     { return r.UUID }
func (r *NetFlow) id() string     { return r.UUID }
func (r *SFlow) id() string       { return r.UUID }
func (r *IPFIX) id() string       { return r.UUID }
