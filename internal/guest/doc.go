// Package guest runs a program as root on another kernel: in a small QEMU
// guest with Debian's kernel, on the root file system of this machine under a
// throwaway overlay. Tests use it for what the kernel of the test machine
// lacks, such as link kinds that are not built in.
//
// [Prepare] makes an [Image] once per kernel version and keeps it in a cache;
// [Image.Run] boots it, runs one command and returns its exit status. Where
// QEMU, apt or a package cannot be had, the error is an [*UnavailableError]
// whose reason a test gives to t.Skip.
//
// The guest has no network interface, cannot write to this machine except to
// [Options].Out, and gets no environment but [Options].Env. The package never
// installs a package, never changes the machine's kernel or modules and never
// runs two guests at once: a lock in the cache makes them wait for each other,
// across processes too.
//
// Everything here works on Linux for amd64 only.
package guest
