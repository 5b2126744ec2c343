package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// moduleClosure returns the files of modules and of all that they depend on,
// in the order in which they can be loaded, from the text of modules.dep.
// Modules that are built in have no line there and are left out.
func moduleClosure(dep string, names ...string) []string {
	needs := map[string][]string{}
	byName := map[string]string{}
	for line := range strings.Lines(dep) {
		file, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		needs[file] = strings.Fields(rest)
		byName[moduleName(file)] = file
	}
	var order []string
	seen := map[string]bool{}
	var visit func(string)
	visit = func(file string) {
		if file == "" || seen[file] {
			return
		}
		seen[file] = true
		for _, n := range needs[file] {
			visit(n)
		}
		order = append(order, file)
	}
	for _, n := range names {
		visit(byName[n])
	}
	return order
}

// moduleName is the name that modprobe uses for a module's file.
func moduleName(file string) string {
	base, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(base, "-", "_")
}

var simObject = regexp.MustCompile(`(?m)^obj-.*\+= *netdevsim\.o.*$`)

// buildExtra builds netdevsim and bareudp, which Debian's configuration
// leaves out, against the headers of the same kernel and puts them below
// lib/modules of root. scratch is a folder for sources, removed afterwards.
func buildExtra(ctx context.Context, root, scratch string, p kernelPackage) error {
	if err := needTools(tool{"make", "make"}, tool{"gcc", "gcc"}, tool{"tar", "tar"}, tool{"xz", "xz-utils"}); err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	flavour := p.release()
	common := strings.TrimSuffix(flavour, "-amd64") + "-common"
	source := "linux-source-" + p.series()
	if err := fetch(ctx, scratch, p.Version, source, "linux-headers-"+flavour, "linux-headers-"+common,
		"linux-kbuild-"+p.series()); err != nil {
		return err
	}
	headers := filepath.Join(scratch, "usr/src/linux-headers-"+flavour)
	// The packaged Makefile names its neighbours by the paths of an installation.
	mk := filepath.Join(headers, "Makefile")
	if err := edit(mk, func(s string) string {
		return strings.ReplaceAll(s, "/usr/src/", filepath.Join(scratch, "usr/src")+"/")
	}); err != nil {
		return err
	}
	if _, err := output(command(ctx, scratch, nil, "tar", "-xf", "usr/src/"+source+".tar.xz",
		source+"/drivers/net/netdevsim", source+"/drivers/net/bareudp.c")); err != nil {
		return fmt.Errorf("unpack sources: %w", err)
	}
	build := filepath.Join(scratch, source, "drivers/net/netdevsim")
	if err := os.Rename(filepath.Join(scratch, source, "drivers/net/bareudp.c"), filepath.Join(build, "bareudp.c")); err != nil {
		return fmt.Errorf("place source of bareudp: %w", err)
	}
	if err := edit(filepath.Join(build, "Makefile"), func(s string) string {
		return simObject.ReplaceAllString(s, "obj-m += netdevsim.o bareudp.o")
	}); err != nil {
		return err
	}
	if _, err := output(command(ctx, scratch, nil, "make", "-s", "-j2", "-C", headers, "M="+build, "modules")); err != nil {
		return fmt.Errorf("build modules: %w", err)
	}
	to := filepath.Join(root, "lib/modules", flavour, "extra")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("make folder for modules: %w", err)
	}
	for _, m := range []string{"netdevsim.ko", "bareudp.ko"} {
		from := filepath.Join(build, m)
		if _, err := output(command(ctx, build, nil, "strip", "-g", from)); err != nil {
			return fmt.Errorf("strip %s: %w", m, err)
		}
		if err := os.Rename(from, filepath.Join(to, m)); err != nil {
			return fmt.Errorf("place %s: %w", m, err)
		}
	}
	return nil
}

// edit rewrites a text file.
func edit(path string, f func(string) string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	if err := os.WriteFile(path, []byte(f(string(b))), 0o644); err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	return nil
}
