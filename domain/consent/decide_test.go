package consent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/domaintest"
)

type story = domaintest.Story[consent.Command, consent.Event]

func facts(events ...consent.Event) []consent.Event { return events }

var (
	newsletter = consent.Key{Purpose: "newsletter", Channel: consent.Email}
	calls      = consent.Key{Purpose: "newsletter", Channel: consent.Phone}

	evidence = consent.Evidence{
		LegalBasis: consent.ByConsent, WordingVersion: "2026-03", WordingHash: "c0ffee", CaptureSource: "checkout",
		ContactPoint: domain.ContactPointID{UUID: uuid.UUID{15: 1}}, Proof: "form 17",
		ExpiresAt: time.Date(2028, 11, 22, 9, 30, 0, 1000, time.UTC),
	}
	bare = consent.Evidence{LegalBasis: consent.ByConsent}

	requested = consent.Requested{Key: newsletter, Evidence: evidence}
	confirmed = consent.Confirmed{Key: newsletter, Proof: "clicked"}
	granted   = consent.Granted{Key: newsletter, Evidence: evidence}
	withdrawn = consent.Withdrawn{Key: newsletter}
	objected  = consent.Objected{Key: newsletter}
	expired   = consent.Expired{Key: newsletter}
)

// TestTransitions is the table of doc.go, cell by cell.
func TestTransitions(t *testing.T) {
	t.Parallel()
	commands := []consent.Command{
		consent.Request{Key: newsletter, Evidence: evidence},
		consent.Confirm{Key: newsletter, Proof: "clicked"},
		consent.Grant{Key: newsletter, Evidence: evidence},
		consent.Withdraw{Key: newsletter},
		consent.Object{Key: newsletter},
		consent.Expire{Key: newsletter},
	}
	type cell any // the event it leaves, the error that refuses it, or nil where it stays quiet
	none, unasked := consent.ErrMissing, consent.ErrNotRequested
	var stories []story
	for _, row := range []struct {
		from  string
		given []consent.Event
		cells [6]cell // Request, Confirm, Grant, Withdraw, Object, Expire
	}{
		{"(none)", nil, [6]cell{requested, unasked, granted, none, objected, none}},
		{"requested", facts(requested), [6]cell{nil, confirmed, granted, withdrawn, objected, expired}},
		{"confirmed", facts(requested, confirmed), [6]cell{nil, nil, granted, withdrawn, objected, expired}},
		{"granted", facts(granted), [6]cell{nil, unasked, nil, withdrawn, objected, expired}},
		{"withdrawn", facts(granted, withdrawn), [6]cell{requested, unasked, granted, nil, objected, nil}},
		{"objected", facts(objected), [6]cell{requested, unasked, granted, nil, nil, nil}},
		{"expired", facts(granted, expired), [6]cell{requested, unasked, granted, withdrawn, objected, nil}},
		{"request withdrawn", facts(requested, withdrawn), [6]cell{requested, unasked, granted, nil, objected, nil}},
		{"request expired", facts(requested, expired), [6]cell{requested, unasked, granted, withdrawn, objected, nil}},
		{"granted for another channel", facts(consent.Granted{Key: calls, Evidence: evidence}), [6]cell{requested, unasked, granted, none, objected, none}},
	} {
		for i, command := range commands {
			s := story{Name: row.from + " " + command.CommandName(), Given: row.given, When: command}
			switch cell := row.cells[i].(type) {
			case consent.Event:
				s.Then = facts(cell)
			case error:
				s.Refused = cell
			}
			stories = append(stories, s)
		}
	}
	domaintest.Run(t, consent.Decider, stories)
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	vienna := time.FixedZone("", 3600)
	elsewhere := evidence
	elsewhere.ExpiresAt = time.Date(2028, 11, 22, 10, 30, 0, 1999, vienna)
	newer := evidence
	newer.WordingVersion = "2026-11"
	legitimate, contract := consent.Evidence{LegalBasis: consent.ByLegitimateInterest}, consent.Evidence{LegalBasis: consent.ByContract}
	task := consent.Evidence{LegalBasis: consent.ByPublicTask}
	domaintest.Run(t, consent.Decider, []story{
		{Name: "rests on consent unless said otherwise", When: consent.Grant{Key: newsletter}, Then: facts(consent.Granted{Key: newsletter, Evidence: bare})},
		{Name: "the same in another zone stays quiet", Given: facts(granted), When: consent.Grant{Key: newsletter, Evidence: elsewhere}},
		{Name: "is stored in UTC to the microsecond", When: consent.Grant{Key: newsletter, Evidence: elsewhere}, Then: facts(granted)},
		{Name: "on a newer wording is a new grant", Given: facts(granted), When: consent.Grant{Key: newsletter, Evidence: newer}, Then: facts(consent.Granted{Key: newsletter, Evidence: newer})},
		{Name: "on a newer wording is a new request", Given: facts(requested), When: consent.Request{Key: newsletter, Evidence: newer}, Then: facts(consent.Requested{Key: newsletter, Evidence: newer})},
		{Name: "of a request is replaced by the grant's", Given: facts(requested), When: consent.Grant{Key: newsletter, Evidence: newer}, Then: facts(consent.Granted{Key: newsletter, Evidence: newer})},
		{Name: "on another basis is granted", When: consent.Grant{Key: newsletter, Evidence: contract}, Then: facts(consent.Granted{Key: newsletter, Evidence: contract})},
		{Name: "on another basis is not requested", When: consent.Request{Key: newsletter, Evidence: contract}, Refused: domain.ErrInvalid, At: "/legal_basis"},
		{Name: "on legitimate interest ends with an objection", Given: facts(objected), When: consent.Grant{Key: newsletter, Evidence: legitimate}, Refused: consent.ErrObjected},
		{Name: "on a public task ends with an objection", Given: facts(objected), When: consent.Grant{Key: newsletter, Evidence: task}, Refused: consent.ErrObjected},
		{
			Name: "on legitimate interest stays ended while consent is merely requested", Given: facts(objected, requested),
			When: consent.Grant{Key: newsletter, Evidence: legitimate}, Refused: consent.ErrObjected,
		},
		{
			Name: "on legitimate interest stays ended beside a contract", Given: facts(objected, consent.Granted{Key: newsletter, Evidence: contract}),
			When: consent.Grant{Key: newsletter, Evidence: legitimate}, Refused: consent.ErrObjected,
		},
		{
			Name: "on legitimate interest may follow consent", Given: facts(objected, requested, confirmed),
			When: consent.Grant{Key: newsletter, Evidence: legitimate}, Then: facts(consent.Granted{Key: newsletter, Evidence: legitimate}),
		},
		{
			Name: "on legitimate interest may follow a grant of consent", Given: facts(objected, granted, withdrawn),
			When: consent.Grant{Key: newsletter, Evidence: legitimate}, Then: facts(consent.Granted{Key: newsletter, Evidence: legitimate}),
		},
		{Name: "on a contract outlives an objection", Given: facts(objected), When: consent.Grant{Key: newsletter, Evidence: contract}, Then: facts(consent.Granted{Key: newsletter, Evidence: contract})},
		{Name: "on legitimate interest outlives a withdrawal", Given: facts(granted, withdrawn), When: consent.Grant{Key: newsletter, Evidence: legitimate}, Then: facts(consent.Granted{Key: newsletter, Evidence: legitimate})},
	})
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	var stories []story
	for _, key := range []struct {
		pointer string
		key     consent.Key
	}{
		{"/purpose", consent.Key{Channel: consent.Email}},
		{"/purpose", consent.Key{Purpose: "News Letter", Channel: consent.Email}},
		{"/channel", consent.Key{Purpose: "newsletter"}},
		{"/channel", consent.Key{Purpose: "newsletter", Channel: "pigeon"}},
	} {
		for _, command := range []consent.Command{
			consent.Request{Key: key.key},
			consent.Confirm{Key: key.key},
			consent.Grant{Key: key.key},
			consent.Withdraw{Key: key.key},
			consent.Object{Key: key.key},
			consent.Expire{Key: key.key},
		} {
			stories = append(stories, story{
				Name: command.CommandName() + " " + key.key.String(), When: command, Refused: domain.ErrInvalid, At: key.pointer,
			})
		}
	}
	long := strings.Repeat("x", domain.LongText+1)
	for _, wrong := range []struct {
		pointer  string
		evidence consent.Evidence
	}{
		{"/legal_basis", consent.Evidence{LegalBasis: "because"}},
		{"/wording_hash", consent.Evidence{WordingHash: "coffee"}},
		{"/wording_hash", consent.Evidence{WordingHash: strings.Repeat("0", 129)}},
		{"/expires_at", consent.Evidence{ExpiresAt: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))}},
		{"/wording_version", consent.Evidence{WordingVersion: long}},
		{"/capture_source", consent.Evidence{CaptureSource: "a\x00b"}},
		{"/proof", consent.Evidence{Proof: domain.Personal(long)}},
	} {
		stories = append(stories,
			story{Name: "grant with a wrong " + wrong.pointer, When: consent.Grant{Key: newsletter, Evidence: wrong.evidence}, Refused: domain.ErrInvalid, At: wrong.pointer},
			story{Name: "request with a wrong " + wrong.pointer, When: consent.Request{Key: newsletter, Evidence: wrong.evidence}, Refused: domain.ErrInvalid, At: wrong.pointer},
		)
	}
	stories = append(stories, story{
		Name: "confirm with bytes", Given: facts(requested), When: consent.Confirm{Key: newsletter, Proof: "\xff"}, Refused: domain.ErrInvalid, At: "/proof",
	})
	domaintest.Run(t, consent.Decider, stories)
}

