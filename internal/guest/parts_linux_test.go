package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func TestModuleClosure(t *testing.T) {
	const dep = `kernel/a.ko:
kernel/b-c.ko: kernel/a.ko
kernel/d.ko: kernel/b-c.ko kernel/a.ko
kernel/e.ko.xz: kernel/d.ko
broken line
`
	for _, tt := range []struct {
		names, want []string
	}{
		{[]string{"a"}, []string{"kernel/a.ko"}},
		{[]string{"b_c", "a"}, []string{"kernel/a.ko", "kernel/b-c.ko"}},
		{[]string{"built_in", "e"}, []string{"kernel/a.ko", "kernel/b-c.ko", "kernel/d.ko", "kernel/e.ko.xz"}},
		{nil, nil},
	} {
		if got := moduleClosure(dep, tt.names...); !slices.Equal(got, tt.want) {
			t.Errorf("moduleClosure(%v) = %v, want %v", tt.names, got, tt.want)
		}
	}
}

func TestKernelPackageNames(t *testing.T) {
	p := kernelPackage{Name: "linux-image-6.1.0-56-amd64", Version: "6.1.192-2"}
	if p.release() != "6.1.0-56-amd64" || p.series() != "6.1" {
		t.Errorf("release %q, series %q", p.release(), p.series())
	}
}

// bzImage wraps a payload as the boot protocol wants it.
func bzImage(payload []byte) []byte {
	b := make([]byte, 1024, 2048)
	b[offSetupSects] = 1
	copy(b[offHeaderMagic:], "HdrS")
	binary.LittleEndian.PutUint32(b[offPayloadOffset:], 16)
	binary.LittleEndian.PutUint32(b[offPayloadLength:], uint32(len(payload)+4))
	b = append(b, make([]byte, 16)...)
	b = append(b, payload...)
	return append(b, "size and the rest"...)
}

func TestUncompressKernel(t *testing.T) {
	const elf = "\x7fELF and more"
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err := w.Write([]byte(elf))
	z, err2 := zstd.NewWriter(&zst)
	if err := errors.Join(err, err2, w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte(elf)); err != nil || z.Close() != nil {
		t.Fatal("pack with zstd")
	}
	payloads := map[string][]byte{"gzip": gz.Bytes(), "zstd": zst.Bytes()}
	if xz, err := exec.LookPath("xz"); err == nil {
		c := exec.Command(xz, "-c")
		c.Stdin = strings.NewReader(elf)
		if payloads["xz"], err = c.Output(); err != nil {
			t.Fatal(err)
		}
	}
	for name, payload := range payloads {
		if got, err := uncompressKernel(t.Context(), bzImage(payload)); err != nil || string(got) != elf {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	long := bzImage(gz.Bytes())
	binary.LittleEndian.PutUint32(long[offPayloadLength:], 1<<31)
	for name, bad := range map[string][]byte{
		"empty": nil, "no header": make([]byte, 4096), "payload too long": long,
		"unknown compression": bzImage([]byte("LZ??????????")),
	} {
		if _, err := uncompressKernel(t.Context(), bad); !errors.Is(err, errNoPayload) {
			t.Errorf("%s: error %v, want %v", name, err, errNoPayload)
		}
	}
}

func TestCPIO(t *testing.T) {
	var b bytes.Buffer
	c := &cpioWriter{w: &b}
	c.add("d", modeDir, nil)
	c.add("d/file", modeFile, []byte("12345"))
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if b.Len()%4 != 0 {
		t.Errorf("archive of %d bytes is not padded", b.Len())
	}
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(cpio, "-itv", "--quiet")
	cmd.Stdin = &b
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "d/file") || !strings.Contains(string(out), "-rw-r--r--") {
		t.Errorf("cpio lists %s, %v", out, err)
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "plain", "it's", `a"b $HOME \`, "two\nlines", "*"} {
		out, err := exec.Command("sh", "-c", "printf %s "+quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("quote(%q): the shell reads %q, %v", s, out, err)
		}
	}
}

func TestTail(t *testing.T) {
	if got := tail("one\ntwo\nthree\n", 8); got != "three" {
		t.Errorf("tail = %q", got)
	}
	if got := tail("short\n", 100); got != "short" {
		t.Errorf("tail = %q", got)
	}
}

func TestFollower(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var b bytes.Buffer
	f := &follower{path: path, w: &b}
	if f.copy() == nil {
		t.Error("missing file: no error")
	}
	for _, text := range []string{"a", "abc", "abc", "abcdef"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.copy(); err != nil || b.String() != text {
			t.Errorf("after %q: %q, %v", text, b.String(), err)
		}
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := lockFile(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second lock: %v", err)
	}
	unlock()
	again, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestPrepareWithoutTools(t *testing.T) {
	t.Setenv("SKEIN_CACHE", t.TempDir())
	if err := needTools(tool{"no-such-program", "no-such-package"}); err == nil || !strings.Contains(err.Error(), "no-such-package") {
		t.Errorf("missing tool: %v", err)
	}
	if d, err := CacheDir(); err != nil || d != os.Getenv("SKEIN_CACHE") {
		t.Errorf("cache folder %q, %v", d, err)
	}
	if newest(t.TempDir()) != nil {
		t.Error("an image in an empty cache")
	}
}

func TestNewest(t *testing.T) {
	cache := t.TempDir()
	for i, name := range []string{"1_a_" + recipe, "2_b_" + recipe, "3_c_old"} {
		dir := filepath.Join(cache, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		f := filepath.Join(dir, fileRelease)
		at := time.Unix(int64(1000-i), 0)
		if err := errors.Join(os.WriteFile(f, []byte(name), 0o600), os.Chtimes(f, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if im := newest(cache); im == nil || im.Release != "1_a_"+recipe {
		t.Errorf("newest image %+v", im)
	}
}
