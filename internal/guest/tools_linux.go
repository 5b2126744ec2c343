package guest

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// tool is a program of this machine and the Debian package that has it.
type tool struct{ name, pkg string }

// find returns the path of a program, also where PATH lacks the sbin folders.
func (t tool) find() (string, error) {
	if p, err := exec.LookPath(t.name); err == nil {
		return p, nil
	}
	for _, d := range []string{"/usr/sbin/", "/sbin/"} {
		if st, err := os.Stat(d + t.name); err == nil && st.Mode()&0o111 != 0 {
			return d + t.name, nil
		}
	}
	return "", unavailable("%s is not installed (package %s)", t.name, t.pkg)
}

func needTools(ts ...tool) error {
	for _, t := range ts {
		if _, err := t.find(); err != nil {
			return err
		}
	}
	return nil
}

// staticBusybox returns the path of a busybox that needs no library.
func staticBusybox() (string, error) {
	t := tool{"busybox", "busybox-static"}
	p, err := t.find()
	if err != nil {
		return "", err
	}
	f, err := elf.Open(p)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", p, err)
	}
	defer f.Close()
	for _, prog := range f.Progs {
		if prog.Type == elf.PT_INTERP {
			return "", unavailable("%s is not static (package busybox-static)", p)
		}
	}
	return p, nil
}

// command prepares a program of this machine in a folder ("": the current
// one) with only the environment that it needs.
func command(ctx context.Context, dir string, stdin io.Reader, name string, args ...string) *exec.Cmd {
	path, err := tool{name: name, pkg: name}.find()
	if err != nil {
		path = name // Run tells
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Dir, c.Stdin = dir, stdin
	c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/nonexistent"}
	for _, e := range os.Environ() {
		// apt must find its way out where there is a proxy.
		if k, _, _ := strings.Cut(e, "="); strings.HasSuffix(strings.ToLower(k), "_proxy") || k == "APT_CONFIG" || k == "TMPDIR" {
			c.Env = append(c.Env, e)
		}
	}
	return c
}

// output runs c and returns its standard output; an error holds the end of
// its standard error.
func output(c *exec.Cmd) ([]byte, error) {
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("run %s: %w: %s", strings.Join(c.Args, " "), err, tail(errs.String(), 2000))
	}
	return out.Bytes(), nil
}

// tail returns the last n bytes of s, from the start of a line.
func tail(s string, n int) string {
	s = strings.TrimRight(s, "\n")
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	if _, rest, ok := strings.Cut(s, "\n"); ok {
		return rest
	}
	return s
}
