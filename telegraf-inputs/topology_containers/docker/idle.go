package docker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/skein-net/skein/telegraf-inputs/topology_containers/socket"
)

// PodmanRunRoot returns where the Podman of a socket keeps what it needs of its
// containers until the next boot (runroot in containers-storage.conf(5)), by
// default: "" for a socket that is not at one of its usual places.
func PodmanRunRoot(address string) string {
	dir, ok := strings.CutSuffix(filepath.Clean(socket.Path(address)), "/podman/podman.sock")
	switch {
	case !ok:
		return ""
	case dir == "/run" || dir == "/var/run":
		return "/run/containers/storage"
	case filepath.Dir(dir) == "/run/user":
		return dir + "/containers"
	}
	return ""
}

// hasContainers reports whether there is a container in a directory that
// [PodmanRunRoot] names: it has a directory there from when it is created until
// it is removed. What cannot be seen may be there.
func hasContainers(runRoot string) bool {
	drivers, err := os.ReadDir(runRoot)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	for _, d := range drivers {
		if !d.IsDir() || !strings.HasSuffix(d.Name(), "-containers") { // overlay-containers
			continue
		}
		entries, err := os.ReadDir(filepath.Join(runRoot, d.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return true
		}
		for _, e := range entries {
			if e.IsDir() { // the others are locks and lists
				return true
			}
		}
	}
	return false
}
