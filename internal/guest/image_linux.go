package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

//go:embed init.sh
var initScript []byte

// Names inside an image's folder.
const (
	fileKernel  = "vmlinux"
	fileInitrd  = "initrd.img"
	fileRelease = "release"
	fileNoExtra = "extra.missing"
)

// recipe is part of the name of an image's folder; it changes when what is
// made from a kernel package changes.
const recipe = "1"

// Image is a kernel with its modules and a start-up archive, ready to boot.
// It is immutable and may be used by several goroutines.
type Image struct {
	// Dir is its folder in the cache.
	Dir string
	// Release is what uname -r prints in the guest.
	Release string
	// NoExtra is why netdevsim and bareudp are not among its modules; empty
	// when they are.
	NoExtra string
}

// CacheDir returns where images are kept: $SKEIN_CACHE, or
// ~/.cache/skein/guest.
func CacheDir() (string, error) {
	if d := os.Getenv("SKEIN_CACHE"); d != "" {
		return filepath.Abs(d)
	}
	d, err := os.UserCacheDir()
	if err != nil {
		return "", unavailable("no folder for the cache: %v", err)
	}
	return filepath.Join(d, "skein", "guest"), nil
}

// Prepare returns the image of the kernel that apt offers as linux-image-amd64.
// The first call downloads about 220 MB and takes about half a minute; later
// ones find the image in the cache. Without apt's archive the newest image of
// the cache serves. The error is an [*UnavailableError] where this machine
// cannot run a guest.
func Prepare(ctx context.Context) (*Image, error) {
	if runtime.GOARCH != "amd64" {
		return nil, unavailable("only amd64 is supported, this is %s", runtime.GOARCH)
	}
	if err := needTools(tool{"qemu-system-x86_64", "qemu-system-x86"}); err != nil {
		return nil, err
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, unavailable("make cache: %v", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	image, err := fromArchive(ctx, cache)
	if err != nil {
		if old := newest(cache); old != nil {
			return old, nil
		}
	}
	return image, err
}

// fromArchive returns the image of apt's candidate, made if need be.
func fromArchive(ctx context.Context, cache string) (*Image, error) {
	if err := needTools(tool{"apt-cache", "apt"}, tool{"apt-get", "apt"}); err != nil {
		return nil, err
	}
	pkg, err := candidate(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, fmt.Sprintf("%s_%s_%s", pkg.release(), pkg.Version, recipe))
	if image, err := open(dir); err == nil {
		return image, nil
	}
	if err := needTools(tool{"dpkg-deb", "dpkg"}, tool{"xz", "xz-utils"}, tool{"depmod", "kmod"}); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return nil, fmt.Errorf("make image folder: %w", err)
	}
	defer os.RemoveAll(work)
	if err := build(ctx, work, pkg); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("replace broken image: %w", err)
	}
	if err := os.Rename(work, dir); err != nil {
		return nil, fmt.Errorf("place image: %w", err)
	}
	return open(dir)
}

// open reads an image that is complete.
func open(dir string) (*Image, error) {
	rel, err := os.ReadFile(filepath.Join(dir, fileRelease))
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	why, err := os.ReadFile(filepath.Join(dir, fileNoExtra))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open image: %w", err)
	}
	return &Image{Dir: dir, Release: string(rel), NoExtra: string(why)}, nil
}

// newest returns the image of the cache that was made last, nil if there is none.
func newest(cache string) *Image {
	files, err := filepath.Glob(filepath.Join(cache, "*_"+recipe, fileRelease))
	if err != nil {
		return nil
	}
	var best *Image
	var at int64
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil || st.ModTime().UnixNano() <= at {
			continue
		}
		if image, err := open(filepath.Dir(f)); err == nil {
			best, at = image, st.ModTime().UnixNano()
		}
	}
	return best
}

// build fills dir with an image; the release file, written last, completes it.
func build(ctx context.Context, dir string, pkg kernelPackage) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("open image folder: %w", err)
	}
	if err := fetch(ctx, dir, pkg.Version, pkg.Name); err != nil {
		return err
	}
	rel := pkg.release()
	if err := buildExtra(ctx, dir, filepath.Join(dir, "src"), pkg); err != nil {
		if ctx.Err() != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fileNoExtra), []byte(err.Error()), 0o644); err != nil {
			return fmt.Errorf("note missing modules: %w", err)
		}
	}
	// An unpacked package has not run its own depmod.
	if _, err := output(command(ctx, dir, nil, "depmod", "-b", dir, rel)); err != nil {
		return fmt.Errorf("index modules: %w", err)
	}
	bz, err := os.ReadFile(filepath.Join(dir, "boot", "vmlinuz-"+rel))
	if err != nil {
		return fmt.Errorf("read kernel: %w", err)
	}
	elf, err := uncompressKernel(ctx, bz)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, fileKernel), elf, 0o644); err != nil {
		return fmt.Errorf("write kernel: %w", err)
	}
	initrd, err := initramfs(ctx, filepath.Join(dir, "lib/modules", rel))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, fileInitrd), initrd, 0o644); err != nil {
		return fmt.Errorf("write initramfs: %w", err)
	}
	for _, unused := range []string{"boot", "usr"} {
		if err := os.RemoveAll(filepath.Join(dir, unused)); err != nil {
			return fmt.Errorf("tidy image: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, fileRelease), []byte(rel), 0o644); err != nil {
		return fmt.Errorf("complete image: %w", err)
	}
	return nil
}

// initramfs makes the archive that the kernel starts from: busybox, the
// modules that reach this machine's files, and init.sh.
func initramfs(ctx context.Context, modules string) ([]byte, error) {
	busybox, err := staticBusybox()
	if err != nil {
		return nil, err
	}
	bb, err := os.ReadFile(busybox)
	if err != nil {
		return nil, fmt.Errorf("read busybox: %w", err)
	}
	dep, err := os.ReadFile(filepath.Join(modules, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("read module index: %w", err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	ar := &cpioWriter{w: z}
	for _, d := range []string{"bin", "dev", "host", "modules", "new", "proc", "rw", "sys"} {
		ar.add(d, modeDir, nil)
	}
	ar.add("bin/busybox", modeExec, bb)
	ar.add("init", modeExec, initScript)
	for i, file := range moduleClosure(string(dep), "virtio_pci", "9p", "9pnet_virtio", "overlay") {
		ko, err := os.ReadFile(filepath.Join(modules, file))
		if err != nil {
			return nil, fmt.Errorf("read module: %w", err)
		}
		if strings.HasSuffix(file, ".xz") {
			if ko, err = decompress(ctx, ko); err != nil {
				return nil, fmt.Errorf("unpack module %s: %w", file, err)
			}
		}
		// The names sort in the order of loading.
		ar.add(fmt.Sprintf("modules/%03d-%s.ko", i, moduleName(file)), modeFile, ko)
	}
	if err := errors.Join(ar.close(), z.Close()); err != nil {
		return nil, fmt.Errorf("pack initramfs: %w", err)
	}
	return b.Bytes(), nil
}
