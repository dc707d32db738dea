package importing

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// File is a file to read. It may be read several times, from its start.
type File struct {
	Name string // with its folder, if any; messages name it so
	Size int64  // bytes
	Open func() (io.ReadCloser, error)
}

// job is one file read for one section of the mapping.
type job struct {
	section *section
	file    int // which of the files it is
	File
}

// FileError is a file that cannot be read, or is not one that the mapping is for.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return e.Name + ": " + e.Err.Error() }

// Unwrap gives what is wrong with it.
func (e *FileError) Unwrap() error { return e.Err }

// Local finds the files that the mapping is for among files and folders, in the
// order of these, and those of the folders that it is not for. A file that is named
// itself and matches nothing is an error, unless all sections are for the same files:
// then there is no doubt what it is for. The errors file of an earlier run is no file
// to import, and one to import is no errors file: it would be overwritten.
func (p *Plan) Local(paths []string, errorsFile string) (files []File, left []string, err error) {
	written, err := os.Stat(errorsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	take := func(path string, size int64) {
		files = append(files, File{path, size, func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	for _, path := range paths {
		about, err := os.Stat(path)
		if err != nil {
			return nil, nil, err
		}
		if !about.IsDir() {
			if os.SameFile(about, written) {
				return nil, nil, fmt.Errorf("%s is to be imported, and cannot be the file for rejected rows", path)
			}
			if !p.isFor(path) && !p.alike() {
				return nil, nil, p.strange(path)
			}
			take(path, about.Size())
			continue
		}
		entries, err := os.ReadDir(path) // in order of names
		if err != nil {
			return nil, nil, err
		}
		for _, entry := range entries {
			path := filepath.Join(path, entry.Name())
			about, err := os.Stat(path)
			if err != nil || !about.Mode().IsRegular() || strings.HasPrefix(entry.Name(), ".") || os.SameFile(about, written) {
				continue
			}
			if p.isFor(path) {
				take(path, about.Size())
			} else {
				left = append(left, path)
			}
		}
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("no file that the mapping %s is for: it is for %s", p.Name, p.patterns())
	}
	return files, left, nil
}

// isFor reports whether a section of the mapping is for files of that name.
func (p *Plan) isFor(name string) bool {
	return slices.ContainsFunc(p.sections, func(s *section) bool { return s.matches(filepath.Base(name)) })
}

// alike reports whether all sections are for the same files.
func (p *Plan) alike() bool {
	return !slices.ContainsFunc(p.sections, func(s *section) bool { return !slices.Equal(s.Match, p.sections[0].Match) })
}

func (p *Plan) strange(name string) error {
	return &FileError{name, fmt.Errorf("the mapping %s has nothing for a file of this name; it has %s", p.Name, p.patterns())}
}

// Check finds what is wrong with the files as a whole, without reading them to their
// end. The error is a [FileError].
func (p *Plan) Check(files []File) error {
	_, err := p.jobs(files)
	return err
}

// jobs pairs the files with the mapping's sections, and finds what is wrong with a
// file as a whole.
func (p *Plan) jobs(files []File) ([]job, error) {
	jobs, err := p.pair(files)
	if err != nil {
		return nil, err
	}
	var unused atomic.Int64
	for _, j := range jobs {
		_, file, err := j.open(&unused)
		if err != nil {
			return nil, err
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// pair pairs the files with the mapping's sections, in the order of these.
func (p *Plan) pair(files []File) ([]job, error) {
	var jobs []job
	for _, s := range p.sections {
		for i, f := range files {
			if s.matches(filepath.Base(f.Name)) || p.alike() {
				jobs = append(jobs, job{s, i, f})
			}
		}
	}
	for i, f := range files {
		if !slices.ContainsFunc(jobs, func(j job) bool { return j.file == i }) {
			return nil, p.strange(f.Name)
		}
	}
	return jobs, nil
}

func (p *Plan) patterns() string {
	var all []string
	for _, s := range p.sections {
		all = append(all, s.Match...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// open begins to read the file and checks that it has the columns that the
// section refers to. Bytes read of it are added to progress.
func (j job) open(progress *atomic.Int64) (reader, io.Closer, error) {
	file, err := j.Open()
	if err != nil {
		return nil, nil, err
	}
	r, err := j.read(&counted{file, progress})
	if err != nil {
		return nil, nil, errors.Join(&FileError{j.Name, err}, file.Close())
	}
	return r, file, nil
}

func (j job) read(raw io.Reader) (reader, error) {
	in := bufio.NewReaderSize(raw, 256<<10)
	var text io.Reader = in
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		text = unpacked
	}
	switch j.format() {
	case "vcard": // each property may have a charset of its own
		declared := j.section.Encoding
		if declared == "" || declared == "auto" {
			declared = "utf-8"
		}
		text, err := decoded(text, declared)
		if err != nil {
			return nil, err
		}
		return newVCardReader(text), nil
	case "jsonl":
		text, err := decoded(text, j.section.Encoding)
		if err != nil {
			return nil, err
		}
		return newJSONReader(text), nil
	}
	text, err := decoded(text, j.section.Encoding)
	if err != nil {
		return nil, err
	}
	r, err := newCSVReader(text, j.section.Delimiter, slices.Clone(j.section.Header))
	if err != nil {
		return nil, err
	}
	for _, columns := range j.section.columns {
		if !slices.ContainsFunc(columns, r.has) {
			return nil, fmt.Errorf("there is no column %q; the columns are %q", strings.Join(columns, " or "), r.names())
		}
	}
	return r, nil
}

// format is what the section says, else what the name says.
func (j job) format() string {
	if j.section.Format != "" {
		return j.section.Format
	}
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(j.Name, ".gz"))) {
	case ".vcf", ".vcard":
		return "vcard"
	case ".jsonl", ".ndjson", ".json":
		return "jsonl"
	}
	return "csv"
}

// counted adds up the bytes that are read.
type counted struct {
	from io.Reader
	sum  *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.sum.Add(int64(n))
	return n, err
}
