package readmodels_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/interaction"
	"crm/projections/readmodels"
)

func checkOwners(t *testing.T, m readmodels.Models, then *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	type activity struct {
		readmodels.OwnerActivity
		channels map[interaction.Channel]int64
		value    purse
		talks    map[interactionKey]bool
	}
	found := reportLines[activity]{}
	at := func(owner domain.EmployeeID, id uuid.UUID) *activity {
		a := found.at(idKey(owner), then.employees[owner].Name.Plain(), id)
		if a.channels == nil {
			a.channels, a.value, a.talks = map[interaction.Channel]int64{}, purse{}, map[interactionKey]bool{}
		}
		return a
	}
	for key, i := range then.interactions {
		if has(period, i.at) {
			a := at(i.Employee, key.customer)
			a.Interactions++
			a.channels[i.Channel]++
			a.talks[key] = true
		}
	}
	deals := reportLines[struct{}]{}
	for id, d := range then.deals {
		if has(period, d.opened) {
			at(d.Owner, id).Opened++
			deals.at(idKey(d.Owner), "", id)
		}
		if d.Status != deal.Running && has(period, d.closed) {
			a := at(d.creditedTo, id)
			a.Won += one(d.Status == deal.IsWon)
			a.Lost += one(d.Status == deal.IsLost)
			a.value.add(d.value())
			deals.at(idKey(d.creditedTo), "", id)
		}
	}
	q := readmodels.OwnersQuestion{Period: period, AsOf: asOf}
	var want []readmodels.OwnerActivity
	for _, key := range found.keys() {
		a := found[key].of
		a.Key, a.Name, a.Value = key, found[key].name, a.value.list()
		for _, channel := range []interaction.Channel{interaction.Call, interaction.Email, interaction.Meeting} {
			if n := a.channels[channel]; n > 0 {
				a.Channels = append(a.Channels, readmodels.ChannelCount{Channel: channel, Count: n})
			}
		}
		want = append(want, a.OwnerActivity)
		then.behindOnly(t, m, q.Behind(&key), func(e domain.Recorded) bool {
			id, _ := e.Stream.ID()
			switch event := e.Event.(type) {
			case interaction.Logged:
				return a.talks[interactionKey{id, event.ID}]
			case interaction.Amended: // of who took part, or how
				touches := interaction.DetailFields.Touches
				return a.talks[interactionKey{id, event.ID}] && (touches(event.Patch, "employee") || touches(event.Patch, "channel"))
			}
			of := deals[key]
			return of != nil && of.counts[id] && slices.Contains([]string{"deal.opened", "deal.owner_assigned", "deal.won", "deal.lost", "deal.reopened", "deal.voided"}, e.Event.EventType())
		})
	}
	same(t, want, must[[]readmodels.OwnerActivity](t)(m.Activity.Owners(t.Context(), q)))
}
