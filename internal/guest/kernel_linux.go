package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Offsets in the setup header of a bzImage (Documentation/arch/x86/boot.rst).
const (
	offSetupSects    = 0x1f1
	offHeaderMagic   = 0x202
	offPayloadOffset = 0x248
	offPayloadLength = 0x24c
)

var errNoPayload = errors.New("no compressed kernel inside")

// uncompressKernel returns the ELF image that is packed in a bzImage. QEMU
// boots it directly by the PVH entry, which spares the emulated processor
// the unpacking: about 3 s without KVM.
func uncompressKernel(ctx context.Context, bz []byte) ([]byte, error) {
	payload, err := kernelPayload(bz)
	if err != nil {
		return nil, err
	}
	elf, err := decompress(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("unpack kernel: %w", err)
	}
	if !bytes.HasPrefix(elf, []byte("\x7fELF")) {
		return nil, fmt.Errorf("unpack kernel: not an ELF image: %w", errNoPayload)
	}
	return elf, nil
}

func kernelPayload(bz []byte) ([]byte, error) {
	if len(bz) < offPayloadLength+4 || string(bz[offHeaderMagic:offHeaderMagic+4]) != "HdrS" {
		return nil, fmt.Errorf("read bzImage: no setup header: %w", errNoPayload)
	}
	setup := (int(bz[offSetupSects]) + 1) * 512
	start := setup + int(binary.LittleEndian.Uint32(bz[offPayloadOffset:]))
	length := int(binary.LittleEndian.Uint32(bz[offPayloadLength:]))
	// The last 4 bytes are the size of the unpacked image.
	if length < 8 || start > len(bz)-length {
		return nil, fmt.Errorf("read bzImage: payload of %d bytes at %d in %d: %w", length, start, len(bz), errNoPayload)
	}
	return bz[start : start+length-4], nil
}

// decompress unpacks one stream of XZ, Zstandard or gzip by its magic number.
func decompress(ctx context.Context, b []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(b, []byte("\xfd7zXZ\x00")):
		return output(command(ctx, "", bytes.NewReader(b), "xz", "-dc", "--single-stream"))
	case bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")):
		d, err := zstd.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("open zstd stream: %w", err)
		}
		defer d.Close()
		return io.ReadAll(d)
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		d, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("open gzip stream: %w", err)
		}
		d.Multistream(false)
		return io.ReadAll(d)
	default:
		return nil, fmt.Errorf("compression with magic number % x is not known: %w", b[:min(6, len(b))], errNoPayload)
	}
}
