package main

import (
	"fmt"
	"runtime/debug"
)

// version is `crm version`.
type version struct{}

// Run prints the version, the revision it was built from and the compiler.
func (version) Run(std streams) error {
	revision, compiler := "unknown revision", "unknown compiler"
	if build, ok := debug.ReadBuildInfo(); ok {
		compiler = build.GoVersion
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}
	_, err := fmt.Fprintf(std.out, "crm %s (%s, %s)\n", buildVersion(), revision, compiler)
	return err
}

// buildVersion is the version of this program, as far as its build knows it.
func buildVersion() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return build.Main.Version
}
