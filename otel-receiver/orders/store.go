package orders

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/skein-net/skein/internal/order"
)

// storeVersion is that of the file's form.
const storeVersion = 1

// maxStored bounds what is read of a file that should hold one message.
const maxStored = order.MaxMessage + 64<<10

// kept is what the file holds.
type kept struct {
	Version int    `json:"version"`
	HostID  string `json:"host_id"`
	// Boot is the kernel's number of when the host was started, "" when there is
	// none: the numbers of interfaces and namespaces mean others afterwards.
	Boot        string            `json:"boot,omitempty"`
	Assignments order.Assignments `json:"assignments"`
}

// errForeign is wrapped by the error about a file of another host, from before it
// was started, or of another form.
var errForeign = errors.New("it is not of this host since its start, or not of this version")

// bootID returns the kernel's number of when the host was started (random(4)), ""
// when there is none.
func bootID() string {
	b, err := readAtMost("/proc/sys/kernel/random/boot_id", 64)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// store keeps the last list in a file. It belongs to one goroutine.
type store struct {
	path, hostID string
}

// load returns the kept list, nil when none is kept. A file that does not hold one
// is put aside, under the name with ".broken" behind it; what cannot be read at all,
// such as a directory, stays where it is.
func (s *store) load() (*order.Assignments, error) {
	if s.path == "" {
		return nil, nil
	}
	b, err := readAtMost(s.path, maxStored)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if failed := new(os.PathError); errors.As(err, &failed) {
		return nil, fmt.Errorf("read kept orders: %w", err)
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err == nil && (k.Version != storeVersion || k.HostID != s.hostID || k.Boot != "" && k.Boot != bootID()) {
		err = errForeign
	}
	if err != nil {
		aside := s.path + ".broken"
		if failed := os.Rename(s.path, aside); failed != nil {
			return nil, fmt.Errorf("read kept orders: %w; put them aside: %w", err, failed)
		}
		return nil, fmt.Errorf("read kept orders, which are now in %s: %w", aside, err)
	}
	return &k.Assignments, nil
}

// save replaces the kept list; after a crash there is the old or the new one.
func (s *store) save(a *order.Assignments) error {
	if s.path == "" {
		return nil
	}
	b, err := json.Marshal(kept{Version: storeVersion, HostID: s.hostID, Boot: bootID(), Assignments: *a})
	if err != nil {
		return fmt.Errorf("keep orders: %w", err)
	}
	if len(b) > maxStored {
		return fmt.Errorf("keep orders: the list takes %d bytes, and may take %d", len(b), maxStored)
	}
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep orders: %w", err)
	}
	if err := replace(s.path, b); err != nil {
		return fmt.Errorf("keep orders: %w", err)
	}
	return syncDir(dir)
}

// replace writes a file in one step. What a crash leaves behind it removes the next
// time.
func replace(path string, b []byte) (err error) {
	tmp := path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp)
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("keep orders: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("keep orders: %w", err)
	}
	return nil
}

// readAtMost reads a file that is not longer than so many bytes.
func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return b, err
}
