// Package netnstest is what tests share that make network namespaces of their
// own. It is for tests only. It must never touch a namespace that it did not
// make.
package netnstest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience is how long a command may take.
const patience = 2 * time.Minute

// Need skips a test that cannot make namespaces here: short tests, and those
// without root or without iproute2.
func Need(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("makes network namespaces; runs without -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the ip tool of iproute2")
	}
}

// Add makes a namespace and returns its name, or skips the test with the reason.
// When the test ends, the namespace goes if it is still there.
func Add(t testing.TB) (name string) {
	t.Helper()
	Need(t)
	name = fmt.Sprintf("skt-%08x", rand.Uint32())
	if _, err := run("ip", "netns", "add", name); err != nil {
		t.Skipf("cannot make a network namespace: %v", err)
	}
	t.Cleanup(func() { _, _ = run("ip", "netns", "del", name) })
	return name
}

// Path is the file of a namespace that [Add] made.
func Path(name string) string { return "/run/netns/" + name }

// Run runs a command, which must succeed, and returns what it prints.
func Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// In is [Run] inside a namespace.
func In(t testing.TB, name string, args ...string) string {
	t.Helper()
	return Run(t, append([]string{"ip", "netns", "exec", name}, args...)...)
}

// Veth makes a pair of interfaces, the first in namespace a, the second in b. Both
// are down.
func Veth(t testing.TB, a, first, b, second string) {
	t.Helper()
	Run(t, "ip", "-n", a, "link", "add", first, "type", "veth", "peer", "name", second, "netns", b)
}

func run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}
