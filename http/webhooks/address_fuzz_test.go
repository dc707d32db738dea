package webhooks

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"
)

// FuzzAddress checks that whatever an address is, and whether it would be registered or
// not, the real client begins no connection but to public addresses; and that what is
// registered can be asked for.
func FuzzAddress(f *testing.F) {
	for _, host := range forbidden {
		f.Add("https://" + host + "/")
	}
	for _, address := range []string{
		"https://93.184.216.34:8443/x?y", "https://[2606:2800:220:1::1]", "https://93.184.216.34:22", "https://0x5db8d822", "https://93.184.216.34@10.0.0.1/",
		"https://10.0.0.1#@93.184.216.34/", "https://93.184.216.34\\@10.0.0.1", "https://93.184.216.34:443:80", "https://[::ffff:93.184.216.34]", "https://%31%30.0.0.1",
		"http://93.184.216.34", "https:///93.184.216.34", "https:93.184.216.34", "https://93.184.216.34.", "https://１０.0.0.1",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, text string) {
		registered := policy{}.checkURL(text) == nil
		if at, err := url.Parse(text); registered && (err != nil || at.Scheme != "https" || at.User != nil) {
			t.Fatalf("%q is registered: %#v, %v", text, at, err)
		}
		if registered && (policy{private: true}).checkURL(text) != nil {
			t.Fatalf("%q is registered in public, and not on a laptop", text)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, text, http.NoBody)
		if err != nil {
			if registered {
				t.Fatalf("%q is registered and cannot be asked for: %v", text, err)
			}
			return
		}
		stop, begun := errors.New("not from a test"), ""
		d := &dialer{
			resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("there is no name server")
			}},
			connecting: func(address string) error { begun = address; return stop },
		}
		client := newClient(d, nil, time.Minute)
		answer, err := client.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			t.Fatalf("%q is answered", text)
		}
		if begun == "" {
			return
		}
		at := netip.MustParseAddrPort(begun)
		if a := at.Addr().Unmap(); !a.IsGlobalUnicast() || a.IsPrivate() || at.Port() != 443 && at.Port() < 1024 {
			t.Fatalf("%q has a connection begun to %s", text, begun)
		}
	})
}
