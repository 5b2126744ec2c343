package metafile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a watcher over a directory of a test, and what it told.
type desk struct {
	t   *testing.T
	dir string
	w   *Watcher

	mu    sync.Mutex
	calls int
	now   entity.Attrs
	lines []string
}

func (d *desk) SetConfig(values entity.Attrs) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	d.now = values
}

func (d *desk) Infof(format string, args ...any) { d.logf("I "+format, args...) }
func (d *desk) Warnf(format string, args ...any) { d.logf("W "+format, args...) }

func (d *desk) logf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func newDesk(t *testing.T) *desk {
	// The way to a test's directory may have links in it.
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t: t, dir: dir}
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

// start watches files named in the desk's directory.
func (d *desk) start(files ...File) {
	d.t.Helper()
	d.startWith(func(*Config) {}, files...)
}

func (d *desk) startWith(change func(*Config), files ...File) {
	d.t.Helper()
	cfg := DefaultConfig()
	cfg.Debounce = 5 * time.Millisecond
	cfg.Poll = time.Hour // notifications only
	for _, f := range files {
		f.Path = d.path(f.Path)
		cfg.Files = append(cfg.Files, f)
	}
	change(&cfg)
	w, err := New(cfg, d, d)
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.t.Cleanup(cancel)
	w.Start(ctx)
	d.t.Cleanup(w.Stop)
	d.w = w
}

func (d *desk) write(name, content string) {
	d.t.Helper()
	d.must(os.WriteFile(d.path(name), []byte(content), 0o600))
}

// replace puts a file in the place of another, as careful programs do.
func (d *desk) replace(name, content string) {
	d.t.Helper()
	d.write(name+".new", content)
	d.must(os.Rename(d.path(name+".new"), d.path(name)))
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) eventually(what string, ok func() bool) {
	d.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		d.mu.Lock()
		done := ok()
		now, lines := d.now, d.lines
		d.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s: not within 10 s; values %s, log %q", what, text(d.t, entity.Map(now)), lines)
		}
		time.Sleep(time.Millisecond)
	}
}

// told waits until the values are the JSON text want.
func (d *desk) told(want string) {
	d.t.Helper()
	d.eventually("values are "+want, func() bool { return text(d.t, entity.Map(d.now)) == want })
}

// logged waits until there are n lines of the log with a text.
func (d *desk) logged(n int, part string) {
	d.t.Helper()
	d.eventually(fmt.Sprintf("%d lines with %q", n, part), func() bool { return d.count(part) == n })
}

func (d *desk) count(part string) (n int) {
	for _, l := range d.lines {
		if strings.Contains(l, part) {
			n++
		}
	}
	return n
}

func TestWatchLife(t *testing.T) {
	for _, f := range []struct {
		format Format
		write  func(rack string) string
		broken string
	}{
		{JSON, func(r string) string { return `{"site":{"rack":"` + r + `"}}` }, `{"site":`},
		{TOML, func(r string) string { return "[site]\nrack = '" + r + "'" }, "[site"},
		{YAML, func(r string) string { return "site:\n  rack: " + r }, "site: ["},
		{INI, func(r string) string { return "[site]\nrack = " + r }, "[site"},
		{Properties, func(r string) string { return "site.rack=" + r }, `site.rack=\u1`},
	} {
		t.Run(string(f.format), func(t *testing.T) {
			d := newDesk(t)
			name := "foo." + string(f.format)
			d.start(File{Path: name, Name: "Rack", Selector: "site.rack"})
			d.logged(1, "does not exist")

			d.write(name, f.write("b1")) // created
			d.told(`{"Rack":"b1"}`)
			d.write(name, f.write("b2")) // changed
			d.told(`{"Rack":"b2"}`)
			d.replace(name, f.write("b3"))
			d.told(`{"Rack":"b3"}`)
			d.write(name, f.write("b4")) // the new file is watched too
			d.told(`{"Rack":"b4"}`)

			d.replace(name, f.broken)
			d.logged(1, "cannot be used")
			d.told(`{"Rack":"b4"}`)
			if got := d.w.Stats().Errors; got != 1 {
				t.Errorf("%d errors, want 1", got)
			}
			d.replace(name, f.write("b5"))
			d.told(`{"Rack":"b5"}`)

			d.must(os.Remove(d.path(name)))
			d.told(`{}`)
			d.replace(name, f.write("b6"))
			d.told(`{"Rack":"b6"}`)
		})
	}
}

