package main

// Inputs that this program can run, one at a time.
import (
	_ "github.com/skein-net/skein/telegraf-inputs/topology_host"
)