// What was once granted must stay provable after it ended.
func TestEvidenceOutlivesTheConsent(t *testing.T) {
	t.Parallel()
	proven := evidence
	proven.Proof = "clicked"
	for name, test := range map[string]struct {
		history []consent.Event
		want    consent.Answer
	}{
		"confirmed":           {facts(requested, confirmed), consent.Answer{Status: consent.StatusGranted, Confirmed: true, Evidence: proven}},
		"without other proof": {facts(requested, consent.Confirmed{Key: newsletter}), consent.Answer{Status: consent.StatusGranted, Confirmed: true, Evidence: evidence}},
		"withdrawn":           {facts(requested, confirmed, withdrawn), consent.Answer{Status: consent.StatusWithdrawn, Confirmed: true, Evidence: proven}},
		"objected":            {facts(granted, objected), consent.Answer{Status: consent.StatusObjected, Objected: true, Evidence: evidence}},
		"expired":             {facts(granted, expired), consent.Answer{Status: consent.StatusExpired, Evidence: evidence}},
		"asked anew":          {facts(granted, withdrawn, requested), consent.Answer{Status: consent.StatusRequested, Evidence: evidence}},
		"granted anew":        {facts(requested, confirmed, withdrawn, granted), consent.Answer{Status: consent.StatusGranted, Evidence: evidence}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := consent.Decider.Fold(test.history...).Answers[newsletter]; got != test.want {
				t.Errorf("the answer is %+v, want %+v", got, test.want)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	for _, text := range []string{"newsletter:email", "a:sms", "newsletter", ":", "News:email", "a:b:c", "\x00:email"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := consent.ParseKey(text)
		if err != nil {
			if key != (consent.Key{}) {
				t.Errorf("%q is refused, and read as %v", text, key)
			}
			return
		}
		if key.String() != text {
			t.Errorf("%q is read as %v", text, key)
		}
		if _, err := consent.Decider.Decide(consent.Decider.Initial(), consent.Grant{Key: key}); err != nil {
			t.Errorf("%q is a key, and no consent can have it: %v", text, err)
		}
	})
}
