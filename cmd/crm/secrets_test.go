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
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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

// A server's certificate is replaced, one file after the other, and one of its keys is
// taken away and another given, while clients ask over old and over new connections: no
// request of those who may fails, and who may no longer is told so.
func TestSecretsAreReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	dir, trusted := t.TempDir(), x509.NewCertPool()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	certify(t, 1, trusted, cert, key)
	certify(t, 2, trusted, cert+".next", key+".next")
	f := startFleet(t, 1, "--tls-cert", cert, "--tls-key", key)
	f.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: trusted}
	p := f.servers[0]
	desk := *p // the same server, asked with another key
	desk.key = strings.Repeat("d", 40)
	status := func(as *program) int {
		t.Helper()
		status, _, err := f.send(t.Context(), as, http.MethodGet, "/v1/customers?limit=1", "", "")
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	ctx, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	var asked, latest atomic.Int64 // requests, and the certificate that a new connection was shown
	latest.Store(1)
	for _, fresh := range []bool{true, false} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableKeepAlives: fresh}}
		t.Cleanup(client.CloseIdleConnections)
		asking.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/v1/customers", strings.NewReader(`{"kind":"person","name":"A"}`))
				if err != nil {
					t.Error(err)
					return
				}
				request.Header.Set("Authorization", "Bearer "+p.key)
				request.Header.Set("Content-Type", "application/json")
				response, err := client.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusCreated {
					t.Errorf("answered %s, %v", response.Status, err)
				}
				_ = response.Body.Close()
				if asked.Add(1); fresh {
					latest.Store(response.TLS.PeerCertificates[0].SerialNumber.Int64())
				}
			}
		})
	}
	rename := func(name string) {
		t.Helper()
		if err := os.Rename(name+".next", name); err != nil {
			t.Fatal(err)
		}
	}
	replace(t, f.keys, "shop "+p.key+"\ndesk "+desk.key+" reader\n")
	rename(cert) // the pair does not fit for a while
	eventually(t, "a key that is added lets in", func() bool { return status(&desk) == http.StatusOK })
	eventually(t, "half of a pair is told", func() bool { return strings.Contains(p.errs.String(), "changed secrets cannot be read") })
	before := asked.Load()
	eventually(t, "requests go on", func() bool { return asked.Load() > before+10 })
	if latest.Load() != 1 {
		t.Error("half of a pair was taken")
	}
	replace(t, f.keys, "shop "+p.key+"\n")
	rename(key)
	eventually(t, "the new certificate is shown", func() bool { return latest.Load() == 2 })
	eventually(t, "a key that is removed lets nobody in", func() bool { return status(&desk) == http.StatusUnauthorized })
	for range 20 {
		if got := status(&desk); got != http.StatusUnauthorized {
			t.Fatalf("and is then answered %d", got)
		}
	}
	replace(t, f.keys, "shop short\n") // a slip: the former keys stay
	eventually(t, "a key file that is wrong is told", func() bool { return strings.Contains(p.errs.String(), "line 1: not NAME KEY [ROLE]") })
	if got := status(p); got != http.StatusOK {
		t.Errorf("after that the former key is answered %d", got)
	}
	stop()
	asking.Wait()
	old := &tls.Dialer{Config: &tls.Config{MaxVersion: tls.VersionTLS11, RootCAs: trusted}}
	if conn, err := old.DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "https://")); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	f.stop()
}

// replace writes a file anew, at once, as whoever looks after secrets does.
func replace(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+".next", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".next", name); err != nil {
		t.Fatal(err)
	}
}

// Every command that asks a server takes one whose certificate only this company's
// authority vouches for, and no other server that says that it is one.
func TestClientsTrustAnAuthorityOfTheirOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	certify(t, 1, x509.NewCertPool(), cert, key)
	f := startFleet(t, 1, "--tls-cert", cert, "--tls-key", key)
	p := f.servers[0]
	mine, cards := filepath.Join(dir, "mine"), filepath.Join(dir, "ada.vcf")
	replace(t, mine, p.key+"\n")
	replace(t, cards, "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\nUID:urn:uuid:0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21\r\nEND:VCARD\r\n")
	for _, asks := range [][]string{
		{"health"},
		{"keys", "issue", "--role", "reader", "--reason", "it reads", "reader"},
		{"import", "--mapping", "vcard", "--errors", filepath.Join(dir, "rejected"), cards},
		{"projections", "list"},
		{"bench", "http", "--clients", "1", "--duration", "100ms", "--warmup", "0s"},
	} {
		asks = append(asks, "--server", p.url)
		if asks[0] != "health" {
			asks = append(asks, "--key-file", mine)
		}
		if code, out, errs := runCommand(t, append(asks, "--ca-file", cert)...); code != 0 {
			t.Errorf("crm %s: exit code %d\n%s%s", strings.Join(asks, " "), code, out, errs)
		}
		if asks[0] == "import" || asks[0] == "bench" {
			continue // without trust the one goes on trying until somebody mends that, and the other does not say why
		}
		if code, _, errs := runCommand(t, asks...); code != exitFailed || !strings.Contains(errs, "unknown authority") {
			t.Errorf("crm %s without trust: exit code %d\n%s", strings.Join(asks, " "), code, errs)
		}
	}
	if code, _, errs := runCommand(t, "health", "--server", p.url, "--ca-file", key); code != exitUsage || !strings.Contains(errs, "holds no certificate") {
		t.Errorf("a file of no authority: exit code %d\n%s", code, errs)
	}
	asks := command(t.Context(), t, "health", "--server", p.url)
	asks.Env = append(asks.Env, "CRM_CA_FILE="+cert)
	if out, err := asks.CombinedOutput(); err != nil {
		t.Errorf("with CRM_CA_FILE: %v\n%s", err, out)
	}
	f.stop()
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
