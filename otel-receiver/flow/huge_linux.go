package flow

import (
	"syscall"
	"unsafe"
)

// madvHugepage is MADV_HUGEPAGE (linux/mman.h).
const madvHugepage = 14

// hugePages asks for large pages below a large array: each packet looks at
// another place of it, and with pages of 4 kB the way to the page costs more
// than the memory itself. It is a hint; that it fails means nothing.
func hugePages[T any](list []T) []T {
	const huge = 2 << 20
	size := uintptr(len(list)) * unsafe.Sizeof(*new(T))
	if size < 4*huge {
		return list
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), size)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(list))) & (huge - 1)
	if skip < size {
		_ = syscall.Madvise(b[skip:(size-skip)&^(huge-1)+skip], madvHugepage)
	}
	return list
}
