package importing

import (
	"encoding/json"

	"crm/domain"
)

// Past is what undos have left of a stream. Rows that were taken back are to be stored
// again when somebody imports them again, so their commands are other ones then.
type Past struct {
	// Mark stands for the last undo: another one, another mark.
	Mark string
	// Back is the name of the command that brings back what an undo has put away; ""
	// when there is nothing to bring back.
	Back string
}

// Pasts are those of the streams that undos have changed; others have none.
type Pasts map[domain.Stream]Past

// again is what is asked of streams with a past: first that what an undo has put away
// comes back, then the same as ever under keys of their own. An interaction is never
// taken back, so it stays the one that is logged.
func (p Pasts) again(commands []*Command, mapping string) []*Command {
	if len(p) == 0 {
		return commands
	}
	all := make([]*Command, 0, len(commands)+len(p))
	brought := map[domain.Stream]bool{}
	for _, c := range commands {
		stream := c.Stream()
		past, has := p[stream]
		if !has || c.Name == "interaction.log" {
			all = append(all, c)
			continue
		}
		if past.Back != "" && !brought[stream] {
			brought[stream] = true
			all = append(all, c.back(past, mapping))
		}
		c.mark = past.Mark
		c.Key = c.idempotencyKey(mapping)
		all = append(all, c)
	}
	return all
}

// back is the command that goes before c, on behalf of the same row.
func (c *Command) back(past Past, mapping string) *Command {
	var said struct {
		Source json.RawMessage `json:"source"`
	}
	if err := json.Unmarshal(c.Body, &said); err != nil {
		panic("importing: a body that is not JSON: " + err.Error())
	}
	body := append(append([]byte(`{"source":`), said.Source...), '}')
	b := &Command{Name: past.Back, Target: c.Target, Body: body, label: "back", mark: past.Mark, row: c.row}
	b.Key = b.idempotencyKey(mapping)
	return b
}
