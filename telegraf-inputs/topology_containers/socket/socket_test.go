package socket

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
)

func listen(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	stale, live, link := filepath.Join(dir, "stale"), filepath.Join(dir, "live"), filepath.Join(dir, "link")
	_ = listen(t, stale).Close()
	listen(t, live)
	if err := os.Symlink(live, link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	absent := reflect.TypeOf(feed.Absent(os.ErrNotExist))
	for name, c := range map[string]struct {
		path   string
		others []string
		absent bool
		ok     bool
	}{
		"live":        {live, nil, false, true},
		"link":        {link, []string{"/nonexistent", stale}, false, true},
		"another's":   {link, []string{scheme + live}, true, false},
		"none":        {filepath.Join(dir, "none"), nil, true, false},
		"stale":       {stale, nil, true, false},
		"file":        {file, nil, true, false},
		"not in file": {filepath.Join(file, "x"), nil, false, false},
	} {
		err := Check(t.Context(), c.path, c.others...)
		if (err == nil) != c.ok || (err != nil && reflect.TypeOf(err) == absent) != c.absent {
			t.Errorf("%s: %T %v", name, err, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for address, ok := range map[string]bool{
		"/run/x.sock": true, "unix:///run/x.sock": true, "x.sock": false, "": false, "unix://": false,
		"tcp://127.0.0.1:2375": false, "/": false,
	} {
		if err := Validate(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestClosedDirectory: whether there is a socket cannot be seen.
func TestClosedDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("every directory is open to root")
	}
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o000); err != nil {
		t.Fatal(err)
	}
	err := Check(t.Context(), filepath.Join(dir, "x.sock"))
	if reflect.TypeOf(err) != reflect.TypeOf(feed.Absent(os.ErrNotExist)) {
		t.Errorf("%T %v, want it marked as absent", err, err)
	}
}
