package contracttest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Key stands for an API key in requests.
const Key = "KEY"

// Canary is in all that is wrong and is text. It must get into no log.
const Canary = "c4n4ry"

// Request is a request as it goes on the wire.
type Request struct {
	Operation string
	Name      string // what is wrong
	Method    string
	Path      string // as it is sent
	Query     string // likewise
	Headers   [][2]string
	Body      []byte
	// Chunked sends the body in chunks, and does not say how long it is.
	Chunked bool
	// Refused: whoever takes this is wrong.
	Refused bool
}

func (r Request) String() string { return r.Operation + ": " + r.Name }

func (r *Request) add(name, value string) {
	r.Headers = append(slices.Clip(r.Headers), [2]string{name, value})
}

// set replaces a header.
func (r *Request) set(name, value string) {
	r.drop(name)
	r.add(name, value)
}

func (r *Request) drop(name string) {
	r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h [2]string) bool { return strings.EqualFold(h[0], name) })
}

// Bytes are the request with a key in place of [Key]. The connection ends with it.
func (r Request) Bytes(key string) []byte {
	var out bytes.Buffer
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: crm\r\nConnection: close\r\n", r.Method, target)
	for _, h := range r.Headers {
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], strings.ReplaceAll(h[1], Key, key))
	}
	switch {
	case r.Chunked:
		out.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for part := range slices.Chunk(r.Body, 64<<10) {
			fmt.Fprintf(&out, "%x\r\n%s\r\n", len(part), part)
		}
		out.WriteString("0\r\n\r\n")
	case len(r.Body) > 0 || r.Method != "GET":
		fmt.Fprintf(&out, "Content-Length: %d\r\n\r\n%s", len(r.Body), r.Body)
	default:
		out.WriteString("\r\n")
	}
	return out.Bytes()
}
