//go:build !unix

package eventlog

import (
	"fmt"
	"os"
)

// lockFile opens the lock file; there is no lock that ends with the process on
// this system.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return f, nil
}
