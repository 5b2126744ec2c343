package ovstest

import (
	"os"
	"strings"
	"testing"
)

func TestInstances(t *testing.T) {
	a, b := Start(t, Config{SystemID: "a"}), Start(t, Config{SystemID: "b"})
	for _, i := range []*Instance{a, b} {
		i.AddBridge("br0", "--", "set", "bridge", "br0", "protocols=OpenFlow13")
		if got := i.Ofctl("-OOpenFlow13", "dump-flows", "unix:"+i.MgmtSocket("br0")); !strings.Contains(got, "NORMAL") {
			t.Errorf("the flows of br0 are %q", got)
		}
		if got := i.IP("link", "show", "br0"); !strings.Contains(got, "br0") {
			t.Errorf("no device br0: %q", got)
		}
		if rows := i.Rows("Bridge"); len(rows) != 1 || string(rows[0]["name"]) != `"br0"` {
			t.Errorf("bridges: %v", rows)
		}
		if got := i.Appctl("version"); !strings.Contains(got, "ovs-vswitchd") {
			t.Errorf("version: %q", got)
		}
	}
	if got := strings.Trim(strings.TrimSpace(a.Vsctl("get", "Open_vSwitch", ".", "external_ids:system-id")), `"`); got != "a" {
		t.Errorf("system-id is %q", got)
	}
	if a.UUID("Bridge", "br0") == b.UUID("Bridge", "br0") {
		t.Error("both are one")
	}
}

func TestRestarts(t *testing.T) {
	var dir string
	t.Run("instance", func(t *testing.T) {
		i := Start(t, Config{})
		dir = i.RunDir
		i.AddBridge("br0")
		before := i.DBPID()
		i.KillDB()
		i.RestartDB()
		if i.DBPID() == before {
			t.Error("the process is the same")
		}
		i.AddBridge("br1")
		i.KillSwitch()
		i.RestartSwitch()
		if got := strings.Fields(i.Vsctl("list-br")); len(got) != 2 {
			t.Errorf("bridges after both restarts: %v", got)
		}
	})
	if _, err := os.Stat(dir); dir != "" && err == nil {
		t.Errorf("%s is still there", dir)
	}
}
