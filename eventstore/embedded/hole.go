package embedded

import (
	"errors"
	"fmt"
	"math"
	"path"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A folder that was copied file by file while its node ran can have a log file
// that ends early and a later one that goes on. Where the first is cut off between
// two records Pebble takes that for its end, and what was after it is missing
// without a trace: in the middle of the log, where no floor looks. Opening for
// good would then bring the rest into tables, and nobody could tell any more.
//
// So the part of the log that comes from log files is read before, and has to be
// without a gap. What is in tables was whole when they were made.

// logBytes is how large the log files in dir are together: a bound for the events
// that come from them.
func logBytes(dir string, fs vfs.FS) (sum int64, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if path.Ext(name) != ".log" {
			continue
		}
		stat, err := fs.Stat(fs.PathJoin(dir, name))
		if err != nil {
			return 0, err
		}
		sum += stat.Size()
	}
	return sum, nil
}

// checkNoHole reads the last events, as many as fit into so many bytes and one
// more, and returns an error if a position between them is missing.
func checkNoHole(db pebble.Reader, bytes int64) (err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: eventKey(0), UpperBound: []byte{eventPrefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	next := uint64(math.MaxUint64)
	for ok := it.Last(); ok && bytes >= 0; ok = it.Prev() {
		position, ok := positionOf(it.Key())
		if !ok {
			return errDamaged
		}
		if next != math.MaxUint64 && position+1 != next {
			return missing(position+1, next-1)
		}
		next = position
		bytes -= int64(len(it.Key()) + len(it.Value()))
	}
	if bytes >= 0 && next != math.MaxUint64 && next > 1 && it.Error() == nil {
		return missing(1, next-1)
	}
	return it.Error()
}

func missing(first, last uint64) error {
	return fmt.Errorf("%w: the events at positions %d to %d are missing between others; "+
		"was the folder copied while its node ran? Take a backup of the node instead", errDamaged, first, last)
}
