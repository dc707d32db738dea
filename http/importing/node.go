package importing

import (
	"encoding/json"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/uuid"
)

// node is a piece of a command's body: an object, a list, a text with references
// or a literal. What refers only to blank values is left out of the body, also
// when literals stand beside it: {kind: email, value: ${email}} is no contact
// point without an address.
type node struct {
	members  []member
	items    []*node
	template *template
	literal  []byte // JSON
	refers   bool   // it or something in it holds a reference
	custom   string // the key of an attribute: {key, kind, value}
}

type member struct {
	name string
	node *node
}

// render appends the node as JSON and the ids it refers to. It gives false, and
// appends nothing, when the node is blank in this scope.
func (n *node) render(dst []byte, ids []uuid.UUID, s *scope) ([]byte, []uuid.UUID, bool, error) {
	switch {
	case n.template != nil:
		found, err := n.template.of(s)
		if err != nil || found.blank() {
			return dst, ids, false, err
		}
		if n.custom != "" {
			return appendAttribute(dst, n.custom, found), ids, true, nil
		}
		if found.kind == asID {
			ids = append(ids, found.id)
		}
		return appendResult(dst, found), ids, true, nil
	case n.literal != nil:
		return append(dst, n.literal...), ids, true, nil
	}
	start, present := len(dst), !n.refers
	open, end := byte('{'), byte('}')
	children := len(n.members)
	if n.items != nil {
		open, end, children = '[', ']', len(n.items)
	}
	dst = append(dst, open)
	for i := range children {
		mark := len(dst)
		if dst[mark-1] != open || mark-1 != start {
			dst = append(dst, ',')
		}
		var child *node
		if n.items != nil {
			child = n.items[i]
		} else {
			child = n.members[i].node
			dst = append(appendText(dst, n.members[i].name), ':')
		}
		var there bool
		var err error
		if dst, ids, there, err = child.render(dst, ids, s); err != nil {
			return dst[:start], ids, false, err
		}
		if !there {
			dst = dst[:mark]
		}
		present = present || there && child.refers
	}
	if !present {
		return dst[:start], ids, false, nil
	}
	return append(dst, end), ids, true, nil
}

func appendResult(dst []byte, r result) []byte {
	switch r.kind {
	case asNumber, asInteger, asBoolean:
		return append(dst, r.text...)
	case asMoney:
		dst = append(strconv.AppendInt(append(dst, `{"minor":`...), r.money.Minor, 10), `,"currency":`...)
		return append(appendText(dst, string(r.money.Currency)), '}')
	default:
		return appendText(dst, r.text)
	}
}

// appendAttribute writes a custom field with the kind that its value has.
func appendAttribute(dst []byte, key string, r result) []byte {
	kind, text := "text", r.text
	switch r.kind {
	case asNumber, asInteger:
		kind = "number"
	case asBoolean:
		kind = "boolean"
	case asDate:
		kind = "date"
	case asMoney:
		text = r.money.String()
	default:
	}
	dst = appendText(append(dst, `{"key":`...), key)
	dst = appendText(append(dst, `,"kind":`...), kind)
	return append(appendText(append(dst, `,"value":`...), text), '}')
}

// appendText appends a JSON string. Most texts need no escapes.
func appendText(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			quoted, _ := json.Marshal(text) // a string always has a JSON form
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), text...), '"')
}

// compileNode makes a node of YAML. attributes says that this mapping's members
// are custom fields.
func (c *compiler) compileNode(from ast.Node, attributes bool) (*node, error) {
	line := from.GetToken().Position.Line
	switch y := from.(type) {
	case *ast.MappingNode:
		return c.compileMembers(y.Values, attributes)
	case *ast.MappingValueNode:
		return c.compileMembers([]*ast.MappingValueNode{y}, attributes)
	case *ast.SequenceNode:
		n := &node{items: []*node{}}
		for _, element := range y.Values {
			item, err := c.compileNode(element, false)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
			n.refers = n.refers || item.refers
		}
		return n, nil
	case *ast.IntegerNode, *ast.FloatNode:
		number := from.GetToken().Value
		if !json.Valid([]byte(number)) {
			return nil, errorAt(line, "%s is no JSON number", number)
		}
		return &node{literal: []byte(number)}, nil
	case *ast.BoolNode:
		return &node{literal: strconv.AppendBool(nil, y.Value)}, nil
	case *ast.NullNode:
		return &node{literal: []byte("null")}, nil
	}
	text, err := scalarText(from)
	if err != nil {
		return nil, errorAt(line, "a body is made of objects, lists, texts, numbers, booleans and null")
	}
	t, err := parseTemplate(text, c.resolve)
	if err != nil {
		return nil, errorAt(line, "%v", err)
	}
	if !t.refers() {
		found, err := t.of(&scope{})
		return &node{literal: appendText(nil, found.text)}, err
	}
	return &node{template: t, refers: true}, nil
}

func (c *compiler) compileMembers(from []*ast.MappingValueNode, attributes bool) (*node, error) {
	n := &node{}
	if attributes {
		n.items = []*node{}
	}
	for _, pair := range from {
		name, err := scalarText(pair.Key)
		if err != nil {
			return nil, err
		}
		_, object := pair.Value.(ast.MapNode)
		child, err := c.compileNode(pair.Value, object && c.customFields(name))
		if err != nil {
			return nil, err
		}
		n.refers = n.refers || child.refers
		switch {
		case !attributes:
			n.members = append(n.members, member{name, child})
		case child.template == nil && child.literal == nil:
			return nil, errorAt(pair.Key.GetToken().Position.Line, "attribute %s is neither a text nor a reference", name)
		default:
			n.items = append(n.items, child.asAttribute(name))
		}
	}
	return n, nil
}

// customFields reports whether a member of the command's body is a list of
// attributes, which a mapping may write as an object: key → value.
func (c *compiler) customFields(name string) bool {
	return c.command == "customer.register" && name == "attributes" ||
		c.command == "customer.change_attributes" && name == "set"
}

func (n *node) asAttribute(key string) *node {
	if n.template == nil { // a literal, of the kind it is written as
		value := result{kind: asText}
		switch err := json.Unmarshal(n.literal, &value.text); {
		case err == nil:
		case string(n.literal) == "true", string(n.literal) == "false":
			value = result{kind: asBoolean, text: string(n.literal)}
		default:
			value = result{kind: asNumber, text: string(n.literal)}
		}
		return &node{literal: appendAttribute(nil, key, value)}
	}
	return &node{template: n.template, refers: true, custom: key}
}
