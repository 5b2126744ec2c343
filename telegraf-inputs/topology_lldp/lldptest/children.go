package lldptest

import (
	"os"
	"strconv"
	"strings"
)

// children returns the processes that a process started: lldpd does its work in
// a child without rights.
func children(pid int) (out []int) {
	b, err := os.ReadFile("/proc/" + itoa(pid) + "/task/" + itoa(pid) + "/children")
	if err != nil {
		return nil
	}
	for _, f := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			out = append(append(out, n), children(n)...)
		}
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }
