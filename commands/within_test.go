package commands_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/product"
)

// asked by somebody who may see one owner's rows.
func within(owner string, a commands.Ask) commands.Ask {
	a.Within = staff(owner)
	return a
}

// twoOwners are a company of which eve has a customer and a deal, and joe too.
func twoOwners(t *testing.T, h *commands.Handler) {
	t.Helper()
	company(t, h)
	news := consent.Key{Purpose: "news", Channel: consent.Email}
	do(t, h, ask("o0", id("joe"), employee.Register{Details: employee.Details{Name: "Joe"}}))
	for _, owner := range []string{"eve", "joe"} {
		registered := register(owner + "'s")
		registered.Owner = staff(owner)
		registered.ContactPoints = []customer.ContactPoint{{
			ID: domain.ContactPointID{UUID: id(owner + "-mail")}, Kind: customer.Email, Typed: "a@b.example", Normalized: "a@b.example",
		}}
		for i, a := range []commands.Ask{
			ask("", id(owner+"-customer"), registered),
			ask("", id(owner+"-organization"), customer.Register{Kind: customer.Organization, Details: customer.Details{Name: "O"}, Owner: staff(owner)}),
			ask("", id(owner+"-deal"), deal.Open{Title: "T", Owner: staff(owner), LineItems: []deal.LineItem{{ID: line(owner), Product: article("lamp")}}}),
			ask("", id(owner+"-customer"), consent.Grant{Key: news}),
			ask("", id(owner+"-customer"), interaction.Log{ID: domain.InteractionID{UUID: id(owner + "-call")}, Details: interaction.Details{Channel: interaction.Call}}),
		} {
			a.Meta.Command.ID = id(fmt.Sprint(owner, i))
			do(t, h, a)
		}
	}
}

// What another owner has is answered as what does not exist, whatever is asked of it
// and on what condition; what is one's own is answered as to anybody.
func TestAnotherOwnersIsNotThere(t *testing.T) {
	t.Parallel()
	news := consent.Key{Purpose: "news", Channel: consent.Email}
	orders := func(owner string) map[string]domain.Command {
		call := domain.InteractionID{UUID: id(owner + "-call")}
		point := domain.ContactPointID{UUID: id(owner + "-mail")}
		return map[string]domain.Command{
			"details":        customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: customer.Details{JobTitle: "Dr"}}},
			"already so":     customer.Restore{},
			"owner":          customer.AssignOwner{Owner: staff("eve")},
			"part":           customer.VerifyContactPoint{ID: point},
			"missing part":   customer.RemoveContactPoint{ID: domain.ContactPointID{UUID: id("none")}},
			"invalid":        customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: customer.Details{Language: "?"}}},
			"link":           customer.LinkToOrganization{Link: customer.Link{Organization: person("eve-organization"), Relation: customer.WorksAt}},
			"consent":        consent.Withdraw{Key: news},
			"consent is so":  consent.Grant{Key: news},
			"interaction":    interaction.Amend{ID: call, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Subject: "S"}}},
			"deal":           deal.Win{},
			"deal, rule":     deal.Reopen{},
			"deal, item":     deal.RemoveLineItem{ID: line(owner)},
			"deal, no stage": deal.ChangeStage{Stage: deal.Stage{ID: "none"}},
			"deal's owner":   deal.AssignOwner{Owner: staff("eve")},
		}
	}
	none := domain.Revision(0)
	late := domain.Revision(7)
	for name := range orders("joe") {
		for _, match := range []*domain.Revision{nil, &none, &late} {
			h := commands.New(newLedger(), commands.Config{})
			twoOwners(t, h)
			answer := func(owner, what string) (domain.Receipt, error) {
				command := orders(owner)[name]
				target := id(owner + "-customer")
				if _, ok := command.(deal.Command); ok {
					target = id(owner + "-deal")
				}
				a := within("eve", ask(what, target, command))
				a.IfMatch = match
				return h.Do(t.Context(), a)
			}
			theirs, err := answer("joe", "theirs")
			_, missing := answer("nobody", "missing")
			if err == nil || fmt.Sprint(err) != fmt.Sprint(missing) || theirs != (domain.Receipt{}) {
				t.Errorf("%s, If-Match %v: of another owner %v, of nobody %v", name, match, err, missing)
			}
			own, err := answer("eve", "own")
			if refusal, ok := errors.AsType[*domain.Error](err); err != nil && (!ok || refusal.Code == domain.NotFound && name != "missing part") {
				t.Errorf("%s, If-Match %v: of one's own %v", name, match, err)
			} else if match == nil && err == nil && own.Position.IsZero() {
				t.Errorf("%s: the receipt is %v", name, own)
			}
		}
	}
}

