package guest

import "fmt"

// UnavailableError says why this machine cannot run a guest: a tool or a
// package is missing, or the machine is of another kind. A test skips with it.
type UnavailableError struct{ Reason string }

// Error returns the reason.
func (e *UnavailableError) Error() string { return "no guest: " + e.Reason }

func unavailable(format string, args ...any) error {
	return &UnavailableError{Reason: fmt.Sprintf(format, args...)}
}

// ExitError is the exit status of a command that ran in the guest and failed.
type ExitError struct{ Code int }

// Error names the exit status.
func (e *ExitError) Error() string { return fmt.Sprintf("command in guest: exit status %d", e.Code) }

// CrashError says that the guest ended before its command did.
type CrashError struct {
	// Err is how the QEMU process ended, or the error of the context.
	Err error
	// Console is the end of what the kernel and the start scripts printed.
	Console string
}

// Error names the cause and shows the end of the console.
func (e *CrashError) Error() string {
	return fmt.Sprintf("guest ended before its command: %v; its console ends with:\n%s", e.Err, e.Console)
}

// Unwrap returns how QEMU ended.
func (e *CrashError) Unwrap() error { return e.Err }
