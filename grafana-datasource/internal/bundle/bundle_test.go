package bundle

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const good = `{"id":"skein-topology-datasource","name":"Skein","type":"datasource","backend":true,"executable":"gpx_skein",
"info":{"author":{"name":"Skein"},"description":"d","keywords":["network"],"logos":{"small":"img/logo.svg","large":"img/logo.svg"},
"links":[{"name":"Docs","url":"https://example.org"}],"screenshots":[],"version":"0.1.0","updated":"2026-11-23"},
"includes":[{"type":"dashboard","path":"dashboards/a.json"}],"dependencies":{"grafanaDependency":">=12.3.0"}}`

func platforms() []Platform { return []Platform{{"linux", "amd64"}, {"windows", "amd64"}} }

func tree() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), Mode: 0o600} }
	return fstest.MapFS{
		"plugin.json": file(good), "module.js": file("x"), "README.md": file("x"), "CHANGELOG.md": file("x"), "LICENSE": file("x"),
		"img/logo.svg": file("<svg/>"), "dashboards/a.json": file(`{"uid":"a","title":"A","panels":[{}]}`),
		"gpx_skein_linux_amd64": file("elf"), "gpx_skein_windows_amd64.exe": file("pe"),
	}
}

func TestCheck(t *testing.T) {
	if _, err := Check(tree(), platforms()); err != nil {
		t.Fatalf("a good plugin: %v", err)
	}
	replaced := func(old, now string) func(fstest.MapFS) {
		return func(m fstest.MapFS) {
			if !strings.Contains(good, old) {
				t.Errorf("%q is not in the metadata", old)
			}
			m["plugin.json"].Data = []byte(strings.Replace(good, old, now, 1))
		}
	}
	for name, c := range map[string]struct {
		change func(fstest.MapFS)
		want   string
	}{
		"no metadata":       {func(m fstest.MapFS) { delete(m, "plugin.json") }, "read plugin.json"},
		"not JSON":          {func(m fstest.MapFS) { m["plugin.json"].Data = []byte("{") }, "read plugin.json"},
		"id":                {replaced("skein-topology-datasource", "Skein"), "has not the form"},
		"type":              {replaced(`"type":"datasource"`, `"type":"panel"`), "not datasource"},
		"version":           {replaced("0.1.0", "%VERSION%"), "%VERSION%"},
		"date":              {replaced("2026-11-23", "%TODAY%"), "%TODAY%"},
		"link":              {replaced("https://", "http://"), "not https"},
		"dependency":        {replaced(">=12.3.0", ""), "no grafanaDependency"},
		"program's name":    {replaced("gpx_skein", "skein"), "gpx_"},
		"no program":        {func(m fstest.MapFS) { delete(m, "gpx_skein_windows_amd64.exe") }, "windows on amd64"},
		"no logo":           {func(m fstest.MapFS) { delete(m, "img/logo.svg") }, "logo"},
		"logo outside":      {replaced("img/logo.svg", "../logo.svg"), "not a path inside"},
		"no module":         {func(m fstest.MapFS) { delete(m, "module.js") }, "module.js"},
		"empty module":      {func(m fstest.MapFS) { m["module.js"].Data = nil }, "module.js"},
		"no dashboard":      {func(m fstest.MapFS) { delete(m, "dashboards/a.json") }, "a.json is not there"},
		"not a dashboard":   {func(m fstest.MapFS) { m["dashboards/a.json"].Data = []byte(`{}`) }, "no uid"},
		"npm's packages":    {func(m fstest.MapFS) { m["node_modules/x/y.js"] = &fstest.MapFile{} }, "does not belong"},
		"link in the files": {func(m fstest.MapFS) { m["x"] = &fstest.MapFile{Mode: fs.ModeSymlink} }, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			m := tree()
			c.change(m)
			if _, err := Check(m, platforms()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestZip(t *testing.T) {
	dir, at := tree(), time.Date(2026, 11, 23, 1, 2, 3, 4, time.UTC)
	m, err := Check(dir, platforms())
	if err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := Zip(w, dir, m, at); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two archives of the same files differ")
	}
	z, err := zip.NewReader(bytes.NewReader(a.Bytes()), int64(a.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != len(dir) {
		t.Errorf("%d files, want %d", len(z.File), len(dir))
	}
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, m.ID+"/")
		if !ok {
			t.Errorf("%s is not in the plugin's folder", f.Name)
			continue
		}
		want := fs.FileMode(0o644)
		if strings.HasPrefix(name, "gpx_") {
			want = 0o755
		}
		if f.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, f.Mode(), want)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, dir[name].Data) {
			t.Errorf("%s holds %q, %v", name, text, err)
		}
	}
}
