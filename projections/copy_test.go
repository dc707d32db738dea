package projections

import (
	"errors"
	"io"
	"testing"
)

// pgx may go on reading in a goroutine after a connection was lost and the buffer has
// been given back: it is to find nothing there.
func TestStoppedCopyReadsNothing(t *testing.T) {
	t.Parallel()
	c := &copying{encoded: []byte(copyHeader), slots: []int{0}}
	c.stop()
	if n, err := c.Read(make([]byte, 100)); n != 0 || !errors.Is(err, io.EOF) || c.taken != 0 {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
