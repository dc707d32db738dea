package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
)

// trust is how a client subcommand knows that a server is the one it means.
type trust struct {
	CAFile string `name:"ca-file" env:"CRM_CA_FILE" placeholder:"FILE" help:"Certificates (PEM) of the authorities one of which has to vouch for an https server. Default: those that this machine trusts."`
}

// encryption is the TLS of a connection; nil for Go's own, where no file is given.
func (t *trust) encryption() (*tls.Config, error) {
	if t.CAFile == "" {
		return nil, nil //nolint:nilnil // which is how net/http says it, too
	}
	text, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, usage(fmt.Errorf("--ca-file: %w", err))
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(text) {
		return nil, usage(fmt.Errorf("--ca-file %s holds no certificate (PEM)", t.CAFile))
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities}, nil
}

// client asks a server that is trusted.
func (t *trust) client() (*http.Client, error) {
	encrypted, err := t.encryption()
	if err != nil || encrypted == nil {
		return http.DefaultClient, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = encrypted
	return &http.Client{Transport: transport}, nil
}
