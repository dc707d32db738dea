package undo

import (
	"slices"
	"strings"

	"crm/domain/consent"
)

func consentView(s consent.State) fields {
	f := fields{}
	for key, answer := range s.Answers {
		f.set(key.String(), answer)
	}
	return f
}

// endsStay is why what ends a consent is not taken back.
const endsStay = "what forbids contact stays, so that nobody is contacted who may have said no"

// planConsents gives each consent that the import wrote last its earlier standing, and
// never one that permits more than there is now.
func planConsents(l *life, p *Plan) {
	c := compare(l, consent.Decider, consentView)
	if l.created && !slices.Contains(l.authors, other) {
		p.Outcome = Ended
	}
	for _, name := range c.mine(p) {
		purpose, channel, _ := strings.Cut(name, ":")
		key := consent.Key{Purpose: purpose, Channel: consent.Channel(channel)}
		now, before := c.now.Answers[key], c.without.Answers[key]
		if now.Objected && !before.Objected {
			p.keep(name, endsStay)
		}
		if c.last[name] == undoing {
			if before.Status == consent.StatusRequested && now.Status == consent.StatusExpired {
				p.ask(consent.Request{Key: key, Evidence: before.Evidence})
			}
			continue
		}
		if now.Status != consent.StatusGranted && now.Status != consent.StatusRequested {
			if !now.Objected || before.Objected { // else it is named above
				p.keep(name, endsStay)
			}
			continue
		}
		if before.Objected && !now.Objected {
			p.ask(consent.Object{Key: key})
		}
		switch before.Status {
		case consent.StatusGranted:
			if now.Status != consent.StatusGranted {
				p.keep(name, endsStay)
				continue
			}
			p.ask(consent.Grant{Key: key, Evidence: before.Evidence})
		case consent.StatusRequested:
			p.ask(consent.Expire{Key: key}, consent.Request{Key: key, Evidence: before.Evidence})
		case consent.StatusWithdrawn:
			p.ask(consent.Withdraw{Key: key})
		case consent.StatusObjected:
			p.ask(consent.Object{Key: key})
		default:
			p.ask(consent.Expire{Key: key})
		}
	}
}
