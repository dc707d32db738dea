package limits_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/http/limits"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestABurstTakesNothingFromOthers(t *testing.T) {
	t.Parallel()
	r := limits.NewRates()
	admitted := map[string]int{}
	for range 100 { // ten times what one second has
		for _, caller := range []string{"loud", "loud", "quiet"} {
			if caller == "quiet" && admitted["quiet"] == 10 {
				continue
			}
			if r.Take(caller, 10, noon).Admitted {
				admitted[caller]++
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"loud": 10, "quiet": 10}, admitted); diff != "" {
		t.Error(diff)
	}
	if s := r.Take("loud", 10, noon.Add(time.Second/10)); !s.Admitted || r.Take("loud", 10, noon.Add(time.Second/10)).Admitted {
		t.Errorf("a tenth of a second later: %+v", s)
	}
	// Other terms hold from the next request on.
	if s := r.Take("loud", 1000, noon.Add(time.Second)); !s.Admitted || s.Limit != 1000 {
		t.Errorf("with other terms: %+v", s)
	}
}

func TestWhatACallerIsTold(t *testing.T) {
	t.Parallel()
	r := limits.NewRates()
	for i, want := range []map[string]string{
		{"Ratelimit-Limit": "2", "Ratelimit-Policy": "2;w=1", "Ratelimit-Remaining": "1", "Ratelimit-Reset": "1"},
		{"Ratelimit-Limit": "2", "Ratelimit-Policy": "2;w=1", "Ratelimit-Remaining": "0", "Ratelimit-Reset": "1"},
		{"Ratelimit-Limit": "2", "Ratelimit-Policy": "2;w=1", "Ratelimit-Remaining": "0", "Ratelimit-Reset": "1", "Retry-After": "1"},
	} {
		header, got := http.Header{}, map[string]string{}
		r.Take("shop", 2, noon).Tell(header)
		for name := range header {
			got[name] = header.Get(name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request %d: %s", i, diff)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	f := limits.NewFailures(3)
	at := netip.MustParseAddr
	for range 3 {
		if wait := f.Wait(at("192.0.2.1"), noon); wait > 0 {
			t.Fatal(wait)
		}
		f.Note(at("192.0.2.1"), noon)
		f.Note(at("2001:db8::1"), noon)
	}
	for address, want := range map[string]time.Duration{
		"192.0.2.1": 6 * time.Second, "::ffff:192.0.2.1": 6 * time.Second, "192.0.2.2": 0,
		"2001:db8::2": 6 * time.Second, "2001:db8::3%eth0": 6 * time.Second, "2001:db8:0:1::1": 0,
	} {
		if got := f.Wait(at(address), noon); got != want {
			t.Errorf("%s waits %s, want %s", address, got, want)
		}
	}
	if wait := f.Wait(at("192.0.2.1"), noon.Add(6*time.Second)); wait > 0 {
		t.Error("after six seconds:", wait)
	}
	if f.Wait(netip.Addr{}, noon) > 0 {
		t.Error("no address has failed")
	}
	// Whoever makes up addresses takes no more memory; some are forgiven.
	for i := range 100_000 {
		f.Note(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), noon)
	}
	if f.Wait(at("192.0.2.1"), noon) > 0 {
		t.Error("nothing was forgotten: is memory bounded?")
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, peer string
		trusted    []string
		forwarded  []string
		want       string
	}{
		{"directly", "192.0.2.1:1", nil, nil, "192.0.2.1"},
		{"a header of anybody", "192.0.2.1:1", nil, []string{"10.0.0.1"}, "192.0.2.1"},
		{"a header of who is not trusted", "192.0.2.1:1", []string{"10.0.0.0/8"}, []string{"203.0.113.9"}, "192.0.2.1"},
		{"behind a proxy", "10.0.0.1:1", []string{"10.0.0.0/8"}, []string{"203.0.113.9"}, "203.0.113.9"},
		{"behind two", "10.0.0.1:1", []string{"10.0.0.0/8"}, []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"what the client wrote itself", "10.0.0.1:1", []string{"10.0.0.0/8"}, []string{"1.1.1.1", "203.0.113.9"}, "203.0.113.9"},
		{"a proxy that says nothing", "10.0.0.1:1", []string{"10.0.0.1"}, nil, "10.0.0.1"},
		{"nonsense", "10.0.0.1:1", []string{"10.0.0.1"}, []string{"203.0.113.9, <script>"}, "10.0.0.1"},
		{"proxies alone", "10.0.0.1:1", []string{"10.0.0.0/8"}, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"an IPv4 peer on IPv6", "[::ffff:10.0.0.1]:1", []string{"10.0.0.0/8"}, []string{"2001:db8::1"}, "2001:db8::1"},
		{"a unix socket", "@", []string{"10.0.0.0/8"}, []string{"203.0.113.9"}, "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for _, text := range c.forwarded {
			r.Header.Add("X-Forwarded-For", text)
		}
		var trusted []netip.Prefix
		for _, text := range c.trusted {
			proxy, err := limits.ParseProxy(text)
			if err != nil {
				t.Fatal(err)
			}
			trusted = append(trusted, proxy)
		}
		if got := fmt.Sprint(limits.Address(r, trusted)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if _, err := limits.ParseProxy("nginx"); err == nil {
		t.Error("a name is no network")
	}
}

func BenchmarkTake(b *testing.B) {
	r := limits.NewRates()
	b.ReportAllocs()
	for b.Loop() {
		r.Take("shop", 1_000_000, noon)
	}
}
