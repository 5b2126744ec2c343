package guest

import (
	"bytes"
	"fmt"
	"io"
)

// cpioWriter writes an archive of the "newc" form, which the kernel unpacks
// as initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
type cpioWriter struct {
	w     io.Writer
	inode int
	err   error
}

// Modes of stat(2) for the entries of an archive.
const (
	modeDir  = 0o040755
	modeExec = 0o100755
	modeFile = 0o100644
)

// add appends one entry; name has no leading slash. Errors are kept for close.
func (c *cpioWriter) add(name string, mode int, data []byte) {
	if c.err != nil {
		return
	}
	c.inode++
	var b bytes.Buffer
	// Magic, then 13 numbers of 8 hexadecimal digits each: inode, mode, uid,
	// gid, links, mtime, size, device (2), special device (2), length of the
	// name with its NUL, checksum.
	fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	b.WriteString(name)
	b.WriteByte(0)
	pad(&b)
	b.Write(data)
	pad(&b)
	_, c.err = c.w.Write(b.Bytes())
}

// close ends the archive and returns the first error of any write.
func (c *cpioWriter) close() error {
	c.add("TRAILER!!!", 0, nil)
	return c.err
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}
