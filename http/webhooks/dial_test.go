package webhooks

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// forbidden are hosts that stand for what must not be spoken to, in all the ways that
// somebody has found to write it. The name server of the test says 127.0.0.1 and ::1 of
// every name, so that what is no address here is one there.
var forbidden = []string{
	// this machine
	"127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "0177.1", "017700000001",
	"2130706433", "00000127.0.0.1", "127.0.0.1.", "localhost", "localhost.", "LOCALHOST", "a.localhost", "0", "0.0.0.0", "0x0",
	"[::1]", "[0:0:0:0:0:0:0:1]", "[0000::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::1%25lo]",
	// written for machines: full width, enclosed, other full stops
	"１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1",
	// private networks and providers' own
	"10.0.0.1", "10.1", "0x0a000001", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1", "100.64.0.1", "100.127.255.255", "[fc00::1]", "[fd12:3456::1]", "[::ffff:10.0.0.1]",
	// machines' secrets
	"169.254.169.254", "0xa9fea9fe", "0251.0376.0251.0376", "2852039166", "169.254.43518", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "[fd20:ce::254]",
	"100.100.100.200", "168.63.129.16", "192.0.0.192", "metadata.google.internal", "instance-data",
	// an address within an address
	"[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001::1]",
	// nobody, everybody, nowhere
	"169.254.0.1", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "224.0.0.1", "239.255.255.250", "[ff02::1]", "255.255.255.255", "240.0.0.1",
	"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1", "[2001:db8::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "[4000::1]",
	// names
	"rebound.example", "127.0.0.1.nip.example", "xn--loopback-x.example",
}

// No connection is made to what is forbidden, and none is begun.
func TestForbiddenAddressesAreNotSpokenTo(t *testing.T) {
	t.Parallel()
	if len(forbidden) < 40 {
		t.Fatalf("only %d spellings", len(forbidden))
	}
	names := newNames(t, func(int, dnsmessage.Type) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	})
	door := newDoor(t)
	var sockets atomic.Int64
	d := &dialer{resolver: names.resolver(), connecting: func(string) error { sockets.Add(1); return nil }}
	client := newClient(d, nil, 5*time.Second)
	for _, host := range forbidden {
		for _, scheme := range []string{"http", "https"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+host+":"+door.port, strings.NewReader("{}"))
			if err != nil {
				continue // no URL at all
			}
			answer, err := client.Do(request)
			if err == nil {
				answer.Body.Close()
				t.Errorf("%s answers %d", host, answer.StatusCode)
			} else if got := outcomeOf(err); got != Forbidden && got != Unresolved {
				t.Errorf("%s: %s, %v", host, got, err)
			}
		}
		if d.policy.checkURL("http://"+host+":"+door.port) == nil {
			t.Errorf("http to %s is registered", host)
		}
	}
	if n := door.opened.Load(); n != 0 || sockets.Load() != 0 {
		t.Errorf("%d connections were made, %d begun; want 0", n, sockets.Load())
	}
	// It is the policy that keeps the door shut.
	open := newClient(&dialer{policy: policy{private: true}, resolver: names.resolver()}, nil, 5*time.Second)
	for _, host := range []string{"127.0.0.1", "[::ffff:127.0.0.1]", "rebound.example"} {
		before := door.opened.Load()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+":"+door.port, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := open.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		answer.Body.Close()
		open.CloseIdleConnections()
		if door.opened.Load() == before {
			t.Errorf("%s does not reach the door where that is allowed", host)
		}
	}
}

// A name that stands for a public address when it is looked up, and for this machine
// when it is looked up again, is connected to as it was judged.
func TestReboundNames(t *testing.T) {
	t.Parallel()
	public := netip.MustParseAddr("93.184.216.34")
	door := newDoor(t)
	names := newNames(t, func(n int, kind dnsmessage.Type) []netip.Addr {
		switch {
		case kind != dnsmessage.TypeA:
			return nil
		case n%2 == 1:
			return []netip.Addr{public}
		default:
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		}
	})
	stop := errors.New("not from a test")
	var begun []string
	d := &dialer{resolver: names.resolver(), connecting: func(address string) error { begun = append(begun, address); return stop }}
	for n := range 6 {
		_, err := d.dial(t.Context(), "tcp", "rebound.example:"+door.port)
		if want := map[bool]error{true: stop, false: ErrForbidden}[n%2 == 0]; !errors.Is(err, want) {
			t.Errorf("dial %d: %v, want %v", n+1, err, want)
		}
	}
	for _, address := range begun {
		if address != net.JoinHostPort(public.String(), door.port) {
			t.Errorf("a connection to %s was begun", address)
		}
	}
	if len(begun) != 3 || door.opened.Load() != 0 || names.asked.Load() != 6 {
		t.Errorf("%d begun, %d made, %d look-ups of 6 dials", len(begun), door.opened.Load(), names.asked.Load())
	}
}

// One forbidden address among those of a name is enough.
func TestMixedNames(t *testing.T) {
	t.Parallel()
	names := newNames(t, func(_ int, kind dnsmessage.Type) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.0.0.1")}
	})
	d := &dialer{resolver: names.resolver(), connecting: func(address string) error { t.Errorf("%s", address); return ErrForbidden }}
	if _, err := d.dial(t.Context(), "tcp", "mixed.example:443"); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
}

