// Package hostfacts reads what a machine is: processors, operating system,
// kernel command line, virtualization, the instance number that a cloud gave
// it. It reads once, when asked, and never writes.
//
// What cannot be read is left out; [Read] returns a sentence for each such
// fact, which the caller may show.
package hostfacts

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"

	"github.com/skein-net/skein/internal/entity"
)

// Paths are where the facts are, each below the root directory of the machine.
const (
	pathCmdline    = "/proc/cmdline"
	pathIsolated   = "/sys/devices/system/cpu/isolated"
	pathInstanceID = "/var/lib/cloud/data/instance-id"
)

// Read returns the attributes of this machine, normalized, and what could not
// be read. It takes some milliseconds.
func Read(ctx context.Context) (entity.Attrs, []string) {
	var a entity.Attrs
	var missing []string
	a = append(a, entity.A("OS", entity.String(runtime.GOOS)), entity.A("Architecture", entity.String(runtime.GOARCH)))

	platform, family, version, err := host.PlatformInformationWithContext(ctx)
	if err != nil {
		missing = append(missing, "platform: "+err.Error())
	}
	a = addText(a, "Platform", platform)
	a = addText(a, "PlatformFamily", family)
	a = addText(a, "PlatformVersion", version)

	kernel, err := host.KernelVersionWithContext(ctx)
	if err != nil {
		missing = append(missing, "kernel version: "+err.Error())
	}
	a = addText(a, "KernelVersion", kernel)

	system, role, err := host.VirtualizationWithContext(ctx)
	if err != nil {
		missing = append(missing, "virtualization: "+err.Error())
	}
	a = addText(a, "VirtualizationSystem", system)
	a = addText(a, "VirtualizationRole", role)

	cpus, err := cpu.InfoWithContext(ctx)
	if err != nil {
		missing = append(missing, "processors: "+err.Error())
	}
	if len(cpus) > 0 {
		a = append(a, entity.A("CPU", processors(cpus)))
	}
	return append(a, files("/")...).Normalize(), missing
}

// files returns the facts that are plain files below root.
func files(root string) entity.Attrs {
	var a entity.Attrs
	if b, err := os.ReadFile(filepath.Join(root, pathCmdline)); err == nil {
		if cmdline := KernelCmdLine(string(b)); len(cmdline) > 0 {
			a = append(a, entity.A("KernelCmdLine", entity.Map(cmdline)))
		}
	}
	if b, err := os.ReadFile(filepath.Join(root, pathIsolated)); err == nil {
		if cpus := CPUList(string(b)); len(cpus) > 0 {
			vs := make([]entity.Value, len(cpus))
			for i, n := range cpus {
				vs[i] = entity.Int(int64(n))
			}
			a = append(a, entity.A("IsolatedCPU", entity.List(vs...)))
		}
	}
	if b, err := os.ReadFile(filepath.Join(root, pathInstanceID)); err == nil {
		a = addText(a, "InstanceID", strings.TrimSpace(string(b)))
	}
	return a
}

func processors(infos []cpu.InfoStat) entity.Value {
	out := make([]entity.Value, len(infos))
	for i := range infos {
		c := &infos[i]
		a := entity.Attrs{
			entity.A("CPU", entity.Int(int64(c.CPU))),
			entity.A("Stepping", entity.Int(int64(c.Stepping))),
			entity.A("Cores", entity.Int(int64(c.Cores))),
			entity.A("CacheSize", entity.Int(int64(c.CacheSize))),
		}
		a = addText(a, "VendorID", c.VendorID)
		a = addText(a, "Family", c.Family)
		a = addText(a, "Model", c.Model)
		a = addText(a, "PhysicalID", c.PhysicalID)
		a = addText(a, "CoreID", c.CoreID)
		a = addText(a, "ModelName", c.ModelName)
		a = addText(a, "Microcode", c.Microcode)
		// Whole MHz: what is behind the point changes from one reading to the next.
		if mhz := math.Round(c.Mhz); mhz > 0 && !math.IsInf(mhz, 0) {
			a = append(a, entity.A("Mhz", entity.Int(int64(mhz))))
		}
		out[i] = entity.Map(a.Normalize())
	}
	return entity.List(out...)
}

// maxCmdline bounds what is taken of a kernel command line.
const maxCmdline = 4096

// KernelCmdLine splits a kernel command line into its parameters: name=value
// gives the value, a bare name true, a name that is there several times the
// list of its values. Double quotes keep blanks together, as the kernel does.
// What follows "--" is for the init process and left out.
func KernelCmdLine(text string) entity.Attrs {
	if len(text) > maxCmdline {
		text = text[:maxCmdline]
	}
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")
	values := make(map[string][]entity.Value)
	var order []string
	for _, p := range splitQuoted(text) {
		if p == "--" {
			break
		}
		name, value, has := strings.Cut(p, "=")
		if name == "" || len(name) > entity.MaxKeyLength || strings.ContainsFunc(name, isControl) {
			continue
		}
		v := entity.Bool(true)
		if has {
			v = entity.String(value)
		}
		if _, known := values[name]; !known {
			order = append(order, name)
		}
		values[name] = append(values[name], v)
	}
	a := make(entity.Attrs, 0, len(order))
	for _, name := range order {
		v := values[name][0]
		if len(values[name]) > 1 {
			v = entity.List(values[name]...)
		}
		a = append(a, entity.A(name, v))
	}
	return a.Normalize()
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// splitQuoted splits at blanks outside of double quotes and drops the quotes.
func splitQuoted(s string) []string {
	var out []string
	var word strings.Builder
	quoted, any := false, false
	flush := func() {
		if any {
			out = append(out, word.String())
		}
		word.Reset()
		any = false
	}
	for _, r := range s {
		switch {
		case r == '"':
			quoted, any = !quoted, true
		case !quoted && (r == ' ' || r == '\t' || r == '\n'):
			flush()
		default:
			word.WriteRune(r)
			any = true
		}
	}
	flush()
	return out
}

// maxCPU bounds the numbers of a list of processors.
const maxCPU = 1 << 16

// CPUList parses the kernel's list format, for example "1-3,8" (cpuset(7)).
// Parts that do not parse are left out.
func CPUList(text string) []int {
	var out []int
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		from, to, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		if err != nil || a < 0 || a > maxCPU {
			continue
		}
		b := a
		if isRange {
			if b, err = strconv.Atoi(to); err != nil || b > maxCPU {
				continue
			}
		}
		for ; a <= b && len(out) < maxCPU; a++ {
			out = append(out, a)
		}
	}
	return out
}

func addText(a entity.Attrs, key, text string) entity.Attrs {
	if text == "" {
		return a
	}
	return append(a, entity.A(key, entity.String(strings.ToValidUTF8(text, "\uFFFD"))))
}
