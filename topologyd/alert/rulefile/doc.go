// Package rulefile reads files of graph rules: YAML in the shape of Prometheus'
// rule files, with the fields of [alert.Rule]. Mistakes are told with the line they
// stand in. The package must never follow a query or keep a file open.
package rulefile
