package device

import (
	"errors"
	"testing"
)

func TestLookUp(t *testing.T) {
	const loopback = 772 // ARPHRD_LOOPBACK, linux/if_arp.h
	if index, arphrd, err := LookUp("lo"); err != nil || index != 1 || arphrd != loopback {
		t.Errorf("lo: %d, %d, %v", index, arphrd, err)
	}
	if _, _, err := LookUp("none0"); !errors.Is(err, ErrNone) {
		t.Errorf("none0: %v", err)
	}
	if _, _, err := LookUp("a-name-that-is-too-long"); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a name that cannot be: %v", err)
	}
}
