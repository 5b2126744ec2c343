package main

// Secret stores.
import (
	_ "github.com/influxdata/telegraf/plugins/secretstores/docker" // secrets in files, read again each time
)
