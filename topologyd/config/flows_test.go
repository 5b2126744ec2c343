package config

import (
	"strings"
	"testing"
	"time"
)

func TestFlowSettings(t *testing.T) {
	c, err := load(t, "flows: false\nflow-retention-age: 48h\n", env{"SKEIN_FLOW_STORE_TENANT": "12:3"},
		"--flow-store-url=https://logs:9428/x", "--flow-live-max", "7", "--flow-store-user=u", "--flow-store-password-file=/p")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	a, p, err := c.Flows.TenantIDs()
	if c.Flows.Keep || c.Flows.RetentionAge != 48*time.Hour || c.Flows.LiveMax != 7 || a != 12 || p != 3 || err != nil {
		t.Errorf("%+v %v", c.Flows, err)
	}
	c, err = load(t, "", nil, "--flows=false")
	if err != nil || c.Flows.Keep || c.FlowDir() != "/var/lib/skein/flows" {
		t.Errorf("%+v %s %v", c.Flows, c.FlowDir(), err)
	}
	c.Flows.Dir = "/elsewhere"
	if c.FlowDir() != "/elsewhere" {
		t.Error(c.FlowDir())
	}
	if _, err := load(t, "flows: maybe\n", nil); err == nil || !strings.Contains(err.Error(), `line 1: key "flows": "maybe" is neither true nor false`) {
		t.Error(err)
	}
}

func TestFlowMistakes(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*Flows)
		want   []string
	}{
		"no URL":       {func(f *Flows) { f.User, f.CA = "u", "/ca" }, []string{"--flow-store-user: no VictoriaLogs", "--flow-store-ca: no VictoriaLogs"}},
		"bad URL":      {func(f *Flows) { f.URL = "logs:9428" }, []string{"--flow-store-url", "write http://host:9428"}},
		"password":     {func(f *Flows) { f.URL = "http://u:geheim@logs:9428" }, []string{"--flow-store-password-file instead"}},
		"query":        {func(f *Flows) { f.URL = "http://logs:9428/?a=b" }, []string{"leave the rest out"}},
		"no TLS":       {func(f *Flows) { f.URL, f.CA = "http://logs:9428", "/ca" }, []string{"is without TLS"}},
		"two places":   {func(f *Flows) { f.URL, f.Dir = "http://logs:9428", "/d" }, []string{"--flow-store-dir"}},
		"half a user":  {func(f *Flows) { f.URL, f.User = "http://logs:9428", "u" }, []string{"belong together"}},
		"both ways":    {func(f *Flows) { f.URL, f.User, f.PasswordFile, f.TokenFile = "http://logs:9428", "u", "/p", "/t" }, []string{"not both"}},
		"half a pair":  {func(f *Flows) { f.URL, f.Cert = "https://logs:9428", "/c" }, []string{"--flow-store-cert"}},
		"tenant":       {func(f *Flows) { f.URL, f.Tenant = "http://logs:9428", "a" }, []string{"write two numbers"}},
		"age":          {func(f *Flows) { f.RetentionAge = time.Hour }, []string{"give 24h or more"}},
		"zero":         {func(f *Flows) { f.RetentionAge, f.LiveMax = 0, 0 }, []string{"--flow-retention-age: must be more", "--flow-live-max: must be more"}},
		"broken URL":   {func(f *Flows) { f.URL = "http://u:geheim@\x7f" }, []string{"--flow-store-url"}},
		"no bytes":     {func(f *Flows) { f.RetentionBytes = 0 }, []string{"--flow-retention-bytes"}},
		"tenant alone": {func(f *Flows) { f.Tenant = "1:2" }, []string{"--flow-store-tenant: no VictoriaLogs"}},
	} {
		c := DefaultConfig()
		x.change(&c.Flows)
		err := c.Validate()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range x.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
		if strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the password is in %v", name, err)
		}
	}
}
