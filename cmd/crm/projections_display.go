package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"crm/projections"
)

// display says how far a rebuild or a verification is: a bar on a terminal, elsewhere
// a line every few seconds. It is told one thing at a time.
type display struct {
	out  io.Writer
	bar  *progressbar.ProgressBar // nil off a terminal
	last projections.Progress
	said time.Time
}

// How often something is said.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 3 * time.Second
)

// barParts is how finely the bar shows what part of the log was read.
const barParts = 1000

func newDisplay(out io.Writer) *display {
	d := &display{out: out}
	if isTerminal(out) {
		d.bar = progressbar.NewOptions(barParts, progressbar.OptionSetWriter(out), progressbar.OptionThrottle(barEvery),
			progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	return d
}

// tell shows a progress.
func (d *display) tell(p projections.Progress) {
	if len(p.Models) == 0 { // a server has just begun
		return
	}
	d.last = p
	doing := phases(p)
	if d.bar != nil {
		d.bar.Describe(doing + pace(p))
		_ = d.bar.Set(int(p.Done * (barParts - 1))) // a bar that cannot be drawn stops nothing
		return
	}
	if time.Since(d.said) < lineEvery {
		return
	}
	d.said = time.Now()
	_, _ = fmt.Fprintf(d.out, "%s: %.0f %%, %d events%s\n", doing, 100*p.Done, p.Events, pace(p))
}

// phases says what is done with which read models: "indexing deals, following
// customers +3".
func phases(p projections.Progress) string {
	var order []string
	in := map[string][]string{}
	for _, m := range p.Models {
		phase := string(m.Phase)
		if m.Trouble != "" {
			phase += " (" + string(m.Trouble) + ")"
		}
		if !slices.Contains(order, phase) {
			order = append(order, phase)
		}
		in[phase] = append(in[phase], m.Name)
	}
	for i, phase := range order {
		names := in[phase]
		order[i] = phase + " " + names[0]
		if len(names) > 1 {
			order[i] += fmt.Sprintf(" +%d", len(names)-1)
		}
	}
	return strings.Join(order, ", ")
}

// pace is how fast it goes, and how long it may still take.
func pace(p projections.Progress) string {
	if p.PerSecond < 1 || p.Done == 1 {
		return ""
	}
	text := fmt.Sprintf(", %.0f events/s", p.PerSecond)
	if p.LeftSeconds != nil {
		text += fmt.Sprintf(", %s left", time.Duration(*p.LeftSeconds*float64(time.Second)).Round(time.Second))
	}
	return text
}

// close takes the bar away, and gives what was told last.
func (d *display) close() projections.Progress {
	if d.bar != nil {
		_ = d.bar.Finish() // as above
		_ = d.bar.Clear()
	}
	return d.last
}
