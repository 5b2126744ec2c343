package filter

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// linkNames are the link types of the corpus, with their names there and in
// libpcap.
var linkNames = []struct {
	name, pcap string
	link       Link
}{
	{"ethernet", "EN10MB", LinkEthernet},
	{"sll", "LINUX_SLL", LinkLinuxSLL},
	{"sll2", "LINUX_SLL2", LinkLinuxSLL2},
	{"raw", "RAW", LinkRaw},
	{"ipv4", "IPV4", LinkIPv4},
	{"ipv6", "IPV6", LinkIPv6},
	{"null", "NULL", LinkNull},
	{"loop", "LOOP", LinkLoop},
}

// section reads the lines below [name] of a file of the corpus.
func section(t testing.TB, file, name string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []string
	in := false
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			in = line == "["+name+"]"
		case in:
			lines = append(lines, line)
		}
	}
	if s.Err() != nil || len(lines) == 0 {
		t.Fatalf("read section %s of %s: %d lines, %v", name, file, len(lines), s.Err())
	}
	return lines
}
