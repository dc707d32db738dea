package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// certify writes a certificate of that number for this machine, and trusts it.
func certify(t *testing.T, number int64, trusted *x509.CertPool, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(number), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		BasicConstraintsValid: true, IsCA: true,
	}, &x509.Certificate{SerialNumber: big.NewInt(number)}, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted.AddCert(parsed)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A certificate is replaced, one file after the other, while clients ask over old and
// over new connections: no request fails.
func TestACertificateIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	dir, trusted := t.TempDir(), x509.NewCertPool()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	certify(t, 1, trusted, cert, key)
	var shown certificate
	if err := shown.load(cert, key); err != nil {
		t.Fatal(err)
	}
	a := &app{encrypted: true, server: &http.Server{
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), TLSConfig: shown.config(), ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}}
	var err error
	if a.listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running, asking sync.WaitGroup
	running.Go(func() { _ = a.serve() })
	running.Go(func() {
		watchSecrets(ctx, slog.New(slog.DiscardHandler), secret{[]string{cert, key}, func() error { return shown.load(cert, key) }})
	})
	var asked, failed atomic.Int64
	var latest atomic.Int64 // the certificate that a new connection was shown
	latest.Store(1)
	for _, fresh := range []bool{true, false} {
		config := &tls.Config{RootCAs: trusted.Clone()} // the first certificate's
		if fresh {
			config = &tls.Config{InsecureSkipVerify: true} // which one it is shown is what is asked
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: fresh}}
		asking.Go(func() {
			for ctx.Err() == nil {
				response, err := client.Get(a.url())
				if asked.Add(1); err != nil {
					failed.Add(1)
					t.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					failed.Add(1)
				}
				_ = response.Body.Close()
				if fresh {
					latest.Store(response.TLS.PeerCertificates[0].SerialNumber.Int64())
				}
			}
		})
	}
	certify(t, 2, trusted, cert, filepath.Join(dir, "key.new")) // the pair does not fit for a while
	time.Sleep(3 * secretsChecked / 2)
	if latest.Load() != 1 {
		t.Error("half of a pair was taken")
	}
	if err := os.Rename(filepath.Join(dir, "key.new"), key); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new certificate is shown", func() bool { return latest.Load() == 2 })
	if _, err := tls.Dial("tcp", a.listener.Addr().String(), &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true}); err == nil { // it must fail
		t.Error("TLS 1.1 is spoken")
	}
	stop()
	asking.Wait()
	_ = a.server.Close()
	running.Wait()
	if failed.Load() > 0 || asked.Load() < 20 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
}

func TestDefaultPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	for at, refused := range map[string]bool{
		"esdb://admin:changeit@host:2113": true, "esdb://ops:changeit@host:2113": true, "esdb://admin:%63hangeit@host:2113": true,
		"esdb+discover://admin:changeit@host": true, "esdb://admin:changed@host:2113": false, "esdb://host:2113?tls=false": false,
	} {
		p := production{EventStore: at, Postgres: "postgres://crm@localhost/crm"}
		if err := p.check(); (err != nil) != refused {
			t.Errorf("%s: %v", at, err)
		}
	}
}
