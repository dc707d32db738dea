package http

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/http/answers"
)

// outcome is what became of a command: a receipt, or a problem.
type outcome struct {
	receipt  domain.Receipt
	problem  *Problem
	replayed bool // an earlier request with the same key was answered so
}

// decide has commands decided, an answer for each.
type decide func(ctx context.Context, asks []commands.Ask) []commands.Answer

// carryOut answers commands, in their order, or gives the answers that they got
// before. The same command twice gets one answer.
func (s *Server) carryOut(ctx context.Context, asks []*ask, decide decide) []outcome {
	outcomes := make([]outcome, len(asks))
	twins, todo := s.recall(ctx, asks, outcomes)
	defer func() { // the unanswered ones; all of them in a panic
		for _, i := range todo {
			if a := asks[i]; a.key != "" {
				s.cfg.Answers.Free(a.Meta.Command.ID)
			}
		}
	}()
	unanswered := todo[:0:0]
	list := make([]commands.Ask, len(todo))
	for k, i := range todo {
		list[k] = asks[i].Ask
	}
	for k, answer := range decide(ctx, list) {
		i := todo[k]
		outcomes[i] = outcome{receipt: answer.Receipt, replayed: answer.Replayed}
		if answer.Err != nil {
			outcomes[i] = outcome{problem: problemOf(ctx, answer.Err)}
		}
		if !s.remember(ctx, asks[i], answer.Err, outcomes[i]) {
			unanswered = append(unanswered, i)
		}
	}
	todo = unanswered
	for i, first := range twins {
		outcomes[i] = outcomes[first]
		outcomes[i].problem = outcomes[first].problem.clone()
		outcomes[i].replayed = true
	}
	return outcomes
}

// alone decides the command of a request of its own.
func (s *Server) alone(ctx context.Context, asks []commands.Ask) []commands.Answer {
	if len(asks) == 0 {
		return nil
	}
	return []commands.Answer{s.cfg.Commands.Answer(ctx, asks[0])}
}

// recall fills in what is answered already, and tells which commands are to be
// carried out, and which are another one a second time.
func (s *Server) recall(ctx context.Context, asks []*ask, outcomes []outcome) (twins map[int]int, todo []int) {
	var refs []domain.CommandRef
	var keyed []int
	first := map[uuid.UUID]int{}
	for i, a := range asks {
		id := a.Meta.Command.ID
		earlier, again := 0, false
		if a.key != "" && len(asks) > 1 {
			earlier, again = first[id]
		}
		switch {
		case a.key == "":
			todo = append(todo, i)
		case again && asks[earlier].Meta.Command.Fingerprint != a.Meta.Command.Fingerprint:
			outcomes[i].problem = problemOf(ctx, domain.ErrKeyReused)
		case again:
			if twins == nil {
				twins = map[int]int{}
			}
			twins[i] = earlier
		default:
			first[id] = i
			refs, keyed = append(refs, a.Meta.Command), append(keyed, i)
		}
	}
	if len(refs) == 0 {
		return twins, todo
	}
	begun := s.cfg.Answers.Begin(ctx, refs...)
	ready := make([]bool, len(asks))
	for _, i := range todo {
		ready[i] = true
	}
	for k, standing := range begun {
		i := keyed[k]
		switch known, ok := asks[i].known(ctx, standing.Answer); {
		case standing.Err != nil:
			outcomes[i].problem = problemOf(ctx, standing.Err)
		case ok:
			outcomes[i] = known
		default: // also what this program cannot say again: decided once more
			ready[i] = true
		}
	}
	todo = todo[:0]
	for i := range asks {
		if ready[i] {
			todo = append(todo, i)
		}
	}
	return twins, todo
}

// words are what a refusal said, beside its kind.
type words struct {
	Detail    string  `json:"detail"`
	RequestID string  `json:"request_id,omitempty"`
	Errors    []Fault `json:"errors,omitempty"`

	Conflicts []Conflict `json:"conflicts,omitempty"`
}

// seal is what the words of a refusal are sealed with: the key, and what its caller may
// see. Who may see less now, or more, under the same name is not shown what was said
// before; the command is decided for them once more.
func (a *ask) seal(ctx context.Context) string {
	asks := principalOf(ctx)
	return a.key + "\x00" + asks.Scope.String() + "\x00" + strconv.FormatBool(asks.Personal)
}

// known is the outcome that was remembered, and false when there is none, or none
// that can be read.
func (a *ask) known(ctx context.Context, given *answers.Answer) (outcome, bool) {
	if given == nil {
		return outcome{}, false
	}
	if given.Problem == "" {
		return outcome{receipt: given.Receipt, replayed: true}, true
	}
	text, err := answers.Unseal(given.Command, a.seal(ctx), a.body, given.Words)
	if err != nil {
		return outcome{}, false
	}
	var said words
	if json.Unmarshal(text, &said) != nil {
		return outcome{}, false
	}
	return outcome{replayed: true, problem: &Problem{
		Type: "/problems/" + given.Problem, Title: titleOf(given.Problem), Status: given.Status,
		Detail: said.Detail, RequestID: said.RequestID, Errors: said.Errors, Conflicts: said.Conflicts,
	}}, true
}

// remember notes the answer to a command with a key, and reports false where its
// key stays free.
func (s *Server) remember(ctx context.Context, a *ask, err error, o outcome) bool {
	if a.key == "" {
		return false
	}
	answer := answers.Answer{Command: a.Meta.Command.ID, Fingerprint: a.Meta.Command.Fingerprint, Status: a.status(), Receipt: o.receipt}
	if err != nil {
		refusal, ok := decided(err)
		if !ok {
			return false
		}
		text, err := json.Marshal(words{
			Detail: o.problem.Detail, RequestID: o.problem.RequestID, Errors: o.problem.Errors, Conflicts: o.problem.Conflicts,
		})
		if err == nil {
			answer.Words, err = answers.Seal(answer.Command, a.seal(ctx), a.body, text)
		}
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "a refusal cannot be remembered", slog.Any("error", err))
			return false
		}
		answer.Status, answer.Problem = o.problem.Status, refusal.Slug
	}
	s.cfg.Answers.Finish(answer)
	return true
}

// decided gives the refusal in an error if it is an answer to the command, and not
// to who asked, to a condition, or about this server.
func decided(err error) (*domain.Error, bool) {
	refusal, ok := errors.AsType[*domain.Error](err)
	if !ok || refusal == domain.ErrKeyReused {
		return nil, false
	}
	switch refusal.Code {
	case domain.Invalid, domain.NotFound, domain.Conflict:
		return refusal, true
	default:
		return nil, false
	}
}

// clone is the problem for a second place to point from.
func (p *Problem) clone() *Problem {
	if p == nil {
		return nil
	}
	same := *p
	same.Errors = append([]Fault(nil), p.Errors...)
	return &same
}

// within puts the problem's pointers below prefix, as domain.Within does.
func (p *Problem) within(prefix string) {
	for i := range p.Errors {
		p.Errors[i].Pointer = prefix + p.Errors[i].Pointer
	}
}
