package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A Manifest says what a backup holds. It is written last: a folder without one
// is not a backup, whatever else is in it.
type Manifest struct {
	Format    int        `json:"format"`     // of the backup: backupFormat
	Instance  uuid.UUID  `json:"instance"`   // of the store that was backed up
	Position  uint64     `json:"position"`   // of the last event
	Events    uint64     `json:"events"`     // how many there are
	LastEvent string     `json:"last_event"` // SHA-256 of the last event as it is stored, hex; "" without events
	Taken     time.Time  `json:"taken"`      // when
	Files     []FileSeal `json:"files"`      // all there are, by name
	// Seal is the SHA-256 of the manifest itself, as written here with an empty
	// seal. It tells an accident; whoever means to can compute another.
	Seal string `json:"seal"`
}

// A FileSeal is what one file of a backup must be.
type FileSeal struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// ErrNotABackup is wrapped by what is returned for a folder that is no backup, no
// finished one, or one that is damaged.
var ErrNotABackup = errors.New("not a whole backup")

const (
	backupFormat = 1
	manifestName = "manifest.json"
	eventsFolder = "events" // of a backup, where the store's files are
)

// Bytes is the size of all files together.
func (m Manifest) Bytes() uint64 {
	sum := uint64(0)
	for _, f := range m.Files {
		sum += uint64(f.Size)
	}
	return sum
}

func (m Manifest) encode() ([]byte, error) {
	m.Seal = ""
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	m.Seal = sealOf(text)
	text, err = json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

func sealOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// ReadManifest reads a backup's manifest. It does not look at the files.
func ReadManifest(backup string) (Manifest, error) {
	text, err := os.ReadFile(filepath.Join(backup, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return Manifest{}, fmt.Errorf("embedded: %w: %s has no %s: it is something else, or was never finished", ErrNotABackup, backup, manifestName)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("embedded: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("embedded: %w: %s: %w", ErrNotABackup, filepath.Join(backup, manifestName), err)
	}
	if m.Format != backupFormat {
		return Manifest{}, fmt.Errorf("embedded: the backup in %s has format %d, this program reads format %d", backup, m.Format, backupFormat)
	}
	if again, err := m.encode(); err != nil || !bytes.Equal(again, text) {
		return Manifest{}, errors.Join(fmt.Errorf("embedded: %w: %s was changed after it was written", ErrNotABackup, filepath.Join(backup, manifestName)), err)
	}
	for _, f := range m.Files {
		if f.Name != filepath.Base(f.Name) || !filepath.IsLocal(f.Name) {
			return Manifest{}, fmt.Errorf("embedded: %w: %q is no name of a file", ErrNotABackup, f.Name)
		}
	}
	return m, nil
}

// VerifyBackup reads all of a backup and holds it against its manifest: the same
// files, byte for byte, and no others.
func VerifyBackup(ctx context.Context, backup string, progress func(Progress)) (Manifest, error) {
	m, err := ReadManifest(backup)
	if err != nil {
		return m, err
	}
	return m, m.eachFile(ctx, backup, progress, func(_ string, from io.Reader) error {
		_, err := io.Copy(io.Discard, from)
		return err
	})
}

// eachFile gives use the contents of each file of a backup, and fails when they
// are not what the manifest says.
func (m Manifest) eachFile(ctx context.Context, backup string, progress func(Progress), use func(name string, from io.Reader) error) error {
	dir := filepath.Join(backup, eventsFolder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("embedded: %w: %w", ErrNotABackup, err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !slices.ContainsFunc(m.Files, func(f FileSeal) bool { return f.Name == e.Name() }) {
			return fmt.Errorf("embedded: %w: %s is not a file of the manifest", ErrNotABackup, filepath.Join(dir, e.Name()))
		}
	}
	meter := newMeter(ctx, "reading the backup", m.Bytes(), progress)
	for _, f := range m.Files {
		if err := m.oneFile(dir, f, meter, use); err != nil {
			return err
		}
	}
	return nil
}

func (m Manifest) oneFile(dir string, f FileSeal, meter *meter, use func(string, io.Reader) error) error {
	in, err := os.Open(filepath.Join(dir, f.Name))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("embedded: %w: %w", ErrNotABackup, err)
	}
	if err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	defer in.Close()
	hash, size := sha256.New(), &counter{}
	if err := use(f.Name, io.TeeReader(meter.reader(in), io.MultiWriter(hash, size))); err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); size.bytes != f.Size || !strings.EqualFold(sum, f.SHA256) {
		return fmt.Errorf("embedded: %w: %s is damaged: %d bytes with SHA-256 %s, the manifest says %d and %s",
			ErrNotABackup, in.Name(), size.bytes, sum, f.Size, f.SHA256)
	}
	return nil
}

type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}
