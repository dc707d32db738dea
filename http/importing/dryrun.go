package importing

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// dry reads the files and says what each would become.
func (r *run) dry(ctx context.Context) error {
	r.say("mapping %s: %s", r.plan.name, r.plan.about)
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

func (g *glance) take(j *job, _ *row, commands []*Command, problems []error) error {
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
		g.commands[c.Name]++
		g.run.accepted[c.Name]++
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
	say := g.run.say
	switch {
	case g.commands == nil || g.job == nil && len(g.commands) == 0:
		return
	case g.job == nil:
		say("once")
	default:
		say("%s as %s: %d rows, %d rejected", g.job.path, g.job.section.Name, g.rows, g.rejected)
	}
	for _, name := range sortedNames(g.commands) {
		say("  %7d %s", g.commands[name], name)
	}
	reasons := sortedNames(g.reasons)
	slices.SortStableFunc(reasons, func(a, b string) int { return g.reasons[b] - g.reasons[a] })
	for _, reason := range reasons[:min(len(reasons), reasonsShown)] {
		say("  %7d × rejected: %s", g.reasons[reason], reason)
	}
	for i, example := range g.examples {
		say("  example %d\n%s", i+1, strings.TrimSuffix(example, "\n"))
	}
}
