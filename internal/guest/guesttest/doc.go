// Package guesttest runs tests in a guest of package guest: those of the test
// binary that calls it, on Debian's kernel, as root. What failed there is told
// first, so that a log that is cut still says why. It is for tests only, and
// changes nothing on this machine.
package guesttest
