// Package dashboards makes the Grafana dashboards of Skein.
package dashboards

import (
	_ "github.com/grafana/grafana-foundation-sdk/go/dashboard" // the builders
)
