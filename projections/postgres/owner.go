package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// InUseError says that a living process runs the cluster.
type InUseError struct {
	Dir string
	PID int // 0 when it can not be told
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("%s is in use by process %d", e.Dir, e.PID)
}

// lock makes this process the only one to work in dir until it unlocks or ends.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		said := make([]byte, 20)
		n, _ := f.Read(said)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(said[:n])))
		return nil, &InUseError{Dir: dir, PID: pid}
	}
	// The file stays when it is unlocked: removing it would let two processes
	// lock two files.
	unlock = func() { _ = f.Close() }
	if err := f.Truncate(0); err != nil {
		unlock()
		return nil, fmt.Errorf("lock: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		unlock()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return unlock, nil
}

// standIn returns the user that runs the server for root: the owner of an
// existing cluster or, where that is root itself, an unprivileged user of the
// machine, to whom the cluster is given.
func standIn(dir string, exists bool) (*syscall.Credential, error) {
	if exists {
		fi, err := os.Stat(dir)
		if err != nil {
			return nil, err
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return &syscall.Credential{Uid: st.Uid, Gid: st.Gid}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil || uid == 0 {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		who := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if exists {
			return who, dataDir{dir: dir, owner: who}.giveAway()
		}
		return who, nil
	}
	return nil, errors.New("postgres refuses to run as root, and there is no user postgres or nobody to run as")
}

// privateTemp makes a folder with a short name that only we can enter, the same
// one for the same dir.
func privateTemp(dir string) (string, error) {
	if err := os.Mkdir(tempName(dir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return ownTemp(dir)
}

func tempName(dir string) string {
	const longest = 60
	temp := os.TempDir()
	if len(temp) > longest || strings.Contains(temp, ",") {
		temp = "/tmp"
	}
	name := sha256.Sum256([]byte(dir))
	return filepath.Join(temp, "crm-"+hex.EncodeToString(name[:8]))
}

// ownTemp is the folder of privateTemp, if it is there.
func ownTemp(dir string) (string, error) {
	short := tempName(dir)
	// It may be of an earlier run, or a trap: the folder above is everybody's.
	fi, err := os.Lstat(short)
	if err != nil {
		return "", err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.IsDir() || int(st.Uid) != os.Geteuid() || fi.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%s is not a private folder of ours; remove it", short)
	}
	return short, nil
}
