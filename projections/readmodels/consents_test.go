package readmodels_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/domain/consent"
	"crm/projections/readmodels"
)

func TestConsentStory(t *testing.T) {
	t.Parallel()
	w := newWorld()
	jane, john := customerID(1), customerID(2)
	mail := consent.Key{Purpose: "newsletter", Channel: consent.Email}
	calls := consent.Key{Purpose: "newsletter", Channel: consent.Phone}
	until := w.now.AddDate(1, 0, 0)
	w.must(t, w.consent(jane, consent.Request{Key: mail, Evidence: consent.Evidence{WordingVersion: "3", ExpiresAt: until}}))
	asked := w.now
	w.now = w.now.AddDate(0, 0, 1)
	w.must(t, w.consent(john, consent.Object{Key: mail}))
	w.must(t, w.consent(jane, consent.Confirm{Key: mail, Proof: "clicked"}))
	w.must(t, w.consent(john, consent.Grant{Key: calls}))
	confirmed := w.events[2]
	models, _ := w.build(t)

	got, err := models.Consents.Lookup(t.Context(), jane, mail, readmodels.AsOf{})
	if err != nil || got == nil {
		t.Fatalf("%v, %v", got, err)
	}
	if got.EventID != confirmed.ID || got.Position != confirmed.Position || got.Revision != 1 || !got.Since.Equal(confirmed.Meta.OccurredAt) {
		t.Errorf("it rests on the confirmation, not on %+v", got)
	}
	if !got.Confirmed || got.Evidence.WordingVersion != "3" || got.Evidence.Proof != "clicked" {
		t.Errorf("the evidence is %+v", got.Answer)
	}
	for name, story := range map[string]struct {
		at   time.Time
		want bool
	}{
		"now": {asked.AddDate(0, 0, 2), true}, "to the last moment": {until.Add(-time.Microsecond), true},
		"no longer": {until, false}, "long over": {until.AddDate(1, 0, 0), false},
	} {
		if got.Permits(story.at) != story.want {
			t.Errorf("%s: permits is %v", name, !story.want)
		}
	}
	if none, err := models.Consents.Lookup(t.Context(), jane, calls, readmodels.AsOf{}); err != nil || none != nil {
		t.Errorf("consent to one channel covers another: %+v, %v", none, err)
	}
	if no, err := models.Consents.Lookup(t.Context(), john, mail, readmodels.AsOf{}); err != nil || no.Permits(w.now) {
		t.Errorf("an objection permits: %v", err)
	}

	for name, story := range map[string]struct {
		at    time.Time
		janes consent.Status
	}{"before": {until.Add(-time.Second), consent.StatusGranted}, "after": {until, consent.StatusExpired}} {
		coverage, err := models.Consents.Coverage(t.Context(), readmodels.CoverageQuestion{Now: story.at})
		if err != nil {
			t.Fatal(err)
		}
		want := []readmodels.Coverage{{Key: mail, Status: consent.StatusObjected, Count: 1}, {Key: mail, Status: story.janes, Count: 1}, {Key: calls, Status: consent.StatusGranted, Count: 1}}
		if story.janes < consent.StatusObjected {
			want[0], want[1] = want[1], want[0]
		}
		if diff := cmp.Diff(want, coverage); diff != "" {
			t.Errorf("coverage %s it expired (-want +got)\n%s", name, diff)
		}
	}
}

func TestConsentPages(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var want []consent.Key
	for _, purpose := range []string{"a", "b"} {
		for _, channel := range []consent.Channel{consent.Email, consent.Phone, consent.Post} {
			key := consent.Key{Purpose: purpose, Channel: channel}
			want = append(want, key)
			w.must(t, w.consent(customerID(1), consent.Grant{Key: key}))
		}
	}
	models, _ := w.build(t)
	var got []consent.Key
	for question := asked(t, readmodels.ConsentList, "", "", 2); ; {
		page, err := models.Consents.Of(t.Context(), customerID(1), question, w.now)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Items {
			got = append(got, c.Key)
		}
		if page.Next == nil {
			break
		}
		question.After = *page.Next
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
