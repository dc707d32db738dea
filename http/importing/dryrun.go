package importing

import (
	"context"
	"slices"
	"sync/atomic"
)

// Glance is what one file would become.
type Glance struct {
	File     string         `json:"file,omitempty" doc:"The file; absent of what happens once, whatever the files hold."`
	Section  string         `json:"section" doc:"What the mapping calls files like it."`
	Rows     int64          `json:"rows"`
	Rejected int64          `json:"rejected" doc:"Rows that are wrong before anything is asked of the CRM, which may refuse more."`
	Commands map[string]int `json:"commands" doc:"What the rows ask, by name."`
	Reasons  []Reason       `json:"reasons" nullable:"false" doc:"Why rows are rejected, the most frequent first."`
	Examples [][]string     `json:"examples" nullable:"false" doc:"What the first rows ask, as elements of POST /v1/commands."`

	job     *job
	reasons map[string]int64
}

// Reason is why rows are rejected.
type Reason struct {
	Reason string `json:"reason"`
	Rows   int64  `json:"rows"`
}

// Of a glance.
const (
	examplesShown = 3 // rows
	reasonsShown  = 10
	reasonsKept   = 1000
)

// DryRun reads the files and says what each would become. Nil each is not told of
// the rows that are wrong.
func (p *Plan) DryRun(ctx context.Context, files []File, each func(Result) error) ([]Glance, error) {
	jobs, err := p.jobs(files)
	if err != nil {
		return nil, err
	}
	var all []Glance
	var bytes atomic.Int64
	err = rows(ctx, p, jobs, &bytes, func(of *row, commands []*Command, problems []error) error {
		if len(all) == 0 || of.job != nil && all[len(all)-1].job != of.job {
			all = append(all, glanceOf(of))
		}
		all[len(all)-1].add(commands, problems, of.file >= 0)
		for _, problem := range problems {
			of.reject("%s", problem.Error())
		}
		if each == nil || len(problems) == 0 {
			return nil
		}
		return each(of.result())
	})
	if len(all) > 0 && all[0].File == "" && len(all[0].Commands) == 0 {
		all = all[1:] // nothing happens once
	}
	for i := range all {
		all[i].finish()
	}
	return all, err
}

func glanceOf(of *row) Glance {
	g := Glance{Section: "once", Commands: map[string]int{}, Examples: [][]string{}, job: of.job, reasons: map[string]int64{}}
	if of.job != nil {
		g.File, g.Section = of.name, of.job.section.Name
	}
	return g
}

func (g *Glance) add(commands []*Command, problems []error, counts bool) {
	if counts {
		g.Rows++
	}
	if len(problems) > 0 {
		g.Rejected++
	}
	for _, problem := range problems {
		if _, known := g.reasons[problem.Error()]; known || len(g.reasons) < reasonsKept {
			g.reasons[problem.Error()]++
		}
	}
	for _, c := range commands {
		g.Commands[c.Name]++
	}
	if len(commands) == 0 || len(g.Examples) == examplesShown {
		return
	}
	example := make([]string, len(commands))
	for i, c := range commands {
		example[i] = string(c.append(nil))
	}
	g.Examples = append(g.Examples, example)
}

// finish puts the reasons in order.
func (g *Glance) finish() {
	g.Reasons = []Reason{}
	for _, reason := range sortedNames(g.reasons) {
		g.Reasons = append(g.Reasons, Reason{reason, g.reasons[reason]})
	}
	slices.SortStableFunc(g.Reasons, func(a, b Reason) int { return int(b.Rows - a.Rows) })
	g.Reasons = g.Reasons[:min(len(g.Reasons), reasonsShown)]
}
