package embedded

import (
	"errors"
	"strings"
)

// Pebble's marker files say by their names which manifest and which format count.
// To move one, Pebble creates the new name, removes the old, and only then syncs
// the folder. A power cut in between may keep any part of that: the marker
// without the manifest that it names, or neither marker. Either way the store
// would not open any more, with all its events in the folder. So the folder is
// synced before each of the two steps as well; that is twice per start.

// settle puts the folder's present entries on disk if name is that of a marker,
// which must not overtake them.
func (d *disk) settle(name string) error {
	if !strings.HasPrefix(d.PathBase(name), "marker.") {
		return nil
	}
	folder, err := d.OpenDir(d.PathDir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Remove implements vfs.FS.
func (d *disk) Remove(name string) error {
	if err := d.settle(name); err != nil {
		return err
	}
	return d.FS.Remove(name)
}
