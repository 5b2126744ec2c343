package hostfacts

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

func TestRead(t *testing.T) {
	a, missing := Read(t.Context())
	for _, m := range missing {
		t.Log("missing:", m)
	}
	for _, key := range []string{"OS", "Architecture", "KernelVersion"} {
		if a.Get(key).Str() == "" {
			t.Errorf("no %s in %v", key, a)
		}
	}
	ev := entity.Event{Ref: entity.HostRef("x"), Source: "host", Attributes: a}
	if err := ev.Validate(); err != nil {
		t.Error(err)
	}
	again, _ := Read(t.Context())
	for _, x := range a {
		if x.Key != "CPU" && !x.Value.Equal(again.Get(x.Key)) {
			t.Errorf("%s differs when read again", x.Key)
		}
	}
}

func TestKernelCmdLine(t *testing.T) {
	tests := []struct {
		text string
		want entity.Attrs
	}{
		{"", nil},
		{"quiet\n", entity.Attrs{entity.A("quiet", entity.Bool(true))}},
		{`root=/dev/vda ro`, entity.Attrs{entity.A("ro", entity.Bool(true)), entity.A("root", entity.String("/dev/vda"))}},
		{`console=tty0 console=ttyS0,115200`, entity.Attrs{entity.A("console", entity.Strings("tty0", "ttyS0,115200"))}},
		{`dyndbg="file a.c +p" x`, entity.Attrs{entity.A("dyndbg", entity.String("file a.c +p")), entity.A("x", entity.Bool(true))}},
		{`quiet -- --secret x`, entity.Attrs{entity.A("quiet", entity.Bool(true))}},
		{`a=b=c =d`, entity.Attrs{entity.A("a", entity.String("b=c"))}},
	}
	for _, tt := range tests {
		if got := KernelCmdLine(tt.text); !got.Equal(tt.want) {
			t.Errorf("KernelCmdLine(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func FuzzKernelCmdLine(f *testing.F) {
	f.Add(`root=/dev/vda ro dyndbg="file a.c +p" console=tty0 console=ttyS0`)
	f.Fuzz(func(t *testing.T, s string) {
		ev := entity.Event{Ref: entity.HostRef("x"), Source: "host", Attributes: KernelCmdLine(s)}
		if err := ev.Validate(); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func TestCPUList(t *testing.T) {
	tests := []struct {
		text string
		want []int
	}{
		{"", nil},
		{"\n", nil},
		{"3\n", []int{3}},
		{"1-3,8", []int{1, 2, 3, 8}},
		{"x,2-,5", []int{5}},
		{"3-1", nil},
		{"0-999999999", nil},
	}
	for _, tt := range tests {
		if got := CPUList(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("CPUList(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestFiles(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(pathCmdline, "quiet\n")
	write(pathIsolated, "2-3\n")
	write(pathInstanceID, "i-0123\n")
	a := files(root).Normalize()
	if a.Get("InstanceID").Str() != "i-0123" || len(a.Get("IsolatedCPU").List()) != 2 || !a.Get("KernelCmdLine").Map().Get("quiet").Bool() {
		t.Errorf("facts of files: %v", a)
	}
}
