package importing

import (
	"encoding/json"
	"strings"
)

// alreadyThere reports whether a creating command was refused because its target
// exists: an earlier import brought it, and the row has changed since.
func (c *Command) alreadyThere(o Outcome) bool {
	if !creates(c.Name) || !o.refused() {
		return false
	}
	switch o.Problem.slug() {
	case "customer-already-registered", "employee-already-registered", "product-already-defined",
		"deal-already-opened", "pipeline-already-defined":
		return true
	}
	return false
}

// changes are the commands that bring an existing target to what the creating
// command says. They add and replace, and take nothing away: what is blank or
// missing in the row stays as it is. Not changed are the kind of a customer, the
// title, stage and line items of a deal, and a pipeline.
func (c *Command) changes(mapping string) []*Command {
	var said map[string]json.RawMessage
	if err := json.Unmarshal(c.Body, &said); err != nil {
		panic("importing: a body that is not JSON: " + err.Error())
	}
	m := &amendment{of: c, said: said, mapping: mapping}
	switch c.Name {
	case "customer.register":
		m.add("customer.change_details", strings.Fields(customerDetails)...)
		if said["stage"] != nil {
			m.add("customer.change_lifecycle_stage", "stage", "touchpoint")
		}
		m.each("customer.add_contact_point", "contact_points")
		m.rename("attributes", "set")
		m.add("customer.change_attributes", "set")
		m.each("customer.link_to_organization", "links")
		m.add("customer.assign_owner", "owner")
	case "employee.register":
		m.add("employee.change_details", strings.Fields(members["employee.change_details"])...)
	case "product.define":
		m.add("product.change_details", strings.Fields(members["product.change_details"])...)
		m.add("product.set_list_price", "list_price")
	case "deal.open":
		m.add("deal.link_customer", "customer")
		m.add("deal.assign_owner", "owner")
		m.add("deal.change_amount", "amount")
		m.add("deal.change_close_date", "expected_close")
	}
	return m.commands
}

// amendment gathers the changes that a creating command stands for.
type amendment struct {
	of       *Command
	said     map[string]json.RawMessage
	mapping  string
	commands []*Command
}

// add makes a command of those members that were said, if any.
func (m *amendment) add(name string, names ...string) {
	var body []byte
	for _, member := range names {
		if value := m.said[member]; value != nil {
			body = append(append(appendText(append(body, ','), member), ':'), value...)
		}
	}
	if len(body) > 0 {
		m.append(name, body[1:])
	}
}

// each makes a command of each object in a list.
func (m *amendment) each(name, list string) {
	var items []json.RawMessage
	if json.Unmarshal(m.said[list], &items) != nil { // nothing was said, or not a list
		return
	}
	for _, item := range items {
		if len(item) > 2 && item[0] == '{' {
			m.append(name, item[1:len(item)-1])
		}
	}
}

func (m *amendment) rename(from, to string) {
	if value := m.said[from]; value != nil {
		m.said[to] = value
	}
}

func (m *amendment) append(name string, inner []byte) {
	body := append(append([]byte{'{'}, inner...), `,"source":`...)
	body = append(append(body, m.said["source"]...), '}')
	c := &Command{Name: name, Target: m.of.Target, Body: body, label: m.of.label, mark: m.of.mark, row: m.of.row, needs: m.of.needs}
	c.label += "/" + name
	c.Key = c.idempotencyKey(m.mapping)
	m.commands = append(m.commands, c)
}
