package proctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Programs gives the tests of a package the project's programs: those in the
// directory that SKEIN_BIN names, else it builds them. The zero value is ready;
// [Programs.Main] runs the tests. Its methods may be called concurrently.
type Programs struct {
	mu  sync.Mutex
	dir string
}

// Main runs the tests of a package, removes what was built for them and returns
// the exit code. Call it in TestMain.
func (p *Programs) Main(m *testing.M) int {
	code := m.Run()
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
	return code
}

// Path returns the path of a program; folder is where its source is, below the
// module, and its last element the program's name.
func (p *Programs) Path(t testing.TB, folder string) string {
	t.Helper()
	name := filepath.Base(folder)
	if dir := os.Getenv("SKEIN_BIN"); dir != "" {
		return filepath.Join(dir, name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir == "" {
		//nolint:usetesting // it outlives the test that needs it first
		dir, err := os.MkdirTemp("", "skein-programs-")
		if err != nil {
			t.Fatal(err)
		}
		p.dir = dir
	}
	path := filepath.Join(p.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	//nolint:noctx // the time limit of the tests ends it
	if out, err := exec.Command("go", "build", "-o", path, "github.com/skein-net/skein/"+folder).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v: %s", name, err, out)
	}
	return path
}
