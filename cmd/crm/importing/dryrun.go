package importing

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// dry reads the files and says what each would become.
func (r *run) dry(ctx context.Context) error {
	fmt.Fprintf(r.options.Out, "mapping %s: %s\n", r.plan.name, r.plan.about)
	g := &glance{run: r}
	err := r.rows(ctx, g.take)
	g.tell()
	return err
}

// glance is what one file would become.
type glance struct {
	run      *run
	job      *job
	rows     int
	rejected int
	commands map[string]int
	reasons  map[string]int
	examples []string
}

const examplesShown = 3 // rows

func (g *glance) take(j *job, _ *row, commands []*command, problems []error) error {
	if j != g.job {
		g.tell()
		*g = glance{run: g.run, job: j}
	}
	if g.commands == nil {
		g.commands, g.reasons = map[string]int{}, map[string]int{}
	}
	if j != nil {
		g.rows++
	}
	for _, problem := range problems {
		if _, known := g.reasons[problem.Error()]; known || len(g.reasons) < reasonsKept {
			g.reasons[problem.Error()]++
		}
	}
	if len(problems) > 0 {
		g.rejected++
	}
	for _, c := range commands {
		g.commands[c.name]++
		g.run.accepted[c.name]++
	}
	if len(commands) > 0 && len(g.examples) < examplesShown {
		var example strings.Builder
		for _, c := range commands {
			fmt.Fprintf(&example, "    %s\n", c.append(nil))
		}
		g.examples = append(g.examples, example.String())
	}
	return nil
}

// tell writes it down.
func (g *glance) tell() {
	out := g.run.options.Out
	switch {
	case g.commands == nil || g.job == nil && len(g.commands) == 0:
		return
	case g.job == nil:
		fmt.Fprintf(out, "once\n")
	default:
		fmt.Fprintf(out, "%s as %s: %d rows, %d rejected\n", g.job.path, g.job.section.Name, g.rows, g.rejected)
	}
	for _, name := range sortedNames(g.commands) {
		fmt.Fprintf(out, "  %7d %s\n", g.commands[name], name)
	}
	reasons := sortedNames(g.reasons)
	slices.SortStableFunc(reasons, func(a, b string) int { return g.reasons[b] - g.reasons[a] })
	for _, reason := range reasons[:min(len(reasons), reasonsShown)] {
		fmt.Fprintf(out, "  %7d × rejected: %s\n", g.reasons[reason], reason)
	}
	for i, example := range g.examples {
		fmt.Fprintf(out, "  example %d\n%s", i+1, example)
	}
}
