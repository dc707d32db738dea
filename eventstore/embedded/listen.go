package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// longestSocketPath is what every system we run on accepts; Linux takes 107
// bytes, macOS 103.
const longestSocketPath = 103

// tempPrefix is how the name of a folder begins that is made for a socket.
const tempPrefix = "node-"

// ErrSocketInUse is returned by ListenUnix when a process answers on the socket.
var ErrSocketInUse = errors.New("embedded: a process listens on the socket")

// ListenUnix listens on a unix socket that only this user can connect to. A
// socket that a killed process left behind is replaced; one that is answered is
// not. A path too long for a socket is replaced by a short one in a private
// temporary folder, which goes when the listener is closed, and path becomes a
// link to it, if its folder exists: use Address, or SocketAt, to connect.
func ListenUnix(path string) (net.Listener, error) {
	temp, link := "", ""
	if len(path) > longestSocketPath {
		var err error
		if temp, err = os.MkdirTemp("", tempPrefix); err != nil { // mode 0700
			return nil, fmt.Errorf("embedded: a folder for the socket: %w", err)
		}
		link, path = path, filepath.Join(temp, "node.sock")
	}
	l, err := listenPrivately(path)
	if err != nil {
		if temp != "" {
			err = errors.Join(err, os.Remove(temp))
		}
		return nil, fmt.Errorf("embedded: listen: %w", err)
	}
	u := &unixListener{Listener: l, temp: temp, link: link}
	if link == "" {
		return u, nil
	}
	if err := relink(path, link); err != nil && !errors.Is(err, os.ErrNotExist) { // there is no folder for it
		return nil, errors.Join(fmt.Errorf("embedded: a link to the socket: %w", err), u.Close())
	}
	return u, nil
}

// SocketAt is the path to connect to, of one that was given to ListenUnix.
func SocketAt(path string) string {
	if to, err := os.Readlink(path); err == nil { // it was too long
		return to
	}
	return path
}

// relink makes link point to path. A link that a killed process left is replaced,
// and what it points to goes.
func relink(path, link string) error {
	if to := SocketAt(link); to != link {
		left, err := clearSocket(to)
		if err != nil {
			return err
		}
		if left && strings.HasPrefix(filepath.Base(filepath.Dir(to)), tempPrefix) {
			_ = os.Remove(filepath.Dir(to)) // which fails unless it is empty
		}
		if err := os.Remove(link); err != nil {
			return err
		}
	}
	return os.Symlink(path, link)
}

// clearSocket removes a socket that a killed process left behind, and tells whether
// there was one. It fails when somebody answers.
func clearSocket(path string) (left bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return false, errors.Join(fmt.Errorf("%w: %s", ErrSocketInUse, path), conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED): // nobody is there: left behind, if it is a socket
		if file, err := os.Lstat(path); err == nil && file.Mode().Type() == os.ModeSocket {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return false, err
			}
			return true, nil
		}
	}
	return false, nil
}

func listenPrivately(path string) (net.Listener, error) {
	if _, err := clearSocket(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		// On Linux the mode of the unbound socket becomes the file's, so it is
		// never open to others, not even for a moment. Elsewhere this does
		// nothing, and the Chmod below has to do.
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

type unixListener struct {
	net.Listener
	temp string // folder made for the socket, "" if none was
	link string // to the socket in it
}

// Close removes the socket, and the folder made for it.
func (l *unixListener) Close() error {
	err := l.Listener.Close()
	for _, made := range []string{l.temp, l.link} {
		if made == "" {
			continue
		}
		if e := os.Remove(made); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Address returns what the client's Configuration.Address must be to reach l.
func Address(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix:" + (&url.URL{Path: l.Addr().String()}).EscapedPath()
	}
	return l.Addr().String()
}
