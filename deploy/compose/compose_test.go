// Package compose tests the files with which Skein, Grafana and Prometheus run
// together. No engine is needed: what the files say is compared with what is
// there.
package compose

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// deploy is where the files are, seen from this package.
const deploy = ".."

type composeFile struct {
	Name     string               `yaml:"name"`
	Skein    yaml.Node            `yaml:"x-skein"`
	Services map[string]service   `yaml:"services"`
	Volumes  map[string]yaml.Node `yaml:"volumes"`
}

type service struct {
	Image string `yaml:"image"`
	Build struct {
		Context    string `yaml:"context"`
		Dockerfile string `yaml:"dockerfile"`
	} `yaml:"build"`
	Command     []string          `yaml:"command"`
	User        string            `yaml:"user"`
	NetworkMode string            `yaml:"network_mode"`
	Pid         string            `yaml:"pid"`
	Restart     string            `yaml:"restart"`
	ReadOnly    bool              `yaml:"read_only"`
	MemLimit    string            `yaml:"mem_limit"`
	CapDrop     []string          `yaml:"cap_drop"`
	CapAdd      []string          `yaml:"cap_add"`
	SecurityOpt []string          `yaml:"security_opt"`
	Environment map[string]string `yaml:"environment"`
	Tmpfs       []string          `yaml:"tmpfs"`
	Volumes     []yaml.Node       `yaml:"volumes"`
	Logging     struct {
		Driver  string            `yaml:"driver"`
		Options map[string]string `yaml:"options"`
	} `yaml:"logging"`
	DependsOn map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test        []string `yaml:"test"`
		Interval    string   `yaml:"interval"`
		Timeout     string   `yaml:"timeout"`
		Retries     int      `yaml:"retries"`
		StartPeriod string   `yaml:"start_period"`
	} `yaml:"healthcheck"`
}

// mount is a volume in the long form.
type mount struct {
	Type     string `yaml:"type"`
	Source   string `yaml:"source"`
	Target   string `yaml:"target"`
	ReadOnly bool   `yaml:"read_only"`
	Bind     struct {
		CreateHostPath bool   `yaml:"create_host_path"`
		Propagation    string `yaml:"propagation"`
	} `yaml:"bind"`
}

