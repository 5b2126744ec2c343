package filter

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// blocks gives the code blocks of a language in docs/filters.md.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	parts := strings.Split(string(raw), "```")
	for i := 1; i < len(parts); i += 2 {
		if text, ok := strings.CutPrefix(parts[i], language+"\n"); ok {
			list = append(list, strings.TrimSuffix(text, "\n"))
		}
	}
	if len(list) == 0 {
		t.Fatalf("no blocks of %s", language)
	}
	return list
}

func TestDocs(t *testing.T) {
	for _, b := range blocks(t, "filter") {
		for expr := range strings.Lines(b) {
			compileFor(t, strings.TrimSpace(expr))
		}
	}
	for _, want := range blocks(t, "error") {
		expr, _, _ := strings.Cut(want, "\n")
		_, err := Compile(expr, Options{Link: LinkEthernet})
		var e *Error
		if !errors.As(err, &e) || e.Show() != want {
			t.Errorf("%q gives %v, the page says\n%s", expr, err, want)
		}
	}
}

// Where the system has the name of a service too, it has the same port.
func TestServices(t *testing.T) {
	for line := range strings.Lines(serviceList) {
		for _, name := range strings.Fields(line)[min(1, len(strings.Fields(line))):] {
			port, on, ok := service(name)
			if !ok || port == 0 || port > 0xffff || on == 0 {
				t.Errorf("%s is %d, %v, %v", name, port, on, ok)
			}
		}
	}
	raw, err := os.ReadFile("/etc/services")
	if err != nil {
		t.Skip("no /etc/services")
	}
	for line := range strings.Lines(string(raw)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		port, _, ok := service(f[0])
		if system, proto, _ := strings.Cut(f[1], "/"); ok && proto != "ddp" && system != fmt.Sprint(port) {
			t.Errorf("%s is port %d here, %s in /etc/services", f[0], port, system)
		}
	}
}