func TestPortsAndSchemes(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"https://example.com": true, "https://example.com:443/": true, "https://example.com:8443/x": true, "https://[2606:2800:220:1::1]/": true,
		"https://93.184.216.34/": true,
		"http://example.com":     false, "https://example.com:22": false, "https://example.com:25": false, "https://example.com:0": false,
		"https://example.com:65536": false, "ftp://example.com": false, "https://": false, "https:example.com": false, "//example.com": false,
		"https://user@example.com": false, "https://example.com/#x": false, "https://printer.local": false, "https://x.internal": false, "https://localhost": false,
		"https://10.0.0.1": false, "https://[::ffff:10.0.0.1]": false,
	} {
		if err := (policy{}).checkURL(url); (err == nil) != want {
			t.Errorf("%s: %v", url, err)
		}
	}
	for url, want := range map[string]bool{"http://localhost:80": true, "http://127.0.0.1:8080": true, "https://[::1]:22": true, "http://169.254.169.254": false, "http://[fd00:ec2::254]": false} {
		if err := (policy{private: true}).checkURL(url); (err == nil) != want {
			t.Errorf("on a laptop, %s: %v", url, err)
		}
	}
}

// A redirect is an answer like another, and the environment's proxy is none of ours.
func TestNothingIsFollowed(t *testing.T) {
	t.Parallel()
	door := newDoor(t)
	from := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:"+door.port+"/", http.StatusTemporaryRedirect))
	t.Cleanup(from.Close)
	client := newClient(&dialer{policy: policy{private: true}, resolver: net.DefaultResolver}, nil, 5*time.Second)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, from.URL, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusTemporaryRedirect || door.opened.Load() != 0 {
		t.Errorf("answered %d, %d connections to where it leads", answer.StatusCode, door.opened.Load())
	}
	if client.Transport.(*http.Transport).Proxy != nil {
		t.Error("it asks a proxy")
	}
}

// Why a request came to nothing is told in a word.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	secured, plain := httptest.NewTLSServer(http.NotFoundHandler()), httptest.NewServer(http.NotFoundHandler())
	ended := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	t.Cleanup(func() { secured.Close(); plain.Close(); close(ended); silent.Close() })
	patient := &dialer{policy: policy{private: true}, resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("there is no name server")
	}}}
	for url, want := range map[string]Outcome{
		secured.URL: Untrusted, "https://" + plain.Listener.Addr().String(): Untrusted, closed.URL: Unreachable, silent.URL: TimedOut,
		"https://hooks.invalid": Unresolved, "http://169.254.169.254": Forbidden,
	} {
		wait := time.Minute
		if want == TimedOut {
			wait = 50 * time.Millisecond
		}
		client := newClient(patient, nil, wait)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err == nil {
			answer.Body.Close()
			t.Errorf("%s answers %d", url, answer.StatusCode)
		} else if got := outcomeOf(err); got != want {
			t.Errorf("%s is %s, want %s: %v", url, got, want, err)
		}
	}
}

// door is a listener on this machine, IPv4 and where there is IPv6 also that, which
// counts who comes in.
type door struct {
	port   string
	opened atomic.Int64
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{}
	first, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, d.port, _ = net.SplitHostPort(first.Addr().String())
	listeners := []net.Listener{first}
	if second, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("::1", d.port)); err == nil {
		listeners = append(listeners, second)
	}
	for _, l := range listeners {
		server := &http.Server{
			ConnState: func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					d.opened.Add(1)
				}
			},
			Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	return d
}

// names is a name server that says of every name what a test wants.
type names struct {
	conn  net.PacketConn
	asked atomic.Int64 // for addresses of IPv4
	say   func(n int, kind dnsmessage.Type) []netip.Addr
}

// newNames starts one. Say is told the how-manyth question for that kind it is.
func newNames(t *testing.T, say func(n int, kind dnsmessage.Type) []netip.Addr) *names {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &names{conn: conn, say: say}
	var running sync.WaitGroup
	running.Go(s.serve)
	t.Cleanup(func() { _ = conn.Close(); running.Wait() })
	return s
}

func (s *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *names) serve() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(buffer[:n]) != nil || len(question.Questions) != 1 {
			continue
		}
		asked := question.Questions[0]
		count := 1
		if asked.Type == dnsmessage.TypeA {
			count = int(s.asked.Add(1))
		}
		answer := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: question.ID, Response: true, Authoritative: true, RecursionAvailable: true},
			Questions: question.Questions,
		}
		for _, address := range s.say(count, asked.Type) {
			header := dnsmessage.ResourceHeader{Name: asked.Name, Type: asked.Type, Class: dnsmessage.ClassINET}
			switch {
			case asked.Type == dnsmessage.TypeA && address.Is4():
				answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
			case asked.Type == dnsmessage.TypeAAAA && address.Is6():
				answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
			}
		}
		packed, err := answer.Pack()
		if err == nil {
			_, _ = s.conn.WriteTo(packed, from)
		}
	}
}
