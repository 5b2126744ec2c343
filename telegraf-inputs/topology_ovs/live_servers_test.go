package topology_ovs //nolint:revive // see topology_ovs.go

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

// TestLiveSeveral follows two instances with one plugin, one over TCP and one
// over TLS with a certificate on both sides.
func TestLiveSeveral(t *testing.T) {
	ovstest.Need(t)
	dir := t.TempDir()
	authority(t, dir)
	tcp, ssl := proctest.FreeAddr(t), proctest.FreeAddr(t)
	ovstest.Start(t, ovstest.Config{Here: true, SystemID: "a", Remotes: []string{"ptcp:" + port(tcp) + ":127.0.0.1"}})
	ovstest.Start(t, ovstest.Config{
		Here: true, SystemID: "b", Remotes: []string{"pssl:" + port(ssl) + ":127.0.0.1"},
		ServerArgs: []string{"--private-key=" + dir + "/key.pem", "--certificate=" + dir + "/cert.pem", "--ca-cert=" + dir + "/ca.pem"},
	})

	p := New()
	p.HostID, p.Log, p.Servers = "h1", testutil.Logger{}, []string{"tcp:" + tcp}
	s := Server{Address: "ssl:" + ssl, HostID: "h2"}
	s.TLSCA, s.TLSCert, s.TLSKey = dir+"/ca.pem", dir+"/cert.pem", dir+"/key.pem"
	p.Server = []Server{s}
	w := feedtest.Run(t, p)
	for system, host := range map[string]string{"a": "h1", "b": "h2"} {
		w.Eventually(t, patience, system, func(st feedtest.State) error {
			ev, ok := st.Find("ovs", "Name", system)
			if !ok || !feedtest.Related(&ev, "part_of", entity.HostRef(host)) {
				return fmt.Errorf("%v, %+v", ok, ev)
			}
			return nil
		})
	}
}

func port(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }

// authority writes a certificate for 127.0.0.1, its key and the certificate that
// signed it.
func authority(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for name, c := range map[string]*x509.Certificate{"ca.pem": ca, "cert.pem": leaf} {
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		write(name, "CERTIFICATE", der)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write("key.pem", "PRIVATE KEY", der)
}