// read decodes a file of deploy; unknown members are mistakes.
func read(t *testing.T, name string, into any) {
	t.Helper()
	f, err := os.Open(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := yaml.NewDecoder(f)
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func services(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	read(t, "compose.yaml", &c)
	return c
}

func TestServices(t *testing.T) {
	c := services(t)
	for _, want := range []string{"topologyd", "telegraf", "collector", "prometheus", "alertmanager", "grafana"} {
		if _, there := c.Services[want]; !there {
			t.Errorf("no service %s", want)
		}
	}
	pinned := regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+$`)
	for name, s := range c.Services {
		if s.Build.Context == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: the image %q has no whole version", name, s.Image)
		}
		if s.NetworkMode != "host" || s.Restart != "unless-stopped" || s.MemLimit == "" || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: network %q, restart %q, memory %q, dropped %v", name, s.NetworkMode, s.Restart, s.MemLimit, s.CapDrop)
		}
		if len(s.SecurityOpt) == 0 || s.Logging.Options["max-size"] == "" {
			t.Errorf("%s: security options %v, logging %v", name, s.SecurityOpt, s.Logging)
		}
		h := s.Healthcheck
		if len(h.Test) == 0 || h.Interval == "" || h.Timeout == "" || h.Retries == 0 || h.StartPeriod == "" {
			t.Errorf("%s: health check %+v", name, h)
		}
		for other := range s.DependsOn {
			if _, there := c.Services[other]; !there {
				t.Errorf("%s depends on %s, which there is not", name, other)
			}
		}
	}
}

func TestCapabilities(t *testing.T) {
	c := services(t)
	want := map[string][]string{"telegraf": {"NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE"}, "collector": {"NET_RAW", "NET_ADMIN", "SYS_ADMIN"}}
	for name, s := range c.Services {
		if !slices.Equal(s.CapAdd, want[name]) {
			t.Errorf("%s has %v, needs %v", name, s.CapAdd, want[name])
		}
	}
	if c.Services["telegraf"].Pid != "host" {
		t.Error("telegraf does not see the host's processes")
	}
}

// TestMounts checks that what is mounted from the repository is there.
func TestMounts(t *testing.T) {
	c := services(t)
	for name, s := range c.Services {
		for _, node := range s.Volumes {
			if node.Kind == yaml.ScalarNode {
				volume, _, _ := strings.Cut(node.Value, ":")
				if _, there := c.Volumes[volume]; !there {
					t.Errorf("%s: the volume %s is not defined", name, volume)
				}
				continue
			}
			var m mount
			if err := node.Decode(&m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if m.Type != "bind" || !m.ReadOnly || m.Target == "" {
				t.Errorf("%s: %+v should be a bind that is read only", name, m)
			}
			if filepath.IsAbs(m.Source) {
				continue
			}
			if m.Bind.CreateHostPath {
				t.Errorf("%s: an empty %s would be made, and hide that it is missing", name, m.Source)
			}
			_, err := os.Stat(filepath.Join(deploy, m.Source))
			if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(m.Source, "grafana-datasource/dist") {
				t.Logf("%s is not built: make plugin", m.Source)
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestBuild(t *testing.T) {
	c := services(t)
	built := 0
	for name, s := range c.Services {
		if s.Build.Context == "" {
			continue
		}
		built++
		text, err := os.ReadFile(filepath.Join(deploy, s.Build.Context, s.Build.Dockerfile))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(string(text), "/out/"+s.Command[0]+" ") {
			t.Errorf("%s: the image does not have %s", name, s.Command[0])
		}
		for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`:\d+\.\d+`).MatchString(from[1]) {
				t.Errorf("the base %s has no version", from[1])
			}
		}
		for _, dir := range regexp.MustCompile(`\./([a-z-]+/cmd)/\.\.\.`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(deploy, s.Build.Context, dir[1])); err != nil {
				t.Error(err)
			}
		}
	}
	if built != 3 {
		t.Errorf("%d services are built", built)
	}
}

// TestLoopback checks that everything listens, and is asked, on loopback only.
func TestLoopback(t *testing.T) {
	var texts []string
	err := filepath.WalkDir(deploy, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" && ext != ".conf" {
			return nil
		}
		text, err := os.ReadFile(path)
		texts = append(texts, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`\b(\d+\.\d+\.\d+\.\d+):\d+`)
	for _, text := range texts {
		for _, m := range address.FindAllStringSubmatch(text, -1) {
			if ip := net.ParseIP(m[1]); ip == nil || !ip.IsLoopback() {
				t.Errorf("%s is not on loopback", m[0])
			}
		}
	}
}

// TestHealthChecks checks that each asks an address that its service, or
// Prometheus, knows.
func TestHealthChecks(t *testing.T) {
	c := services(t)
	ports := map[string]string{"topologyd": "4280", "telegraf": "9273", "collector": "4289", "prometheus": "9090", "alertmanager": "9093", "grafana": "3000"}
	for name, s := range c.Services {
		u, err := url.Parse(s.Healthcheck.Test[len(s.Healthcheck.Test)-1])
		if err != nil {
			t.Fatal(err)
		}
		if u.Port() != ports[name] {
			t.Errorf("%s is asked at %s, want port %s", name, u, ports[name])
		}
	}
}

func TestProvisioning(t *testing.T) {
	var sources struct {
		APIVersion  int  `yaml:"apiVersion"`
		Prune       bool `yaml:"prune"`
		Datasources []struct {
			Name      string    `yaml:"name"`
			UID       string    `yaml:"uid"`
			Type      string    `yaml:"type"`
			Access    string    `yaml:"access"`
			URL       string    `yaml:"url"`
			IsDefault bool      `yaml:"isDefault"`
			JSONData  yaml.Node `yaml:"jsonData"`
		} `yaml:"datasources"`
	}
	read(t, "grafana/provisioning/datasources/skein.yaml", &sources)
	var boards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name                  string            `yaml:"name"`
			Folder                string            `yaml:"folder"`
			FolderUID             string            `yaml:"folderUid"`
			Type                  string            `yaml:"type"`
			DisableDeletion       bool              `yaml:"disableDeletion"`
			AllowUIUpdates        bool              `yaml:"allowUiUpdates"`
			UpdateIntervalSeconds int               `yaml:"updateIntervalSeconds"`
			Options               map[string]string `yaml:"options"`
		} `yaml:"providers"`
	}
	read(t, "grafana/provisioning/dashboards/skein.yaml", &boards)
	env := services(t).Services["grafana"].Environment
	variable := regexp.MustCompile(`^\$\{(\w+)\}$`)
	given := func(text string) {
		t.Helper()
		m := variable.FindStringSubmatch(text)
		if m == nil {
			t.Errorf("%q should come from Grafana's environment", text)
			return
		}
		if env[m[1]] == "" {
			t.Errorf("compose.yaml does not set %s for Grafana", m[1])
		}
	}
	types := map[string]bool{}
	for _, d := range sources.Datasources {
		types[d.Type] = true
		given(d.URL)
	}
	for _, want := range []string{"skein-topology-datasource", "prometheus", "alertmanager"} {
		if !types[want] {
			t.Errorf("no datasource of type %s", want)
		}
	}
	if env["GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS"] != "skein-topology-datasource" {
		t.Error("Grafana does not load the plugin")
	}
	for _, p := range boards.Providers {
		given(p.Options["path"])
	}
}

// TestPrometheus runs promtool, where there is one.
func TestPrometheus(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool: install prometheus")
	}
	out, err := exec.CommandContext(t.Context(), promtool, "check", "config", filepath.Join(deploy, "prometheus", "prometheus.yml")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAlertmanager runs amtool, where there is one.
func TestAlertmanager(t *testing.T) {
	amtool, err := exec.LookPath("amtool")
	if err != nil {
		t.Skip("no amtool: install prometheus-alertmanager")
	}
	out, err := exec.CommandContext(t.Context(), amtool, "check-config", filepath.Join(deploy, "..", "alerts", "alertmanager", "alertmanager.yml")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestScraped checks that Prometheus asks what the parts listen on.
func TestScraped(t *testing.T) {
	var p struct {
		Global struct {
			Scrape   string `yaml:"scrape_interval"`
			Evaluate string `yaml:"evaluation_interval"`
		} `yaml:"global"`
		Rules    []string  `yaml:"rule_files"`
		Alerting yaml.Node `yaml:"alerting"`
		Jobs     []struct {
			Name        string `yaml:"job_name"`
			HonorLabels bool   `yaml:"honor_labels"`
			Static      []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	read(t, "prometheus/prometheus.yml", &p)
	want := map[string]string{"topologyd": "127.0.0.1:4280", "otelcol": "127.0.0.1:4289", "skein-flows": "127.0.0.1:4288", "telegraf": "127.0.0.1:9273"}
	have := map[string]string{}
	for _, j := range p.Jobs {
		have[j.Name] = j.Static[0].Targets[0]
	}
	for name, target := range want {
		if have[name] != target {
			t.Errorf("%s is scraped at %q, listens on %s", name, have[name], target)
		}
	}
	for _, rules := range p.Rules {
		files, err := filepath.Glob(filepath.Join(deploy, "prometheus", rules))
		if err != nil || len(files) == 0 {
			t.Errorf("the rules %s are not there: %v", rules, err)
		}
		// The same path leads there from where compose.yaml mounts both.
		inside := filepath.Dir(filepath.Join("/etc/prometheus", rules))
		if !mounted(t, "prometheus", inside, filepath.Dir(filepath.Join("prometheus", rules))) {
			t.Errorf("compose.yaml does not mount the rules at %s", inside)
		}
	}
}

// TestGraphRules checks that topologyd has the graph rules that are shipped, and
// tells the Alertmanager that there is.
func TestGraphRules(t *testing.T) {
	if !mounted(t, "topologyd", "/alerts/graph", "../alerts/graph") {
		t.Error("the graph rules are not mounted")
	}
	command := services(t).Services["topologyd"].Command
	for _, want := range []string{"--alert-rule-files=/alerts/graph/*.rules.yaml", "--alertmanager-url=http://127.0.0.1:9093"} {
		if !slices.Contains(command, want) {
			t.Errorf("topologyd is not started with %s", want)
		}
	}
	if files, err := filepath.Glob(filepath.Join(deploy, "../alerts/graph/*.rules.yaml")); err != nil || len(files) == 0 {
		t.Errorf("there are no graph rules: %v", err)
	}
}

// mounted tells whether a service sees a folder of the repository, which is given
// from deploy, at a path.
func mounted(t *testing.T, name, target, source string) bool {
	t.Helper()
	for _, node := range services(t).Services[name].Volumes {
		var m mount
		if node.Kind == yaml.MappingNode && node.Decode(&m) == nil && m.Target == target {
			return filepath.Clean(m.Source) == source
		}
	}
	return false
}