// References to what is another owner's lead nowhere, too.
func TestAReferenceToAnotherOwners(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	twoOwners(t, h)
	call := interaction.Details{Channel: interaction.Call}
	for name, order := range map[string]func(owner string) (uuid.UUID, domain.Command){
		"deal's customer": func(owner string) (uuid.UUID, domain.Command) {
			return id("new-" + owner), deal.Open{Title: "T", Customer: person(owner + "-customer")}
		},
		"deal linked": func(owner string) (uuid.UUID, domain.Command) {
			return id("eve-deal"), deal.LinkCustomer{Customer: person(owner + "-customer")}
		},
		"organization": func(owner string) (uuid.UUID, domain.Command) {
			return id("eve-customer"), customer.LinkToOrganization{Link: customer.Link{Organization: person(owner + "-organization"), Relation: customer.WorksAt}}
		},
		"interaction's deal": func(owner string) (uuid.UUID, domain.Command) {
			details := call
			details.Deal = dealID(owner + "-deal")
			return id("eve-customer"), interaction.Log{ID: domain.InteractionID{UUID: id("i-" + owner)}, Details: details}
		},
	} {
		answers := map[string]string{}
		for _, owner := range []string{"joe", "nobody", "eve"} {
			target, command := order(owner)
			_, err := h.Do(t.Context(), within("eve", ask(name+owner, target, command)))
			named := map[string]string{}
			for _, what := range []string{"-customer", "-organization", "-deal"} {
				named[id(owner+what).String()] = what
			}
			answers[owner] = fmt.Sprint(err)
			for id, what := range named {
				answers[owner] = strings.ReplaceAll(answers[owner], id, what)
			}
			if (err == nil) != (owner == "eve") {
				t.Errorf("%s of %s: %v", name, owner, err)
			}
		}
		if answers["joe"] != answers["nobody"] {
			t.Errorf("%s: of another owner %s, of nobody %s", name, answers["joe"], answers["nobody"])
		}
	}
}

// What is created without an owner is the creator's, who then sees it; and gone from
// sight when it is handed over, though the same command sent again is answered alike.
func TestWhatIsCreatedIsOnesOwn(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	twoOwners(t, h)
	do(t, h, within("eve", ask("1", id("n"), register("N"))))
	do(t, h, within("eve", ask("2", id("m"), deal.Open{Title: "M", Customer: person("n")})))
	do(t, h, within("eve", ask("3", id("m"), deal.Win{})))
	over := within("eve", ask("4", id("n"), customer.AssignOwner{Owner: staff("joe")}))
	receipt := do(t, h, over)
	if again := do(t, h, over); again != receipt {
		t.Errorf("the receipt is %v, and again %v", receipt, again)
	}
	if _, err := h.Do(t.Context(), within("eve", ask("5", id("n"), customer.Archive{}))); !errors.Is(err, customer.ErrUnknown) {
		t.Errorf("after it was handed over: %v", err)
	}
	do(t, h, within("joe", ask("6", id("n"), customer.Archive{})))
	if _, err := h.Do(t.Context(), within("eve", ask("7", id("joe-customer"), register("N")))); !errors.Is(err, customer.ErrAlreadyRegistered) {
		t.Errorf("an id that is taken: %v", err)
	}
	// What has no owners is for nobody who sees one owner's only.
	if _, err := h.Do(t.Context(), within("eve", ask("8", id("lamp"), product.Retire{}))); err == nil {
		t.Error("a product is changed")
	}
}