// TestFirstReading: the values of files that are there are told before Start
// returns.
func TestFirstReading(t *testing.T) {
	d := newDesk(t)
	d.write("a.json", `{"x":{"l":[1,{"y":true}]}}`)
	d.write("b", "k = v")
	d.start(
		File{Path: "a.json", Name: "List", Selector: "x.l"},
		File{Path: "a.json", Name: "Deep", Selector: "x.l.1.y"},
		File{Path: "a.json", Name: "All"},
		File{Path: "a.json", Name: "None", Selector: "z"},
		File{Path: "b", Format: INI, Name: "Other", Selector: "k"},
	)
	want := `{"All":{"x":{"l":[1,{"y":true}]}},"Deep":true,"List":[1,{"y":true}],"Other":"v"}`
	if got := text(t, entity.Map(d.now)); got != want || d.calls != 1 {
		t.Errorf("%d calls, %s, want 1 and %s", d.calls, got, want)
	}
	if got := d.w.Stats(); got != (Stats{Reads: 2}) {
		t.Errorf("%+v, want each file read once", got)
	}
	// A value that went away goes, the others stay.
	d.write("a.json", `{"x":{"l":[2]}}`)
	d.told(`{"All":{"x":{"l":[2]}},"List":[2],"Other":"v"}`)
}

func TestNoFiles(t *testing.T) {
	d := newDesk(t)
	d.start()
	if d.calls != 0 {
		t.Error("told something")
	}
}

// TestBrokenOnce: a broken file is logged and counted once, however often it
// is looked at, and again when it is broken in another way.
func TestBrokenOnce(t *testing.T) {
	d := newDesk(t)
	d.write("a.json", `{"a":1}`)
	d.start(File{Path: "a.json", Name: "A", Selector: "a"})
	d.replace("a.json", `{`)
	d.logged(1, "cannot be used")
	for range 3 {
		reads := d.w.Stats().Reads
		d.replace("a.json", `{`)
		d.eventually("it is read again", func() bool { return d.w.Stats().Reads > reads })
	}
	d.replace("a.json", `[`)
	d.logged(2, "cannot be used")
	d.replace("a.json", `{"a":1}`)
	d.logged(1, "used again")
	if got := d.w.Stats().Errors; got != 2 {
		t.Errorf("%d errors, want 2", got)
	}
	d.told(`{"A":1}`)
}

// TestOneValueCannotBeUsed: the others of the file change.
func TestOneValueCannotBeUsed(t *testing.T) {
	d := newDesk(t)
	d.write("a.json", `{"a":1,"b":1}`)
	d.start(File{Path: "a.json", Name: "A", Selector: "a"}, File{Path: "a.json", Name: "B", Selector: "b"})
	d.told(`{"A":1,"B":1}`)
	d.replace("a.json", `{"a":1e999,"b":2}`)
	d.told(`{"A":1,"B":2}`)
	d.logged(1, `value of "a" for A`)
}

func TestTooLargeAndNoFile(t *testing.T) {
	d := newDesk(t)
	d.write("a.json", `"`+strings.Repeat("x", maxFileSize-2)+`"`)
	d.must(os.Mkdir(d.path("d.json"), 0o700))
	d.start(File{Path: "a.json", Name: "A"}, File{Path: "d.json", Name: "D"})
	d.logged(1, "bytes of text")
	d.logged(1, "not a regular file")
	d.replace("a.json", `"`+strings.Repeat("x", maxFileSize-1)+`"`)
	d.logged(1, "more than 1048576 bytes")
	d.replace("a.json", `1`)
	d.told(`{"A":1}`)
	d.must(os.Remove(d.path("d.json")))
	d.replace("d.json", `2`)
	d.told(`{"A":1,"D":2}`)
}

// TestDirectories: directories on the way come, go and are replaced.
func TestDirectories(t *testing.T) {
	d := newDesk(t)
	name := "x/y/a.json"
	d.start(File{Path: name, Name: "A", Selector: "a"})
	d.must(os.MkdirAll(d.path("x/y"), 0o700))
	d.write(name, `{"a":1}`)
	d.told(`{"A":1}`)
	d.must(os.RemoveAll(d.path("x")))
	d.told(`{}`)
	d.must(os.MkdirAll(d.path("x/y"), 0o700))
	d.write(name, `{"a":2}`)
	d.told(`{"A":2}`)
	d.must(os.Mkdir(d.path("x/z"), 0o700))
	d.write("x/z/a.json", `{"a":3}`)
	d.must(os.Rename(d.path("x/y"), d.path("x/old")))
	d.told(`{}`)
	d.must(os.Rename(d.path("x/z"), d.path("x/y")))
	d.told(`{"A":3}`)
	d.write(name, `{"a":4}`)
	d.told(`{"A":4}`)
}

