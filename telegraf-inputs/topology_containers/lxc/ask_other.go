//go:build !linux

package lxc

import (
	"context"
	"errors"
	"time"
)

func ask(context.Context, string, string, time.Duration) (answer, error) {
	return answer{}, errors.New("LXC exists only on Linux")
}
