package projectionstest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"crm/projections/postgres"
)

// server is what all tests of this binary share.
type server struct {
	dsn      string    // of one of its databases
	lifeline io.Closer // open as long as this process lives; the guard waits for its end
}

// shared returns the server, started by the first who asks.
var shared = sync.OnceValues(func() (*server, error) {
	if dsn := os.Getenv("CRM_TEST_POSTGRES"); dsn != "" {
		return &server{dsn: dsn}, nil
	}
	dir, err := os.MkdirTemp(temp(), "crm-test-pg-")
	if err != nil {
		return nil, err
	}
	lifeline, err := guard(dir)
	if err != nil {
		return nil, fmt.Errorf("guard %s: %w", dir, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cluster, err := postgres.Start(ctx, postgres.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	return &server{dsn: cluster.DSN("postgres"), lifeline: lifeline}, nil
})

// temp returns where a throw-away cluster lies: in memory if there is plenty,
// else "", which is the usual place. TMPDIR, when set, is obeyed.
func temp() string {
	const memory, plenty = "/dev/shm", 4 << 30 // bytes
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < plenty {
		return ""
	}
	return memory
}

// guard has a shell wait for the end of this process, then stop the server in dir
// and remove dir. The folder is new, so the process that its postmaster.pid names
// is the one we started.
func guard(dir string) (lifeline io.Closer, err error) {
	const script = `
trap '' HUP INT TERM
read -r end
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	if ! [ -e "$1/data/postmaster.pid" ]; then
		rm -rf "$1" && exit
	fi
	sleep 0.5
done
rm -rf "$1"`
	cmd := exec.Command("/bin/sh", "-c", script, "guard", dir) //nolint:noctx // it outlives us
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}      // Ctrl-C must not end it first
	cmd.Dir = "/"
	lifeline, err = cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return lifeline, cmd.Start()
}
