package nodegraph

import (
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// kind is what a type is to a person.
type kind int

const (
	kindOther kind = iota
	kindHost
	kindNamespace
	kindBridge
	kindContainer
	kindFabric
)

// kindOf tells the kind of a Type.
func kindOf(typ string) kind {
	switch strings.ToLower(typ) {
	case entity.TypeHost:
		return kindHost
	case entity.TypeNetNS:
		return kindNamespace
	case "bridge", "openvswitch", "ovsbridge", "vrf":
		return kindBridge
	case "container", "docker", "pod", "libvirt", "vm":
		return kindContainer
	case "switch", "router", "fabric", "tor", "internet", "network", "device group":
		return kindFabric
	}
	return kindOther
}

// icon returns the icon of a type, "" for what shows stats instead: an icon
// takes their place. The names are those of Grafana's icon set.
func icon(typ string) string {
	switch strings.ToLower(typ) {
	case "internet", "network":
		return "cloud"
	case "pod":
		return "kubernetes"
	case "docker":
		return "docker"
	case "vrf":
		return "code-branch"
	}
	switch kindOf(typ) {
	case kindHost:
		return "monitor"
	case kindNamespace:
		return "layer-group"
	case kindBridge:
		return "sitemap"
	case kindContainer:
		return "cube"
	case kindFabric:
		return "exchange-alt"
	}
	return ""
}

// ringColor is the colour of the ring of a type where no arcs are drawn.
func ringColor(k kind, group bool) string {
	if group {
		return hexPurple
	}
	switch k {
	case kindHost:
		return hexBlue
	case kindNamespace:
		return hexTeal
	case kindBridge:
		return hexOrange
	case kindContainer:
		return hexGreen
	}
	return hexGray
}
