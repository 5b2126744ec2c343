package lldpcli

import "encoding/json"

// found is a neighbour at an interface of lldpd's namespace.
type found struct {
	name string
	json *jsonInterface
}

// jsonValue is an element that has a value, and perhaps a type.
type jsonValue struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// jsonInterface is one neighbour as lldpcli prints it in the form json0.
type jsonInterface struct {
	Name    string        `json:"name"`
	Via     string        `json:"via"`
	Chassis []jsonChassis `json:"chassis"`
	Port    []jsonPort    `json:"port"`
	VLAN    []struct {
		ID    jsonText `json:"vlan-id"`
		PVID  bool     `json:"pvid"`
		Value string   `json:"value"`
	} `json:"vlan"`
	PPVID []struct {
		Value              jsonText `json:"value"`
		Supported, Enabled bool
	} `json:"ppvid"`
	PI      []jsonValue `json:"pi"`
	MED     []jsonMED   `json:"lldp-med"`
	Unknown []struct {
		TLV []struct {
			OUI     string   `json:"oui"`
			Subtype jsonText `json:"subtype"`
			Value   string   `json:"value"`
		} `json:"unknown-tlv"`
	} `json:"unknown-tlvs"`
}

type jsonChassis struct {
	ID          []jsonValue `json:"id"`
	Name        []jsonValue `json:"name"`
	Description []jsonValue `json:"descr"`
	MgmtIP      []jsonValue `json:"mgmt-ip"`
	MgmtIface   []jsonValue `json:"mgmt-iface"`
	Capability  []struct {
		Type    string `json:"type"`
		Enabled bool   `json:"enabled"`
	} `json:"capability"`
}

type jsonPort struct {
	ID              []jsonValue `json:"id"`
	Description     []jsonValue `json:"descr"`
	TTL             []jsonValue `json:"ttl"`
	MFS             []jsonValue `json:"mfs"`
	Aggregation     []jsonValue `json:"aggregation"`
	AutoNegotiation []struct {
		Supported  bool `json:"supported"`
		Enabled    bool `json:"enabled"`
		Advertised []struct {
			Type string `json:"type"`
			HD   bool   `json:"hd"`
			FD   bool   `json:"fd"`
		} `json:"advertised"`
		Current []jsonValue `json:"current"`
	} `json:"auto-negotiation"`
	Power []struct {
		Supported   bool        `json:"supported"`
		Enabled     bool        `json:"enabled"`
		PairControl bool        `json:"paircontrol"`
		DeviceType  []jsonValue `json:"device-type"`
		Pairs       []jsonValue `json:"pairs"`
		Class       []jsonValue `json:"class"`
	} `json:"power"`
}

type jsonMED struct {
	DeviceType []jsonValue `json:"device-type"`
	Capability []struct {
		Type      string `json:"type"`
		Available bool   `json:"available"`
	} `json:"capability"`
	Policy []struct {
		Type    string `json:"apptype"`
		Defined bool   `json:"defined"`
		VLAN    []struct {
			VID jsonText `json:"vid"`
		} `json:"vlan"`
		PCP  []jsonValue `json:"pcp"`
		DSCP []jsonValue `json:"dscp"`
	} `json:"policy"`
	POE []struct {
		DeviceType []jsonValue `json:"device-type"`
		Power      []jsonValue `json:"power"` // milliwatts
	} `json:"poe"`
	Inventory []struct {
		Hardware     []jsonValue `json:"hardware"`
		Software     []jsonValue `json:"software"`
		Firmware     []jsonValue `json:"firmware"`
		Serial       []jsonValue `json:"serial"`
		Manufacturer []jsonValue `json:"manufacturer"`
		Model        []jsonValue `json:"model"`
		Asset        []jsonValue `json:"asset"`
	} `json:"inventory"`
}

// jsonText is a number that is printed as text, or as a number.
type jsonText string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *jsonText) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal(b, &n); err == nil {
		*t = jsonText(n)
		return nil
	}
	var s string
	err := json.Unmarshal(b, &s)
	*t = jsonText(s)
	return err
}

func (t jsonText) number() int { return atoi(string(t)) }
