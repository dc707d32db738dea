package customer

import "crm/domain"

// Settings are the fields that a command gives a value, as they are in the state and
// as they are to be. A command that adds or takes away gives none.
func Settings(s State, command Command) []domain.Setting {
	switch c := command.(type) {
	case ChangeDetails:
		return DetailFields.Settings(s.Details, c.Patch)
	case Correct:
		return DetailFields.Settings(s.Details, c.Patch)
	case AssignOwner:
		return []domain.Setting{{Field: "owner", Is: domain.ValueOf(s.Owner), To: domain.ValueOf(c.Owner)}}
	case ChangeLifecycleStage:
		return []domain.Setting{{Field: "stage", Is: domain.ValueOf(s.Stage), To: domain.ValueOf(c.Stage)}}
	case ChangeAttributes:
		var settings []domain.Setting
		for _, attribute := range c.Set {
			settings = append(settings, s.attribute(attribute.Key, domain.ValueOf(attribute.Value)))
		}
		for _, key := range c.Clear {
			settings = append(settings, s.attribute(key, nil))
		}
		return settings
	default:
		return nil
	}
}

func (s State) attribute(key string, to any) domain.Setting {
	return domain.Setting{Field: "attributes/" + key, Is: domain.ValueOf(s.Attributes[key].Value), To: to}
}
