package auth

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestCredentialsPrinted holds that however credentials are printed, the secret is
// not there.
func TestCredentialsPrinted(t *testing.T) {
	c := Credentials{Authorization: "Bearer hush", Remote: netip.MustParseAddr("192.0.2.1")}
	for _, s := range []string{
		fmt.Sprint(c), fmt.Sprint(&c), fmt.Sprintf("%v %+v %#v %s", c, c, c, c), fmt.Sprintf("%+v %#v", &c, &c),
	} {
		if strings.Contains(s, "hush") || !strings.Contains(s, "authorization from 192.0.2.1") {
			t.Error(s)
		}
	}
	for want, c := range map[string]Credentials{
		"none from invalid IP":                          {},
		"certificate from invalid IP":                   {Certificates: []*x509.Certificate{{}}},
		"authorization and certificate from invalid IP": {Certificates: []*x509.Certificate{{}}, Authorization: "x"},
	} {
		if got := c.String(); got != want || c.None() != strings.HasPrefix(want, "none") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
