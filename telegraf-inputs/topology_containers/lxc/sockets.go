package lxc

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strings"
)

// maxSocketName is how long the name of an abstract socket is at most: sun_path
// of unix(7) without the byte that makes it abstract.
const maxSocketName = 107

// socketName returns the name of a container's command socket without its first
// byte (lxc_make_abstract_socket_name of liblxc): a hash stands for a path that
// is too long.
func socketName(path, name string) string {
	full := path + "/" + name + "/command"
	if len(full) < maxSocketName {
		return full
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(path + "/" + name))
	return fmt.Sprintf("lxc/%016x/command", h.Sum64())
}

// parseSockets returns the names of containers below paths whose command socket
// is in the text of /proc/net/unix, by path.
func parseSockets(b []byte, paths []string) map[string][]string {
	out := make(map[string][]string)
	for line := range bytes.Lines(b) {
		_, name, ok := strings.Cut(string(bytes.TrimSuffix(line, []byte{'\n'})), " @")
		if !ok {
			continue
		}
		dir, ok := strings.CutSuffix(name, "/command")
		if !ok {
			continue
		}
		path, container := filepath.Split(dir)
		for _, p := range paths {
			if path == p+"/" && validName(container) {
				out[p] = append(out[p], container)
			}
		}
	}
	return out
}

// validName reports whether a name can be that of a container.
func validName(name string) bool { return name != "" && name != "." && name != ".." }
