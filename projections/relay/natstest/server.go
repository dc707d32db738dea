package natstest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Server is a nats-server. It ends with its test.
type Server struct {
	// URL is where it listens, also after it was started again.
	URL string

	tb                 testing.TB
	program, dir, port string
	running            *exec.Cmd
}

// New starts a server and waits until it answers.
func New(tb testing.TB) *Server {
	tb.Helper()
	program, err := exec.LookPath("nats-server")
	if err != nil {
		program = "/usr/sbin/nats-server"
		_, err = os.Stat(program)
	}
	switch {
	case err != nil && os.Getenv("CI") != "":
		tb.Fatal("nats-server is missing: make nats")
	case err != nil:
		tb.Skip("nats-server is missing: make nats installs it")
	}
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	s := &Server{tb: tb, program: program, dir: tb.TempDir(), port: port, URL: "nats://127.0.0.1:" + port}
	s.Start()
	tb.Cleanup(s.Kill)
	s.connect()
	return s
}

// Start starts it again where it was.
func (s *Server) Start() {
	s.tb.Helper()
	s.running = exec.CommandContext(context.WithoutCancel(s.tb.Context()), s.program, "-a", "127.0.0.1", "-p", s.port, "-js", "-sd", s.dir)
	if err := s.running.Start(); err != nil {
		s.tb.Fatal(err)
	}
}

// Kill is kill -9.
func (s *Server) Kill() {
	_ = s.running.Process.Kill()
	_ = s.running.Wait() // it says that it was killed
}

// connect waits until it answers.
func (s *Server) connect() nats.JetStreamContext {
	s.tb.Helper()
	conn, err := nats.Connect(s.URL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(conn.Close)
	js, err := conn.JetStream()
	if err != nil {
		s.tb.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err = js.AccountInfo(); err == nil {
			return js
		}
		if time.Now().After(deadline) {
			s.tb.Fatalf("nats-server does not answer: %v", err)
		}
	}
}

// Received are all messages that it keeps under a prefix, in their order.
func (s *Server) Received(prefix string) (messages []*nats.Msg) {
	s.tb.Helper()
	js := s.connect()
	name, err := js.StreamNameBySubject(prefix + ".>")
	if err != nil {
		return nil // nothing was published yet
	}
	sub, err := js.SubscribeSync(prefix+".>", nats.OrderedConsumer())
	if err != nil {
		s.tb.Fatal(err)
	}
	info, err := js.StreamInfo(name)
	if err != nil {
		s.tb.Fatal(err)
	}
	for range info.State.Msgs {
		m, err := sub.NextMsg(20 * time.Second)
		if err != nil {
			s.tb.Fatalf("after %d of %d messages: %v", len(messages), info.State.Msgs, err)
		}
		messages = append(messages, m)
	}
	return messages
}
