// Package device looks up what sources that open an interface must know of it
// first. It opens none itself, and must keep nothing: an interface of the same
// name may be another one at the next look.
package device

import "errors"

// ErrNone is wrapped by errors about an interface that is not there.
var ErrNone = errors.New("no such interface")
