package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// line is one client's connection. It is not http.Client, which has two goroutines
// and several hand-overs for each: on the machine that it shares with the server, what
// the generator uses is missing in the figure.
type line struct {
	at      *url.URL
	address string
	tls     *tls.Config
	head    string // what every request says
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	header  http.Header // of the last answer
}

func newLine(server, key string, encryption *tls.Config) (*line, error) {
	at, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	l := &line{at: at, address: at.Host, tls: encryption}
	if at.Port() == "" {
		l.address = net.JoinHostPort(at.Hostname(), at.Scheme) // http and https are names of ports, too
	}
	l.head = fmt.Sprintf(" HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", at.Host, key)
	return l, nil
}

// ask sends one request, with an Idempotency-Key unless that is empty, and reads the
// whole answer. After an error the next one connects anew.
func (l *line) ask(ctx context.Context, method, path, key, body string) (status int, answer []byte, err error) {
	if l.conn == nil {
		if err := l.connect(ctx); err != nil {
			return 0, nil, err
		}
	}
	conn := l.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() || err != nil { // it has a deadline that is over, or half an answer
			l.close()
		}
	}()
	l.request = append(l.request[:0], method...)
	l.request = append(l.request, ' ')
	l.request = append(l.request, strings.TrimSuffix(l.at.Path, "/")+path...)
	l.request = append(l.request, l.head...)
	if key != "" {
		l.request = fmt.Appendf(l.request, "Idempotency-Key: %s\r\n", key)
	}
	if body != "" {
		l.request = fmt.Appendf(l.request, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	l.request = append(append(l.request, "\r\n"...), body...)
	if _, err := l.conn.Write(l.request); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(l.reader, nil)
	if err != nil {
		return 0, nil, err
	}
	l.header = response.Header
	answer, err = io.ReadAll(response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if response.Close {
		l.close()
	}
	return response.StatusCode, answer, err
}

func (l *line) connect(ctx context.Context) (err error) {
	if l.at.Scheme == "https" {
		l.conn, err = (&tls.Dialer{Config: l.tls}).DialContext(ctx, "tcp", l.address)
	} else {
		l.conn, err = new(net.Dialer).DialContext(ctx, "tcp", l.address)
	}
	if err != nil {
		l.conn = nil
		return err
	}
	l.reader = bufio.NewReaderSize(l.conn, 16<<10)
	return nil
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close() // nothing is lost
		l.conn = nil
	}
}
