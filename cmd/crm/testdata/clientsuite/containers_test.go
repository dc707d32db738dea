// This file takes the place of the one of the same name in the test suite of
// EventStore-Client-Go, which starts docker containers. Its helpers have the names
// that the suite calls, and start a crm node each: fresh, empty, on a free loopback
// port, without TLS. The program to run is named by CRM_NODE_PROGRAM.

package esdb_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/goombaio/namegenerator"
)

// NAME_GENERATOR makes stream names.
var NAME_GENERATOR = namegenerator.NewNameGenerator(0)

// Container is a node.
type Container struct {
	Endpoint string

	t    *testing.T
	node *exec.Cmd
}

// Close stops the node, which has to end well.
func (c *Container) Close() {
	if err := c.node.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Error(err)
	}
	if err := c.node.Wait(); err != nil {
		c.t.Errorf("the node ended with %v", err)
	}
}

// CreateEmptyDatabase starts a node.
func CreateEmptyDatabase(t *testing.T) (*Container, *esdb.Client) {
	t.Helper()
	node := exec.Command(os.Getenv("CRM_NODE_PROGRAM"), "node", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--log-level", "warn")
	node.Stderr = os.Stderr
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ready {
		_ = node.Process.Kill()
		t.Fatalf("the node says %q, %v (%v)", line, err, node.Wait())
	}
	endpoint := strings.TrimSuffix(strings.TrimPrefix(url, "esdb://"), "?tls=false")
	c := &Container{Endpoint: endpoint, t: t, node: node}
	return c, GetClient(t, c)
}

// CreatePopulatedDatabase starts a node that has as much of the vendor's data set
// as tests need that do not ask for its log positions or ids: one stream.
func CreatePopulatedDatabase(t *testing.T) (*Container, *esdb.Client) {
	t.Helper()
	c, client := CreateEmptyDatabase(t)
	const events, atOnce = 6000, 500
	for range events / atOnce {
		batch := make([]esdb.EventData, atOnce)
		for i := range batch {
			batch[i] = esdb.EventData{
				EventID: uuid.New(), EventType: "eventType-0", ContentType: esdb.ContentTypeBinary, Data: []byte("data"),
			}
		}
		if _, err := client.AppendToStream(context.Background(), "dataset20M-0", esdb.AppendToStreamOptions{}, batch...); err != nil {
			c.Close()
			t.Fatal(err)
		}
	}
	return c, client
}

// GetClient connects to a node.
func GetClient(t *testing.T, c *Container) *esdb.Client {
	t.Helper()
	return CreateClient(fmt.Sprintf("esdb://%s?tls=false", c.Endpoint), t)
}

// CreateClient connects.
func CreateClient(connection string, t *testing.T) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// GetEnvOrDefault answers what the suite asks of its surroundings: one node, no TLS.
func GetEnvOrDefault(_, fallback string) string { return fallback }

// IsESDBVersion20 is about servers that are gone.
func IsESDBVersion20() bool { return false }

// WaitForAdminToBeAvailable returns at once: a node that is ready has no users to
// wait for.
func WaitForAdminToBeAvailable(*testing.T, *esdb.Client) {}
