package files

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is no regular file is not waited for.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(file, 5, Anyone); err != nil || string(b) != "12345" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := Read(file, 4, Anyone); err == nil {
		t.Error("a file that is too long was read")
	}
	if _, err := Read(file, 5, 54321); !errors.Is(err, os.ErrPermission) {
		t.Errorf("another's file: %v", err)
	}
	if _, err := Read(dir, 5, Anyone); err == nil {
		t.Error("a directory was read")
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(fifo, 5, Anyone); err == nil {
		t.Error("a FIFO was read")
	}
	if _, err := Read("/dev/zero", 5, Anyone); err == nil {
		t.Error("a device was read")
	}
}

func TestStamp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if _, err := StampOf(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stamp := func() Stamp {
		s, err := StampOf(file)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	write(file, "1")
	a := stamp()
	if a != stamp() {
		t.Error("the same file has two stamps")
	}
	write(file, "12")
	b := stamp()
	if a == b {
		t.Error("a longer file has the same stamp")
	}
	// Another file of the same size and time.
	write(file+"2", "12")
	if err := os.Chtimes(file+"2", b.mtime, b.mtime); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+"2", file); err != nil {
		t.Fatal(err)
	}
	if b == stamp() {
		t.Error("another file has the same stamp")
	}
}
