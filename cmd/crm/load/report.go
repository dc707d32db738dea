package load

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// reads are the operations that leave no event.
var reads = []string{"card", "list", "timeline", "board"}

// The lines that sum others up.
const (
	allCommands = "all commands"
	allReads    = "all reads"
)

// Report is what a run found, with the settings it was found under.
type Report struct {
	Options  Options
	Commands float64 // per second
	Reads    float64 // per second
	Lines    []Line
	Failures map[string]int
	total    Line // of commands and reads together
}

// Line is the latency of one operation, or of all commands or reads together.
type Line struct {
	Name          string
	Count         int
	PerSecond     float64
	P50, P99, Max time.Duration
}

func newReport(o Options, workers []*worker) *Report {
	r := &Report{Options: o, Failures: map[string]int{}}
	samples := map[string][]time.Duration{}
	for _, w := range workers {
		for name, took := range w.samples {
			samples[name] = append(samples[name], took...)
		}
		for failure, times := range w.failures {
			r.Failures[failure] += times
		}
	}
	var commands, answers, all []time.Duration
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		r.Lines = append(r.Lines, r.summed(name, samples[name]))
		switch {
		case slices.Contains(reads, name):
			answers = append(answers, samples[name]...)
		case name != "visible": // its latency is that of the read
			commands = append(commands, samples[name]...)
		}
	}
	if len(commands) > 0 {
		r.Lines = append(r.Lines, r.summed(allCommands, commands))
	}
	if len(answers) > 0 {
		r.Lines = append(r.Lines, r.summed(allReads, answers))
	}
	if all = append(append(all, commands...), answers...); len(all) > 0 {
		r.total = r.summed("all", all)
	}
	r.Commands, r.Reads = r.rate(len(commands)), r.rate(len(answers))
	return r
}

func (r *Report) summed(name string, samples []time.Duration) Line {
	slices.Sort(samples)
	at := func(percent int) time.Duration { return samples[(len(samples)-1)*percent/100] }
	return Line{Name: name, Count: len(samples), P50: at(50), P99: at(99), Max: samples[len(samples)-1], PerSecond: r.rate(len(samples))}
}

// line is the one of that name; empty where nothing was asked of it.
func (r *Report) line(name string) Line {
	for _, line := range r.Lines {
		if line.Name == name {
			return line
		}
	}
	return Line{}
}

func (r *Report) rate(count int) float64 { return float64(count) / r.Options.Duration.Seconds() }

// Print writes the report for a person.
func (r *Report) Print(to io.Writer) error {
	out := &strings.Builder{}
	r.print(out)
	_, err := io.WriteString(to, out.String())
	return err
}

func (r *Report) print(out *strings.Builder) {
	o := r.Options
	rate := "as fast as answered (closed loop)"
	if o.Rate > 0 {
		rate = fmt.Sprintf("%d/s (open loop, latency from the due instant)", o.Rate)
	}
	fmt.Fprintf(out, "server %s · %d clients · %s after %s warm-up · rate %s\nmix %s · seed %d · %s\n\n",
		o.Server, o.Clients, o.Duration, o.Warmup, rate, o.Mix, o.Seed, machine())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "operation\tcount\tper second\tp50\tp99\tmax\t")
	for _, line := range r.Lines {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.0f\t%s\t%s\t%s\t\n", line.Name, line.Count, line.PerSecond,
			millis(line.P50), millis(line.P99), millis(line.Max))
	}
	_ = table.Flush() // a builder takes everything
	for _, failure := range slices.Sorted(maps.Keys(r.Failures)) {
		fmt.Fprintf(out, "failed %d times: %s\n", r.Failures[failure], failure)
	}
}

// machine is what it ran on.
func machine() string {
	return fmt.Sprintf("%s %s/%s, %d CPUs shared with the server", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
