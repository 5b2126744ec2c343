package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kernelPackage is a kernel image in Debian's archive.
type kernelPackage struct {
	// Name is the package, for example linux-image-6.1.0-56-amd64.
	Name string
	// Version is its version, for example 6.1.192-2.
	Version string
}

// release is what uname -r prints, for example 6.1.0-56-amd64.
func (p kernelPackage) release() string { return strings.TrimPrefix(p.Name, "linux-image-") }

// series is the kernel's first two numbers, for example 6.1, as the package
// names of its source and its build tools have them.
func (p kernelPackage) series() string {
	parts := strings.SplitN(p.release(), ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// candidate asks apt for the kernel that linux-image-amd64 stands for now.
func candidate(ctx context.Context) (kernelPackage, error) {
	out, err := output(command(ctx, "", nil, "apt-cache", "depends", "linux-image-amd64"))
	if err != nil {
		return kernelPackage{}, unavailable("apt knows no package linux-image-amd64 (apt-get update may help)")
	}
	var p kernelPackage
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && strings.HasPrefix(name, "linux-image-") {
			p.Name = name
			break
		}
	}
	if p.Name == "" {
		return p, unavailable("linux-image-amd64 names no kernel")
	}
	out, err = output(command(ctx, "", nil, "apt-cache", "policy", p.Name))
	if err != nil {
		return p, fmt.Errorf("ask apt for the version of %s: %w", p.Name, err)
	}
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Candidate: "); ok {
			p.Version = v
		}
	}
	if p.Version == "" || p.Version == "(none)" {
		return p, unavailable("apt has no candidate for %s (apt-get update may help)", p.Name)
	}
	return p, nil
}

// fetch downloads packages of one version and unpacks them below dir. It
// installs nothing.
func fetch(ctx context.Context, dir, version string, names ...string) error {
	debs := filepath.Join(dir, "debs")
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return fmt.Errorf("make folder for packages: %w", err)
	}
	defer os.RemoveAll(debs)
	// The sandbox user of apt may not write to a folder of root's home.
	args := []string{"-qq", "-o", "APT::Sandbox::User=root", "download"}
	for _, n := range names {
		args = append(args, n+"="+version)
	}
	if _, err := output(command(ctx, debs, nil, "apt-get", args...)); err != nil {
		return unavailable("apt cannot download %s %s: %v", strings.Join(names, ", "), version, err)
	}
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return fmt.Errorf("find downloaded packages: %w", err)
	}
	if len(files) != len(names) {
		return fmt.Errorf("find downloaded packages: %d of %d are there", len(files), len(names))
	}
	for _, f := range files {
		if _, err := output(command(ctx, dir, nil, "dpkg-deb", "-x", f, dir)); err != nil {
			return fmt.Errorf("unpack %s: %w", filepath.Base(f), err)
		}
	}
	return nil
}
