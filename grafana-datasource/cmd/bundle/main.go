// Command bundle checks a built plugin and packs it: make plugin runs it.
//
//	bundle -dir grafana-datasource/dist -out build
package main

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the catalog of plugins asks for SHA-1
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skein-net/skein/grafana-datasource/internal/bundle"
)

func main() {
	dir := flag.String("dir", "dist", "`directory` of the built plugin")
	out := flag.String("out", ".", "`directory` for the archive")
	systems := flag.String("platforms", "linux/amd64", "`systems` that there must be a program for, with commas")
	flag.Parse()
	if err := run(*dir, *out, *systems); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(dir, out, systems string) error {
	var platforms []bundle.Platform
	for s := range strings.SplitSeq(systems, ",") {
		name, arch, ok := strings.Cut(s, "/")
		if !ok {
			return fmt.Errorf("platform %q: write it as linux/amd64", s)
		}
		platforms = append(platforms, bundle.Platform{OS: name, Arch: arch})
	}
	m, err := bundle.Check(os.DirFS(dir), platforms)
	if err != nil {
		return fmt.Errorf("check %s: %w", dir, err)
	}
	at, err := time.Parse(time.DateOnly, m.Info.Updated)
	if err != nil {
		return fmt.Errorf("read plugin.json: %w", err)
	}
	var archive bytes.Buffer
	if err := bundle.Zip(&archive, os.DirFS(dir), m, at); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make output directory: %w", err)
	}
	path := filepath.Join(out, m.ID+"-"+m.Info.Version+".zip")
	if err := os.WriteFile(path, archive.Bytes(), 0o644); err != nil { //nolint:gosec // everybody may read it
		return fmt.Errorf("write archive: %w", err)
	}
	sum := sha1.Sum(archive.Bytes()) //nolint:gosec // as above
	text := hex.EncodeToString(sum[:]) + "  " + filepath.Base(path) + "\n"
	if err := os.WriteFile(path+".sha1", []byte(text), 0o644); err != nil { //nolint:gosec // as above
		return fmt.Errorf("write checksum: %w", err)
	}
	fmt.Printf("%s  %.1f MB  sha1 %x\n", path, float64(archive.Len())/1e6, sum)
	return nil
}
