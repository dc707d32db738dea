package interaction

import "crm/domain"

// Details are what is known of an interaction. A zero value is not known.
type Details struct {
	Channel      Channel           `json:"channel,omitempty"` // every interaction has one
	Direction    Direction         `json:"direction,omitempty"`
	Participants []domain.Personal `json:"participants,omitempty"`
	Subject      domain.Personal   `json:"subject,omitempty"`
	Note         domain.Personal   `json:"note,omitempty"`
	Reaction     Reaction          `json:"reaction,omitempty"`
	Mood         Mood              `json:"mood,omitempty"`
	Duration     int64             `json:"duration_seconds,omitempty"`
	Deal         domain.DealID     `json:"deal,omitzero"`
	Employee     domain.EmployeeID `json:"employee,omitzero"` // who of us took part
}

// DetailFields are the details that a patch may name.
var DetailFields = domain.Fields[Details]{
	domain.FieldOf("channel", func(d *Details) *Channel { return &d.Channel }),
	domain.FieldOf("direction", func(d *Details) *Direction { return &d.Direction }),
	domain.ListField("participants", func(d *Details) *[]domain.Personal { return &d.Participants }),
	domain.FieldOf("subject", func(d *Details) *domain.Personal { return &d.Subject }),
	domain.LongTextField("note", func(d *Details) *domain.Personal { return &d.Note }),
	domain.FieldOf("reaction", func(d *Details) *Reaction { return &d.Reaction }),
	domain.FieldOf("mood", func(d *Details) *Mood { return &d.Mood }),
	domain.FieldOf("duration_seconds", func(d *Details) *int64 { return &d.Duration }),
	domain.FieldOf("deal", func(d *Details) *domain.DealID { return &d.Deal }),
	domain.FieldOf("employee", func(d *Details) *domain.EmployeeID { return &d.Employee }),
}

// Channel is how the interaction took place.
type Channel string

// The channels.
const (
	Call    Channel = "call"
	Email   Channel = "email"
	Meeting Channel = "meeting"
	Visit   Channel = "visit"
	Chat    Channel = "chat"
	SMS     Channel = "sms"
	Letter  Channel = "letter"
	Web     Channel = "web"
	Social  Channel = "social"
	Note    Channel = "note"
)

// Direction is who began it.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Reaction is how the customer took an offer.
type Reaction string

// The reactions.
const (
	Accepted   Reaction = "accepted"
	Interested Reaction = "interested"
	Undecided  Reaction = "undecided"
	Objecting  Reaction = "objecting"
	Declined   Reaction = "declined"
	NoReaction Reaction = "none"
)

// Mood is how the customer felt.
type Mood string

// The moods, from best to worst.
const (
	Delighted Mood = "delighted"
	Satisfied Mood = "satisfied"
	Neutral   Mood = "neutral"
	Annoyed   Mood = "annoyed"
	Angry     Mood = "angry"
)

func (d Details) valid() error {
	switch d.Channel {
	case Call, Email, Meeting, Visit, Chat, SMS, Letter, Web, Social, Note:
	default:
		return domain.ErrInvalid.At("/channel", "%q is not a channel of interaction.", string(d.Channel))
	}
	switch d.Direction {
	case "", Inbound, Outbound:
	default:
		return domain.ErrInvalid.At("/direction", "A direction is inbound or outbound.")
	}
	switch d.Reaction {
	case "", Accepted, Interested, Undecided, Objecting, Declined, NoReaction:
	default:
		return domain.ErrInvalid.At("/reaction", "%q is not a reaction.", string(d.Reaction))
	}
	switch d.Mood {
	case "", Delighted, Satisfied, Neutral, Annoyed, Angry:
	default:
		return domain.ErrInvalid.At("/mood", "%q is not a mood.", string(d.Mood))
	}
	if d.Duration < 0 {
		return domain.ErrInvalid.At("/duration_seconds", "A duration is not negative.")
	}
	return DetailFields.Check(d)
}
