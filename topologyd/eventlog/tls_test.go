package eventlog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// certificate writes a CA and a certificate of it for loopback.
func certificate(t *testing.T) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &k.PublicKey, k)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "daemon"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &k.PublicKey, k)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(k)
	require.NoError(t, err)
	return file("ca.pem", "CERTIFICATE", rootDER), file("cert.pem", "CERTIFICATE", leafDER), file("key.pem", "EC PRIVATE KEY", keyDER)
}

// TestClusterOfTwoWithTLS also reads the secret from a file. Who has another
// secret, or no certificate, does not get in.
func TestClusterOfTwoWithTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	ca, cert, key := certificate(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("from the file\n"), 0o600))
	cfgs := clusterConfigs(t, 2)
	var logs []*Log
	for i := range cfgs {
		c := &cfgs[i].Cluster
		c.Secret, c.SecretFile, c.CA, c.Cert, c.Key = "", secret, ca, cert, key
		logs = append(logs, openWith(t, cfgs[i]))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for _, l := range logs {
		require.NoError(t, l.Ready(ctx))
	}
	n := publishUntilStored(t, logs[0], []byte("x"))
	require.Equal(t, n, follow(t, logs[1], n-1).until(t, 1)[0].Number)

	for name, change := range map[string]func(*Cluster){
		"secret":      func(c *Cluster) { c.Secret, c.SecretFile = "guessed", "" },
		"certificate": func(c *Cluster) { c.CA, c.Cert, c.Key = "", "", "" },
	} {
		t.Run(name, func(t *testing.T) {
			c := cfgs[0]
			c.Dir = t.TempDir()
			c.Cluster.NodeName = "stranger"
			c.Cluster.Listen = proctest.FreeAddrs(t, 1)[0]
			c.Cluster.Peers = []string{cfgs[0].Cluster.Listen, cfgs[1].Cluster.Listen}
			change(&c.Cluster)
			stranger := openWith(t, c)
			require.Never(t, func() bool { return stranger.srv.server.NumRoutes() > 0 }, 3*time.Second, 50*time.Millisecond)
		})
	}
}

func TestUnusableFiles(t *testing.T) {
	c := clusterConfigs(t, 2)[0]
	c.Cluster.SecretFile = filepath.Join(t.TempDir(), "none")
	_, err := Open(context.Background(), c, testLogger(t))
	require.ErrorContains(t, err, "read secret of the cluster")
	require.NoError(t, os.WriteFile(c.Cluster.SecretFile, []byte(" \n"), 0o600))
	_, err = Open(context.Background(), c, testLogger(t))
	require.ErrorContains(t, err, "is empty")
	c.Cluster.CA, c.Cluster.SecretFile = c.Cluster.SecretFile, ""
	_, err = Open(context.Background(), c, testLogger(t))
	require.ErrorContains(t, err, "holds no certificate in PEM form")

	x := DefaultConfig(t.TempDir())
	x.External = External{URLs: []string{"tls://127.0.0.1:1"}, Cert: "none"}
	_, err = Open(context.Background(), x, testLogger(t))
	require.ErrorContains(t, err, "read certificate")
}
