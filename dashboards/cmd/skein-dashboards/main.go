// Command skein-dashboards writes the Grafana dashboards as JSON. It writes
// files and does nothing else: it talks to no Grafana.
//
//	go run ./dashboards/cmd/skein-dashboards -out dashboards/json
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skein-net/skein/dashboards"
)

func main() {
	out := flag.String("out", "dashboards/json", "`directory` that gets one file a dashboard")
	flag.Parse()
	if err := write(*out); err != nil {
		fmt.Fprintln(os.Stderr, "skein-dashboards:", err)
		os.Exit(1)
	}
}

// write makes all dashboards before it touches a file.
func write(dir string) error {
	files, err := dashboards.Files()
	if err != nil {
		return fmt.Errorf("make dashboards: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.JSON, 0o644); err != nil {
			return fmt.Errorf("write dashboard: %w", err)
		}
	}
	return nil
}
