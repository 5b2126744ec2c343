package main

// Inputs of this project.
import (
	_ "github.com/skein-net/skein/telegraf-inputs/topology_containers"
	_ "github.com/skein-net/skein/telegraf-inputs/topology_host"
	_ "github.com/skein-net/skein/telegraf-inputs/topology_lldp"
	_ "github.com/skein-net/skein/telegraf-inputs/topology_ovs"
)
