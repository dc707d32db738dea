//go:build ignore

// Command sbom says what a Go binary is made of, as CycloneDX JSON: the compiler's
// library and the modules that the binary's own build information names, with their
// versions, hashes and licenses. It asks the binary and not go.mod, which also names
// what only tests and tools need. The same binary gives the same bytes.
//
//	go run -modfile=.ci/api.mod .ci/sbom.go BINARY > FILE
//
// A license is read in the module's folder in the module cache, where the build has
// put it. A module without one that is known ends the command: nobody may pass on
// what they may not use.
package main

import (
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licensecheck"
	"golang.org/x/mod/module"
)

func main() {
	if err := write(os.Args[1], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// write writes what the binary is made of, and for people how often there is which
// license.
func write(binary string, out, summary io.Writer) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return err
	}
	std := cdx.Component{
		BOMRef: "pkg:golang/std@" + info.GoVersion, Type: cdx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion,
		PackageURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"), Licenses: licenses([]string{"BSD-3-Clause"}),
	}
	components, counts := []cdx.Component{std}, map[string]int{"BSD-3-Clause": 1}
	var errs []error
	for _, dependency := range info.Deps {
		if dependency.Replace != nil {
			dependency = dependency.Replace
		}
		found, err := licensesOf(strings.TrimSpace(string(cache)), dependency)
		errs = append(errs, err)
		for _, id := range found {
			counts[id]++
		}
		components = append(components, component(dependency, found))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = "" // a random one would make other bytes each time
	bom.Metadata = &cdx.Metadata{Component: &cdx.Component{
		BOMRef: info.Main.Path, Type: cdx.ComponentTypeApplication, Name: info.Main.Path, Version: info.Main.Version,
	}}
	bom.Components = &components
	for _, id := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	}) {
		fmt.Fprintf(summary, "%4d %s\n", counts[id], id)
	}
	return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
}

func component(of *debug.Module, found []string) cdx.Component {
	url := "pkg:golang/" + of.Path + "@" + of.Version
	c := cdx.Component{
		BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: of.Path, Version: of.Version, PackageURL: url, Licenses: licenses(found),
	}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(of.Sum, "h1:")); err == nil && len(sum) > 0 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return c
}

func licenses(found []string) *cdx.Licenses {
	var all cdx.Licenses
	for _, id := range found {
		all = append(all, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	return &all
}

// licensesOf are the licenses of a module by their SPDX ids, sorted.
func licensesOf(cache string, of *debug.Module) ([]string, error) {
	path, err := module.EscapePath(of.Path)
	if err != nil {
		return nil, err
	}
	version, err := module.EscapeVersion(of.Version)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, path+"@"+version)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; go mod download brings it", err)
	}
	found := map[string]bool{}
	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		if entry.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING"}, func(of string) bool { return strings.HasPrefix(name, of) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		for _, match := range licensecheck.Scan(text).Match {
			if !match.IsURL {
				found[match.ID] = true
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s@%s has no license that is known", of.Path, of.Version)
	}
	return slices.Sorted(maps.Keys(found)), nil
}
