package interaction

import "crm/domain"

// Settings are the fields that a command gives a value, as they are in the state and
// as they are to be. Logging an interaction gives none.
func Settings(s State, command Command) []domain.Setting {
	c, ok := command.(Amend)
	if !ok {
		return nil
	}
	settings := DetailFields.Settings(s.Logged[c.ID], c.Patch)
	for i := range settings {
		settings[i].Field = "interactions/" + c.ID.String() + "/" + settings[i].Field
	}
	return settings
}
