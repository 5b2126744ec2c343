// Package bundle checks a built plugin and packs it the way Grafana installs
// and signs it: one folder, named by the plugin's ID, with the programs
// executable. It must never change what it packs.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Metadata is what of plugin.json is looked at. See Grafana's reference,
// https://grafana.com/developers/plugin-tools/reference/plugin-json.
type Metadata struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	Backend    bool   `json:"backend"`
	Executable string `json:"executable"`
	Info       struct {
		Author      struct{ Name string } `json:"author"`
		Description string                `json:"description"`
		Keywords    []string              `json:"keywords"`
		Logos       struct {
			Small string `json:"small"`
			Large string `json:"large"`
		} `json:"logos"`
		Links []struct {
			Name string `json:"name"`
			URL  string `json:"url"`
		} `json:"links"`
		Screenshots []struct {
			Path string `json:"path"`
		} `json:"screenshots"`
		Version string `json:"version"`
		Updated string `json:"updated"`
	} `json:"info"`
	Includes []struct {
		Type string `json:"type"`
		Path string `json:"path"`
	} `json:"includes"`
	Dependencies struct {
		GrafanaDependency string `json:"grafanaDependency"`
	} `json:"dependencies"`
}

// Platform is a system that a program is built for, by its names in Go.
type Platform struct{ OS, Arch string }

// Program is the name of the plugin's program for the platform.
func (m *Metadata) Program(p Platform) string {
	name := m.Executable + "_" + p.OS + "_" + p.Arch
	if p.OS == "windows" {
		name += ".exe"
	}
	return name
}

var (
	idForm      = regexp.MustCompile(`^[0-9a-z]+-([0-9a-z]+-)?(app|panel|datasource)$`)
	versionForm = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	dateForm    = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// Check reads the metadata of the plugin in dir and returns every mistake that
// would keep Grafana from loading it or its catalog from taking it.
func Check(dir fs.FS, platforms []Platform) (*Metadata, error) {
	text, err := fs.ReadFile(dir, "plugin.json")
	if err != nil {
		return nil, fmt.Errorf("read plugin.json: %w", err)
	}
	m := &Metadata{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("read plugin.json: %w", err)
	}
	c := &checker{dir: dir}
	c.want(idForm.MatchString(m.ID), "plugin.json: the id %q has not the form organization-name-datasource", m.ID)
	c.want(m.Type == "datasource" && strings.HasSuffix(m.ID, "-datasource"), "plugin.json: type is %q, not datasource", m.Type)
	c.want(m.Name != "", "plugin.json: no name")
	c.want(m.Info.Description != "", "plugin.json: no description")
	c.want(m.Info.Author.Name != "", "plugin.json: no author")
	c.want(len(m.Info.Keywords) > 0, "plugin.json: no keywords")
	c.want(versionForm.MatchString(m.Info.Version), "plugin.json: the version is %q; the build replaces %%VERSION%%", m.Info.Version)
	c.want(dateForm.MatchString(m.Info.Updated), "plugin.json: updated is %q; the build replaces %%TODAY%%", m.Info.Updated)
	c.want(m.Dependencies.GrafanaDependency != "", "plugin.json: no grafanaDependency")
	c.want(len(m.Info.Links) > 0, "plugin.json: no links")
	for _, l := range m.Info.Links {
		c.want(l.Name != "" && strings.HasPrefix(l.URL, "https://"), "plugin.json: link %q leads to %q, not https", l.Name, l.URL)
	}
	c.file(m.Info.Logos.Small, "the small logo")
	c.file(m.Info.Logos.Large, "the large logo")
	for _, s := range m.Info.Screenshots {
		c.file(s.Path, "a screenshot")
	}
	for _, i := range m.Includes {
		if i.Type == "dashboard" {
			c.dashboard(i.Path)
		}
	}
	for _, name := range []string{"module.js", "README.md", "CHANGELOG.md", "LICENSE"} {
		c.file(name, "a part of every plugin")
	}
	if m.Backend {
		c.want(strings.HasPrefix(m.Executable, "gpx_"), "plugin.json: the executable %q does not begin with gpx_", m.Executable)
		for _, p := range platforms {
			c.file(m.Program(p), "the program for "+p.OS+" on "+p.Arch)
		}
	}
	c.tree()
	return m, errors.Join(c.errs...)
}

type checker struct {
	dir  fs.FS
	errs []error
}

func (c *checker) want(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

// file checks that a file is there and not empty.
func (c *checker) file(name, what string) {
	name = strings.TrimPrefix(name, "./")
	if !fs.ValidPath(name) {
		c.want(false, "%s: %q is not a path inside the plugin", what, name)
		return
	}
	info, err := fs.Stat(c.dir, name)
	c.want(err == nil && info.Mode().IsRegular() && info.Size() > 0, "%s: %s is not there", what, name)
}

// dashboard checks that an included dashboard is one.
func (c *checker) dashboard(name string) {
	text, err := fs.ReadFile(c.dir, name)
	if err != nil {
		c.want(false, "a dashboard: %s is not there", name)
		return
	}
	var d struct {
		UID    string            `json:"uid"`
		Title  string            `json:"title"`
		Panels []json.RawMessage `json:"panels"`
	}
	err = json.Unmarshal(text, &d)
	c.want(err == nil && d.UID != "" && d.Title != "" && len(d.Panels) > 0, "a dashboard: %s has no uid, title or panels", name)
}

// unwanted are files that a plugin must not carry.
func unwanted() []string {
	return []string{"node_modules", ".git", ".DS_Store", "MANIFEST.txt.tmp", ".env"}
}

// tree checks that there is nothing beside the plugin's files.
func (c *checker) tree() {
	err := fs.WalkDir(c.dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		c.want(d.IsDir() || d.Type().IsRegular(), "%s is neither a file nor a directory", name)
		c.want(!slices.Contains(unwanted(), path.Base(name)), "%s does not belong into a plugin", name)
		return nil
	})
	c.want(err == nil, "list the plugin's files: %v", err)
}
