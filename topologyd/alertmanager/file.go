package alertmanager

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/discovery/file"
	"gopkg.in/yaml.v3"
)

// File is what the file of Alertmanagers says. Its fields are those of
// Prometheus' sections global and alerting that make sense here
// (prometheus/docs/configuration/configuration.md, alertmanager_config).
type File struct {
	// ExternalLabels are added to alerts that have no label of the name.
	ExternalLabels map[string]string `yaml:"external_labels"`
	Alertmanagers  []Endpoints       `yaml:"alertmanagers"`
}

// Endpoints are Alertmanagers that are spoken to in the same way.
type Endpoints struct {
	// HTTP holds basic_auth, authorization, oauth2, tls_config and so on. Files with
	// credentials are read for each request, so they can be rotated.
	HTTP promconfig.HTTPClientConfig `yaml:",inline"`
	// Scheme is http or https, PathPrefix what comes before /api/v2.
	Scheme     string `yaml:"scheme"`
	PathPrefix string `yaml:"path_prefix"`
	// Timeout bounds one request.
	Timeout model.Duration `yaml:"timeout"`
	// APIVersion is v2; it is here because Prometheus' files may say it.
	APIVersion string `yaml:"api_version"`

	Static []*Targets       `yaml:"static_configs"`
	Files  []*file.SDConfig `yaml:"file_sd_configs"`
	DNS    []*dns.SDConfig  `yaml:"dns_sd_configs"`
}

// Targets are addresses, HOST:PORT.
type Targets struct {
	Targets []string `yaml:"targets"`
	// Labels are those that Prometheus would relabel by; they change nothing here.
	Labels map[string]string `yaml:"labels"`
}

const apiV2 = "v2"

// defaultEndpoints returns what Prometheus has for what is not said.
func defaultEndpoints() Endpoints {
	return Endpoints{HTTP: promconfig.DefaultHTTPClientConfig, Scheme: "http", Timeout: model.Duration(10 * time.Second), APIVersion: apiV2}
}

// UnmarshalYAML implements yaml.v3's unmarshaler of before yaml.Node, the one that
// keeps refusing unknown fields.
func (e *Endpoints) UnmarshalYAML(unmarshal func(any) error) error {
	*e = defaultEndpoints()
	type plain Endpoints
	return unmarshal((*plain)(e))
}

// check says what is wrong, and completes what is not.
func (e *Endpoints) check() error {
	if err := e.HTTP.Validate(); err != nil {
		return err
	}
	if e.Scheme != "http" && e.Scheme != "https" {
		return errors.New("scheme is neither http nor https")
	}
	if e.APIVersion != apiV2 {
		return errors.New("api_version is not v2, the only one that Alertmanager has")
	}
	if strings.ContainsAny(e.PathPrefix, "?#") {
		return errors.New("path_prefix is not a path; give for example /alertmanager")
	}
	if e.Timeout <= 0 {
		return errors.New("timeout must be more than zero")
	}
	for _, t := range e.Static {
		if t == nil {
			return errors.New("static_configs has an empty item; give targets: [HOST:PORT]")
		}
		for _, address := range t.Targets {
			if err := checkAddress(address); err != nil {
				return err
			}
		}
	}
	if slices.Contains(e.Files, nil) || slices.Contains(e.DNS, nil) {
		return errors.New("file_sd_configs or dns_sd_configs has an empty item; remove it")
	}
	for _, s := range e.Files {
		if s.RefreshInterval <= 0 {
			return errors.New("refresh_interval must be more than zero")
		}
	}
	for _, s := range e.DNS {
		if s.RefreshInterval <= 0 {
			return errors.New("refresh_interval must be more than zero")
		}
	}
	return nil
}

// checkAddress says what is wrong with the address of an Alertmanager. What is
// wrong is not repeated: people put passwords into addresses.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, "80"
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		} else if strings.Contains(host, ":") {
			host = ""
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, "/@?#[] \t\r\n\\\"<>^`{|}") {
		return errors.New("an address of an Alertmanager is not of the form HOST:PORT; scheme and path_prefix have fields of their own")
	}
	return nil
}

// Parse reads the file of Alertmanagers. Paths in it are relative to its folder.
// Unknown fields are errors. Errors name lines and fields, and never repeat what
// stands in the file.
func Parse(path string, data []byte) (*File, error) {
	f := &File{}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read Alertmanagers: %s", redact(err.Error()))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("read Alertmanagers: the file has more than one document; keep the first")
	}
	for name := range f.ExternalLabels {
		if !model.LegacyValidation.IsValidLabelName(name) || strings.HasPrefix(name, model.ReservedLabelPrefix) {
			return nil, fmt.Errorf("read Alertmanagers: external label %q is no name of a label; use letters, digits and _", name)
		}
	}
	for i := range f.Alertmanagers {
		e := &f.Alertmanagers[i]
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("read Alertmanagers: item %d: %s", i+1, redact(err.Error()))
		}
		e.HTTP.SetDirectory(filepath.Dir(path))
		for _, s := range e.Files {
			s.SetDirectory(filepath.Dir(path))
		}
		if len(e.Static)+len(e.Files)+len(e.DNS) == 0 {
			return nil, fmt.Errorf("read Alertmanagers: item %d has no address; give static_configs, file_sd_configs or dns_sd_configs", i+1)
		}
	}
	return f, nil
}

// quoted is from where to where errors repeat values that could not be used, which
// may hold quotes themselves; typed is how they name the types of this program.
var (
	quoted = regexp.MustCompile("(?s)[`\"].*[`\"]")
	typed  = regexp.MustCompile(` (in type|into) [\w.*\[\]]+`)
)

// redact removes values from the error of a library: they could be somebody's
// password in the wrong place. Names of fields stay.
func redact(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "yaml: "), "unmarshal errors:\n  ")
	text = strings.ReplaceAll(text, "\n  ", "; ")
	return typed.ReplaceAllString(quoted.ReplaceAllString(text, "(value)"), "")
}
