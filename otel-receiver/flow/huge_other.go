//go:build !linux

package flow

func hugePages[T any](list []T) []T { return list }
