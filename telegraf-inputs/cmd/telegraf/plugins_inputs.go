package main

// Stock inputs, and our own copy of one that cannot be imported.
import (
	_ "github.com/influxdata/telegraf/plugins/inputs/execd"

	_ "github.com/skein-net/skein/telegraf-inputs/cmd/telegraf/internal/selfstats"
)
