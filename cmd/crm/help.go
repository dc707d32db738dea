package main

import (
	"slices"

	"github.com/alecthomas/kong"
)

// printHelp is kong's help, but that a command which does something without a
// further word shows the flags of what it does.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if at := ctx.Selected(); at != nil && at.DefaultCmd != nil {
		flags := at.Flags
		at.Flags = slices.Concat(flags, at.DefaultCmd.Flags)
		at.DefaultCmd.Hidden = true
		defer func() { at.Flags, at.DefaultCmd.Hidden = flags, false }()
	}
	return kong.DefaultHelpPrinter(options, ctx)
}
