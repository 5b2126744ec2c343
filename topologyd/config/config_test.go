package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// env is a set of environment variables.
type env map[string]string

func (e env) lookup(k string) (string, bool) { v, ok := e[k]; return v, ok }

func load(t *testing.T, file string, e env, args ...string) (Config, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "topologyd.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	c := DefaultConfig()
	flags := c.Flags()
	if err := flags.Parse(args); err != nil {
		return Config{}, err
	}
	return Load(flags, e.lookup)
}

func TestSourcesInOrder(t *testing.T) {
	c, err := load(t,
		"listen: 127.0.0.1:1\nquery-timeout: 1s\nmax-body: 1MiB\ndata-dir: /file\n",
		env{"SKEIN_QUERY_TIMEOUT": "2s", "SKEIN_MAX_BODY": "2MiB", "SKEIN_LOG_FORMAT": "json"},
		"--max-body", "3MiB", "--watch-queue=7")
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.File = c.File
	want.Listen = "127.0.0.1:1"
	want.DataDir = "/file"
	want.Query.Timeout = 2 * time.Second
	want.Ingest.MaxBody = 3 << 20
	want.LogFormat = "json"
	want.Watch.Queue = 7
	if c != want {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestFileFromEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte("durability: batched"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, "", env{"SKEIN_CONFIG": path})
	if err != nil || c.Durability != DurabilityBatched || c.File != path {
		t.Fatalf("got %q %q %v", c.Durability, c.File, err)
	}
}

func TestLists(t *testing.T) {
	for name, x := range map[string]struct {
		file string
		env  env
		args []string
		want string
	}{
		"none":        {"", nil, nil, ""},
		"list":        {"fabric:\n  - A -> B\n  - 'B --> *[Type=host]/eth0'\n", nil, nil, "A -> B|B --> *[Type=host]/eth0"},
		"text":        {"fabric: |\n  A -> B\n\n  # C\n", nil, nil, "A -> B|# C"},
		"environment": {"fabric: [x]", env{"SKEIN_FABRIC": "A -> B\nC -> D"}, nil, "A -> B|C -> D"},
		"flags":       {"fabric: [x]", env{"SKEIN_FABRIC": "y"}, []string{"--fabric", "A -> B", "--fabric=C -> D, E"}, "A -> B|C -> D, E"},
	} {
		c, err := load(t, x.file, x.env, x.args...)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.Fabric.Items(), "|"); got != x.want {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for name, x := range map[string]struct {
		file string
		env  env
		want []string
	}{
		"unknown key":   {file: "listen: 127.0.0.1:1\nlisten-to: x\nnope: 1\n", want: []string{`line 2: unknown key "listen-to"`, `line 3: unknown key "nope"`}},
		"config itself": {file: "config: x", want: []string{`line 1: unknown key "config"`}},
		"twice":         {file: "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", want: []string{"line 2", "already set in line 1"}},
		"nested":        {file: "query-timeout:\n  a: 1\n", want: []string{"line 2", "takes one value"}},
		"list":          {file: "- a\n", want: []string{"line 1", "key: value"}},
		"list of one":   {file: "listen: [a]\n", want: []string{"line 1", "takes one value"}},
		"lists":         {file: "fabric:\n  - A -> B\n  - [x]\n", want: []string{"line 3", "want a list of texts"}},
		"not YAML":      {file: "a: [", want: []string{"parse YAML"}},
		"bad duration":  {file: "\nquery-timeout: soon\n", want: []string{"line 2", `"soon" is not a duration`}},
		"bad number":    {env: env{"SKEIN_WATCH_QUEUE": "many"}, want: []string{"SKEIN_WATCH_QUEUE", "not a whole number"}},
		"bad size":      {env: env{"SKEIN_MAX_BODY": "64MB!"}, want: []string{"SKEIN_MAX_BODY", "is not a size"}},
		"no such file":  {env: env{"SKEIN_CONFIG": "/nowhere/x.yaml"}, want: []string{"open configuration"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, x.file, x.env)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range x.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
		})
	}
}

func TestEmptyFile(t *testing.T) {
	for _, text := range []string{"# nothing\n", "---\n", "null\n"} {
		if _, err := load(t, text, nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestValidate(t *testing.T) {
	def := DefaultConfig()
	if err := def.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"--listen: \"x\" is not an address":  func(c *Config) { c.Listen = "x" },
		"no usable port":                     func(c *Config) { c.Listen = "127.0.0.1:99999" },
		"same address":                       func(c *Config) { c.OTLPListen = c.Listen },
		"--data-dir: is empty":               func(c *Config) { c.DataDir = "" },
		`--durability: "often" is not known`: func(c *Config) { c.Durability = "often" },
		"--log-level":                        func(c *Config) { c.LogLevel = "loud" },
		"--log-format":                       func(c *Config) { c.LogFormat = "xml" },
		`--join-files: "a[" is no pattern`:   func(c *Config) { c.JoinFiles = "/x/*.yaml\na[" },
		"--ingest-queue: must be more":       func(c *Config) { c.Ingest.Queue = 0 },
		"--query-timeout: must be more":      func(c *Config) { c.Query.Timeout = -1 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	c := DefaultConfig()
	c.OTLPListen = ""
	if err := c.Validate(); err != nil {
		t.Errorf("gRPC switched off: %v", err)
	}
	c.Listen, c.OTLPListen = "127.0.0.1:0", "127.0.0.1:0"
	if err := c.Validate(); err != nil {
		t.Errorf("two free ports: %v", err)
	}
}

func TestByteSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "17": 17, "1KiB": 1024, "64MiB": 64 << 20, "2GiB": 2 << 30, "5MB": 5e6, "1kB": 1000, " 3 B ": 3} {
		var s ByteSize
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%q: got %d, %v; want %d", text, s, err, want)
		}
		var again ByteSize
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%q: %q gives %d, %v", text, s.String(), again, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "1.5MiB", "9999999999GiB", "MiB"} {
		var s ByteSize
		if err := s.Set(text); err == nil {
			t.Errorf("%q is taken as %d", text, s)
		}
	}
}

// TestDocument keeps docs/configuration.md equal to the flags.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), Markdown()) {
		t.Errorf("docs/configuration.md does not hold this table:\n%s", Markdown())
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("listen: 127.0.0.1:1\n"))
	f.Add([]byte("? [a]\n: {b: *c}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := DefaultConfig()
		if apply(c.Flags(), text) == nil {
			_ = c.Validate() // whatever was taken, checking it does not panic
		}
	})
}
