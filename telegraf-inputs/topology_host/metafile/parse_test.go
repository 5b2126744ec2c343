package metafile

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

func text(t testing.TB, v entity.Value) string {
	t.Helper()
	if v.IsZero() {
		return "none"
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParse(t *testing.T) {
	tests := []struct {
		name   string
		format Format
		in     string
		want   string // JSON, or "error: " and a part of it
	}{
		{"json", JSON, `{"site":{"rack":"b12","units":[1,2.5,true,null],"no":null},"big":9223372036854775808}`, `{"big":9223372036854775808.0,"site":{"rack":"b12","units":[1,2.5,true]}}`},
		{"json scalar", JSON, ` 7 `, `7`},
		{"json empty", JSON, ``, "error: EOF"},
		{"json cut", JSON, `{"a":`, "error: unexpected EOF"},
		{"json twice", JSON, `{} {}`, "error: text after"},
		{"json deep", JSON, strings.Repeat("[", 100) + strings.Repeat("]", 100), "error: nested more than 64"},
		{"json mark", JSON, "\xef\xbb\xbf{}", `{}`},
		{"json latin", JSON, "\"\xe9\"", "error: UTF-8"},

		{"toml", TOML, "a.b = 1\n[site]\nrack = 'b12'\nl = [1, 'x', [true]]\n[[n]]\nx = 1.5\n[[n]]\nx = 2", `{"a":{"b":1},"n":[{"x":1.5},{"x":2}],"site":{"l":[1,"x",[true]],"rack":"b12"}}`},
		{"toml times", TOML, "a = 2024-05-01\nb = 07:32:00\nc = 2024-05-01T07:32:00\nd = 2024-05-01T07:32:00.5+02:00\ne = 2024-05-01T07:32:00Z", `{"a":"2024-05-01","b":"07:32:00","c":"2024-05-01T07:32:00","d":"2024-05-01T07:32:00.5+02:00","e":"2024-05-01T07:32:00Z"}`},
		{"toml empty", TOML, "", `{}`},
		{"toml broken", TOML, "a = ", "error: parse TOML"},
		{"toml twice", TOML, "a = 1\na = 2", "error: parse TOML"},

		{"yaml", YAML, "site:\n  rack: b12\n  units: [1, 2.5, true, ~, 'x']\n  none:\n8080: web\n", `{"8080":"web","site":{"rack":"b12","units":[1,2.5,true,"x"]}}`},
		{"yaml as written", YAML, "d: 2024-05-01\nv: 1.10.0\ny: yes\nh: 0x1f\ns: !mine x\nb: !!binary YQ==\nu: 18446744073709551615\n", `{"b":"YQ==","d":"2024-05-01","h":31,"s":"x","u":9223372036854775807,"v":"1.10.0","y":"yes"}`},
		{"yaml alias and merge", YAML, "base: &b {a: 1, b: 2}\nmore: &m {b: 3, c: 4}\nx: {<<: [*b, *m], a: 0}\ny: *b\nz: {<<: *m}\n", `{"base":{"a":1,"b":2},"more":{"b":3,"c":4},"x":{"a":0,"b":2,"c":4},"y":{"a":1,"b":2},"z":{"b":3,"c":4}}`},
		{"yaml first document", YAML, "a: 1\n---\nb: 2\n", `{"a":1}`},
		{"yaml empty", YAML, "# nothing\n", "none"},
		{"yaml twice", YAML, "a: 1\na: 2\n", `error: line 2: key "a"`},
		{"yaml key", YAML, "? [a]\n: 1\n", "error: not a scalar"},
		{"yaml broken", YAML, "a: [1\n", "error: parse YAML"},
		{"yaml wrong tag", YAML, "a: !!int x\n", "error: parse YAML"},
		{"yaml cycle", YAML, "a: &a [*a]\n", "error:"},
		{"yaml many aliases", YAML, bomb(), "error: more than 1048576 values"},

		{"ini", INI, "top = 1\n; c\n# c\n[site]\nrack = b12 ; here\nurl: http://x/#a\nq = \"a ; b\" # c\ns=' x '\nempty =\n[ site.more ] ; c\na=b=c\r\n[site]\nrack = b13", `{"site":{"empty":"","q":"a ; b","rack":"b13","s":" x ","url":"http://x/#a"},"site.more":{"a":"b=c"},"top":"1"}`},
		{"ini empty", INI, "", `{}`},
		{"ini empty section", INI, "[a]", `{"a":{}}`},
		{"ini no key", INI, "\n= x", "error: line 2: no key"},
		{"ini no value", INI, "a", "error: line 1: no '='"},
		{"ini open section", INI, "[a", "error: not a section"},
		{"ini section and more", INI, "[a] b", "error: not a section"},
		{"ini open quote", INI, "a = \"b", `error: no closing "`},
		{"ini text after quote", INI, "a = 'b' c", "error: text after"},
		{"ini key and section", INI, "a = 1\n[a]\n", "error: both a key and a section"},

		{"properties", Properties, "# c\n! c\nsite.rack = b12\nsite.row:7\n  key  value with blanks  \nempty\nweb=\\\n   a,\\\n\t b\nsite.rack=b13", `{"empty":"","key":"value with blanks  ","site.rack":"b13","site.row":"7","web":"a,b"}`},
		{"properties escapes", Properties, `a\ b\:\=c = \u00e9\ud83d\ude00\t\q\\` + "\n# \\\nb=${a}", `{"a b:=c":"é😀\tq\\","b":"${a}"}`},
		{"properties half a pair", Properties, `a=\ud83dx`, `{"a":"�x"}`},
		{"properties latin", Properties, "a=\xe9", `{"a":"é"}`},
		{"properties end", Properties, "a=b\\", `{"a":"b"}`},
		{"properties empty", Properties, "\n \n", `{}`},
		{"properties escape", Properties, "\na=\\u12", "error: line 2:"},
		{"properties no key", Properties, "=b", "error: no key"},

		{"unknown", "xml", "", "error: unknown format"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := Parse(tt.format, []byte(tt.in))
			if part, bad := strings.CutPrefix(tt.want, "error: "); bad || tt.want == "error:" {
				if part = strings.TrimPrefix(part, "error:"); err == nil || !strings.Contains(err.Error(), part) {
					t.Fatalf("error %v, want %q; got %.200s", err, part, text(t, v))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, v); got != tt.want && !sameJSON(t, got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// bomb is a small YAML file of very many values.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 8 {
		from, to := string(rune('0'+i)), string(rune('1'+i))
		b.WriteString("a" + to + ": &a" + to + " [" + strings.TrimSuffix(strings.Repeat("*a"+from+",", 10), ",") + "]\n")
	}
	return b.String()
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	x, err := entity.ParseJSON(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := entity.ParseJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	return x.Equal(y)
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]Format{
		"/a.json": JSON, "/a.TOML": TOML, "/a.yaml": YAML, "/a.b.yml": YAML,
		"/a.ini": INI, "/a.cfg": INI, "/a.properties": Properties, "/yaml": "", "/a.xml": "",
	} {
		if got, ok := FormatOf(path); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", path, got, ok, want)
		}
	}
}

func TestSelect(t *testing.T) {
	doc, err := Parse(JSON, []byte(`{
		"site": {"rack": "b12", "racks": [{"name": "x"}, {"name": "y"}], "a.b": 1, "off": false, "empty": {}},
		"site.rack": "flat",
		"p.q.r": 1, "p.q.s": 2, "p.qx": 3,
		"k": {"l.m": 4}, "k.l": {"n": 5},
		"10": "ten"
	}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"site.rack":         `"flat"`, // the whole path is a key
		"site.racks":        `[{"name":"x"},{"name":"y"}]`,
		"site.racks.1":      `{"name":"y"}`,
		"site.racks.1.name": `"y"`,
		"site.racks.2":      "none",
		"site.racks.-1":     "none",
		"site.racks.name":   "none",
		"site.a.b":          `1`,
		"site.off":          `false`,
		"site.empty":        `{}`,
		"site.Rack":         "none",
		"site.rack.x":       "none",
		"p":                 `{"q.r":1,"q.s":2,"qx":3}`,
		"p.q":               `{"r":1,"s":2}`,
		"p.q.r":             `1`,
		"k.l.m":             `4`,
		"k.l.n":             `5`,
		"10":                `"ten"`,
		"no":                "none",
		"site.":             "none",
		".site":             "none",
		".":                 "none",
	} {
		if got := text(t, Select(doc, path)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if !Select(doc, "").Equal(doc) {
		t.Error("the empty path is not the document")
	}
	if !Select(entity.Value{}, "a").IsZero() || !Select(entity.Int(1), "a").IsZero() {
		t.Error("something in nothing")
	}
}

func TestCheck(t *testing.T) {
	deep := entity.Int(1)
	for range entity.MaxDepth - 2 {
		deep = entity.List(deep)
	}
	many := make([]entity.Value, maxValueNodes)
	for i := range many {
		many[i] = entity.Int(0)
	}
	inf, err := Parse(JSON, []byte("1e999"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what string
		v    entity.Value
		ok   bool
	}{
		{"scalar", entity.Int(1), true},
		{"deepest", deep, true},
		{"deeper", entity.List(deep), false},
		{"largest text", entity.String(strings.Repeat("x", maxValueBytes)), true},
		{"larger text", entity.String(strings.Repeat("x", maxValueBytes+1)), false},
		{"longest list", entity.List(many[1:]...), true},
		{"longer list", entity.List(many...), false},
		{"infinite", inf, false},
		{"bad key", entity.Map(entity.Attrs{entity.A("a\n", entity.Int(1))}), false},
		{"key at end", entity.Map(entity.Attrs{entity.A(`a\`, entity.Int(1))}), false},
	} {
		if err := check("Rack", tt.v); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		err    string
	}{
		{"good", func(*Config) {}, ""},
		{"relative", func(c *Config) { c.Files[0].Path = "a.json" }, "not absolute"},
		{"no format", func(c *Config) { c.Files[0].Path = "/a" }, "stands for no format"},
		{"format set", func(c *Config) { c.Files[0].Path, c.Files[0].Format = "/a", INI }, ""},
		{"unknown format", func(c *Config) { c.Files[0].Format = "xml" }, `unknown format "xml"`},
		{"no name", func(c *Config) { c.Files[0].Name = "" }, "no name"},
		{"bad name", func(c *Config) { c.Files[0].Name = "a\n" }, "control character"},
		{"same name", func(c *Config) { c.Files = append(c.Files, c.Files[0]) }, "used twice"},
		{"too many", func(c *Config) { c.Files = make([]File, maxFiles+1) }, "more than 64"},
		{"debounce", func(c *Config) { c.Debounce = -1 }, "debounce"},
		{"poll", func(c *Config) { c.Poll = 0 }, "interval"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.Files = []File{{Path: "/a.json", Name: "A", Selector: "a"}}
			tt.change(&c)
			err := c.Validate()
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if _, err2 := New(c, nil, nil); (err2 == nil) != (err == nil) {
				t.Errorf("New: %v", err2)
			}
		})
	}
}
