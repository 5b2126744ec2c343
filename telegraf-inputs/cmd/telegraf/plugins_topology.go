package main

// Inputs of this project.
import (
	_ "github.com/skein-net/skein/telegraf-inputs/topology_host"
)
