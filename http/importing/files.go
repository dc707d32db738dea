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

// job is one file read for one section of the mapping.
type job struct {
	section *section
	path    string
	size    int64
}

// jobs pairs the files with the mapping's sections, in the order of these. It
// also gives the files of folders that no section is for. A file that is named
// itself and matches nothing is an error, unless all sections are for the same
// files: then there is no doubt what it is for. The errors file of an earlier
// run is no file to import, and one to import is no errors file: it would be
// overwritten.
func (p *plan) jobs(paths []string, errorsFile string) (jobs []job, left []string, err error) {
	written, err := os.Stat(errorsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	type file struct {
		path  string
		size  int64
		named bool
	}
	var files []file
	for _, path := range paths {
		about, err := os.Stat(path)
		if err != nil {
			return nil, nil, err
		}
		if !about.IsDir() {
			if os.SameFile(about, written) {
				return nil, nil, fmt.Errorf("%s is to be imported, and cannot be the file for rejected rows", path)
			}
			files = append(files, file{path, about.Size(), true})
			continue
		}
		entries, err := os.ReadDir(path) // in order of names
		if err != nil {
			return nil, nil, err
		}
		for _, entry := range entries {
			about, err := os.Stat(filepath.Join(path, entry.Name()))
			if err == nil && about.Mode().IsRegular() && !strings.HasPrefix(entry.Name(), ".") && !os.SameFile(about, written) {
				files = append(files, file{filepath.Join(path, entry.Name()), about.Size(), false})
			}
		}
	}
	alike := !slices.ContainsFunc(p.sections, func(s *section) bool { return !slices.Equal(s.Match, p.sections[0].Match) })
	used := make([]bool, len(files))
	for _, s := range p.sections {
		for i, f := range files {
			if s.matches(filepath.Base(f.path)) || f.named && alike {
				jobs, used[i] = append(jobs, job{s, f.path, f.size}), true
			}
		}
	}
	for i, f := range files {
		if used[i] {
			continue
		}
		if f.named {
			return nil, nil, fmt.Errorf("%s: the mapping %s has nothing for a file of this name; it has %s", f.path, p.name, p.patterns())
		}
		left = append(left, f.path)
	}
	if len(jobs) == 0 {
		return nil, nil, fmt.Errorf("no file that the mapping %s is for: it is for %s", p.name, p.patterns())
	}
	return jobs, left, nil
}

func (p *plan) patterns() string {
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
	file, err := os.Open(j.path)
	if err != nil {
		return nil, nil, err
	}
	r, err := j.read(&counted{file, progress})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", j.path, err), file.Close())
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
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(j.path, ".gz"))) {
	case ".vcf", ".vcard":
		return "vcard"
	case ".jsonl", ".ndjson", ".json":
		return "jsonl"
	}
	return "csv"
}

// counted adds up the bytes that are read.
type counted struct {
	fs.File
	sum *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.sum.Add(int64(n))
	return n, err
}
