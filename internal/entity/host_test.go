package entity

import "testing"

func TestRefHost(t *testing.T) {
	const global = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for name, c := range map[string]struct {
		ref  Ref
		host string
		ok   bool
	}{
		"host":                    {HostRef("web-1"), "web-1", true},
		"namespace":               {NetNSRef("web-1", "4026531840", "4"), "web-1", true},
		"interface":               {InterfaceRef("web-1", "4026531840", "2"), "web-1", true},
		"another type":            {Ref{"lease", NewIdentity(IDHost, "web-1", "mac", "02:00:00:00:00:01")}, "web-1", true},
		"row":                     {RowRef(TypeOvsPort, "web-1/5f0a1c1", "p1"), "web-1", true},
		"row of a host with /":    {RowRef(TypeOvsPort, "rack/web-1/5f0a1c1", "p1"), "rack/web-1", true},
		"row of no host":          {RowRef(TypeOvsPort, "5f0a1c1", "p1"), "", true},
		"rule of a bridge":        {Ref{TypeOFRule, NewIdentity(IDDatabase, "web-1/5f0a1c1", "bridge", "b1", "table", "0")}, "web-1", true},
		"container":               {ContainerRef(global), "", true},
		"container of a host":     {ContainerRef("web-1/lxc//var/lib/lxc/c1"), "web-1", true},
		"container by UUID":       {ContainerRef("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "", true},
		"switch":                  {SwitchRef("mac:02:00:00:00:00:01"), "", true},
		"port":                    {SwitchPortRef("mac:02:00:00:00:00:01", "ifname:ge-0/0/1"), "", true},
		"two hosts":               {Ref{"x", NewIdentity(IDHost, "web-1", IDDatabase, "db-1/u")}, "", false},
		"two keys of one host":    {Ref{"x", NewIdentity(IDHost, "web-1", IDDatabase, "web-1/u")}, "web-1", true},
		"a host and an own ID":    {Ref{"x", NewIdentity(IDHost, "web-1", IDContainer, global)}, "web-1", true},
		"empty":                   {Ref{"x", NewIdentity(IDHost, "")}, "", true},
		"nothing before a slash":  {ContainerRef("/x"), "", true},
		"two hosts, one of a row": {Ref{"x", NewIdentity(IDContainer, "a/runc/x", IDHost, "b")}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if host, ok := c.ref.Host(); host != c.host || ok != c.ok {
				t.Errorf("%q %v, want %q %v", host, ok, c.host, c.ok)
			}
		})
	}
}

func TestSourceHost(t *testing.T) {
	for source, want := range map[string]string{
		"lldp/web-1": "web-1", "lldp": "", "lldp/": "", "/web-1": "", "": "", "lldp/rack/web-1": "rack/web-1",
	} {
		if got := SourceHost(source); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}