// TestLinks is what Kubernetes does with a mounted ConfigMap: the file is a
// link through a link to a directory, which is replaced.
func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs the right to make symbolic links")
	}
	d := newDesk(t)
	d.must(os.Mkdir(d.path("m"), 0o700))
	version := func(n int) {
		t.Helper()
		dir := fmt.Sprintf("..v%d", n)
		d.must(os.Mkdir(d.path("m/"+dir), 0o700))
		d.write("m/"+dir+"/a.json", fmt.Sprintf(`{"a":%d}`, n))
		d.must(os.Symlink(dir, d.path("m/..tmp")))
		d.must(os.Rename(d.path("m/..tmp"), d.path("m/..data")))
	}
	version(1)
	d.must(os.Symlink("..data/a.json", d.path("m/a.json")))
	d.start(File{Path: "m/a.json", Name: "A", Selector: "a"})
	d.told(`{"A":1}`)
	version(2)
	d.told(`{"A":2}`)
	d.must(os.RemoveAll(d.path("m/..v1")))
	version(3)
	d.told(`{"A":3}`)
	d.write("m/..v3/a.json", `{"a":30}`)
	d.told(`{"A":30}`)
	d.must(os.RemoveAll(d.path("m/..v3"))) // the link dangles
	d.told(`{}`)
	version(4)
	d.told(`{"A":4}`)
}

func TestLinkLoop(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs the right to make symbolic links")
	}
	d := newDesk(t)
	d.must(os.Symlink("b.json", d.path("a.json")))
	d.must(os.Symlink("a.json", d.path("b.json")))
	d.start(File{Path: "a.json", Name: "A"})
	d.logged(1, "cannot be used")
	d.replace("b.json", `1`)
	d.told(`{"A":1}`)
}

// TestPoll: without notifications changes are found by looking.
func TestPoll(t *testing.T) {
	d := newDesk(t)
	d.startWith(func(c *Config) { c.Poll = 5 * time.Millisecond }, File{Path: "a.json", Name: "A"})
	d.w.Stop()
	w, err := New(d.w.cfg, d, d)
	if err != nil {
		t.Fatal(err)
	}
	// As Start does where the system gives no notification.
	w.rewatch()
	for _, s := range w.sources {
		w.read(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	d.write("a.json", `1`)
	d.told(`{"A":1}`)
	d.replace("a.json", `22`)
	d.told(`{"A":22}`)
	d.must(os.Remove(d.path("a.json")))
	d.told(`{}`)
}

// TestOthersChange: changes of other files in the directory cause no reading.
func TestOthersChange(t *testing.T) {
	d := newDesk(t)
	d.write("a.json", `1`)
	d.start(File{Path: "a.json", Name: "A"})
	for i := range 50 {
		d.replace("other.json", fmt.Sprint(i))
	}
	d.replace("a.json", `2`)
	d.told(`{"A":2}`)
	// Its replacement is two notifications at most: one reading each.
	if got := d.w.Stats().Reads; got > 3 {
		t.Errorf("%d readings", got)
	}
}

func TestAsk(t *testing.T) {
	var s source
	at := time.Unix(1000, 0)
	for i := range 100 {
		s.ask(at.Add(time.Duration(i)*time.Second), 2*time.Second)
	}
	if want := at.Add(20 * time.Second); !s.due.Equal(want) {
		t.Errorf("due at %v, want after ten times the debounce time, %v", s.due, want)
	}
	s.due = time.Time{}
	s.ask(at, 2*time.Second)
	s.ask(at.Add(time.Second), 2*time.Second)
	if want := at.Add(3 * time.Second); !s.due.Equal(want) {
		t.Errorf("due at %v, want %v", s.due, want)
	}
}

func TestPlaces(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs the right to make symbolic links")
	}
	d := newDesk(t)
	d.must(os.MkdirAll(d.path("real/sub"), 0o700))
	d.write("real/f", "")
	d.must(os.Symlink("real/sub", d.path("l")))
	d.must(os.Symlink(d.path("real/f"), d.path("abs")))
	d.must(os.Symlink("nothing/x", d.path("dangling")))
	for path, want := range map[string]string{
		"real/f":       "real/f",
		"real/g":       "real/g",
		"real/no/a":    "real/no",
		"l/a":          "l real/sub/a",
		"l/../f":       "l real/f", // not l's directory: what l leads to
		"abs":          "abs real/f",
		"dangling":     "dangling nothing",
		"real/f/x":     "real/f/x",
		"./real//./f/": "real/f",
	} {
		var got []string
		for _, p := range places(d.dir + "/" + path) {
			rel, err := filepath.Rel(d.dir, p)
			d.must(err)
			got = append(got, rel)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
}
