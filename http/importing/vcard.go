package importing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// vcardReader reads the cards of a file: vCard 2.1, 3.0 (RFC 2426) and 4.0
// (RFC 6350) as programs write them, which is not always as these say. What a
// card's properties become is in vcardfields.go.
type vcardReader struct{ lines *lines }

func newVCardReader(r io.Reader) *vcardReader { return &vcardReader{lines: newLines(r)} }

func (v *vcardReader) names() []string { return nil }

// next reads up to the END of the next card. A card that is not whole is
// refused, and reading goes on where the next one begins.
func (v *vcardReader) next() (*record, error) {
	begin, err := v.begin()
	if err != nil {
		return nil, err
	}
	c := card{raw: append([]byte{}, begin.text...)}
	for {
		l, err := v.lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, &badRow{begin.number, "the card has no END", c.raw}
		case err != nil:
			return nil, err
		}
		if isMark(l.text, "BEGIN") && !c.agent() {
			v.lines.giveBack([]line{l})
			return nil, &badRow{begin.number, "the card has no END", c.raw}
		}
		if room := maxRecord - len(c.raw); room > 0 && !c.ignoring {
			c.raw = append(append(c.raw, '\n'), l.text[:min(len(l.text), room)]...)
		}
		if c.feed(l) {
			break
		}
	}
	c.finish()
	if c.wrong != "" {
		return nil, &badRow{begin.number, c.wrong, c.raw}
	}
	r := c.record()
	r.line, r.raw = begin.number, c.raw
	return r, nil
}

// begin finds the next card. Text between cards is refused, a run at a time.
func (v *vcardReader) begin() (line, error) {
	var stray line
	for {
		l, err := v.lines.next()
		ends := err != nil || isMark(l.text, "BEGIN")
		switch {
		case ends && stray.number > 0:
			if err == nil {
				v.lines.giveBack([]line{l})
			} else if !errors.Is(err, io.EOF) {
				return line{}, err
			}
			return line{}, stray.refused("the text stands outside of a card")
		case ends:
			return l, err
		case stray.number == 0 && len(bytes.Trim(l.text, blanks)) > 0:
			stray = l
		}
	}
}

// isMark reports whether the line is BEGIN:VCARD or END:VCARD, in any case.
func isMark(text []byte, mark string) bool {
	name, value, found := bytes.Cut(text, []byte(":"))
	return found && strings.EqualFold(string(bytes.Trim(name, blanks)), mark) &&
		strings.EqualFold(string(bytes.Trim(value, blanks)), "VCARD")
}

// card gathers the lines of one card into properties.
type card struct {
	properties []property
	raw        []byte
	wrong      string // why the card is refused

	logical  []byte // the property being read, unfolded so far
	begun    bool   // there is one
	soft     bool   // its quoted-printable value goes on in the next line
	binary   bool   // its value is base64
	ignoring bool   // its value is of no use and not kept
	nested   int    // depth inside the cards of an AGENT
	isAgent  bool
}

// property is one line of a card, unfolded and decoded.
type property struct {
	group, name string              // in lower case
	params      map[string][]string // names and values in lower case
	value       string              // with its backslashes, unless it is 2.1
	plain       bool                // backslashes are text, but for the few of 2.1
}

func (c *card) agent() bool { return c.nested > 0 || c.begun && c.isAgent }

// feed takes the next line of the card and reports whether it was its END.
func (c *card) feed(l line) bool {
	switch {
	case c.nested > 0 || c.agent() && isMark(l.text, "BEGIN"):
		if isMark(l.text, "BEGIN") {
			c.nested++
		} else if isMark(l.text, "END") {
			c.nested--
		}
		return false
	case isMark(l.text, "END"):
		return true
	case len(bytes.Trim(l.text, blanks)) == 0: // also where a soft line break points to nothing
		c.soft = false
		return false
	case bytes.IndexByte(l.text, 0) >= 0:
		c.wrong = fmt.Sprintf("line %d holds a NUL byte", l.number)
		return false
	}
	text := l.text
	switch {
	case c.soft:
		c.extend(text)
	case c.begun && (text[0] == ' ' || text[0] == '\t'):
		c.extend(text[1:])
	case c.binary && bytes.IndexByte(text, ':') < 0: // base64 that is not indented
	default:
		c.finish()
		c.start(l)
	}
	if l.cut && !c.ignoring {
		c.wrong = fmt.Sprintf("line %d is longer than 1 MiB", l.number)
	}
	return false
}

func (c *card) start(l line) {
	head, value, found := cutValue(l.text)
	if !found {
		c.wrong = fmt.Sprintf("line %d is no property: it has no colon", l.number)
		return
	}
	p := parseHead(string(head))
	c.begun, c.logical = true, append(append([]byte{}, head...), ':')
	c.isAgent = p.name == "agent"
	c.binary = p.has("encoding", "base64") || p.has("encoding", "b")
	switch p.name {
	case "photo", "logo", "sound", "key":
		c.ignoring = true
	}
	c.ignoring = c.ignoring || c.binary
	c.soft = p.has("encoding", "quoted-printable")
	c.extend(value)
}

// extend adds to the value of the property being read.
func (c *card) extend(more []byte) {
	quotedPrintable := c.soft || c.begun && c.quotedPrintable()
	c.soft = quotedPrintable && bytes.HasSuffix(more, []byte("="))
	if c.soft {
		more = more[:len(more)-1]
	}
	switch {
	case c.ignoring:
	case len(c.logical)+len(more) > maxRecord:
		c.wrong = "the card is longer than 1 MiB"
	default:
		c.logical = append(c.logical, more...)
	}
}

func (c *card) quotedPrintable() bool {
	head, _, _ := cutValue(c.logical)
	return bytes.Contains(bytes.ToUpper(head), []byte("QUOTED-PRINTABLE"))
}

// finish makes a property of what was read.
func (c *card) finish() {
	if c.begun && !c.ignoring && c.wrong == "" {
		if len(c.properties) == maxProperties {
			c.wrong = fmt.Sprintf("the card has more than %d properties", maxProperties)
		} else {
			head, value, _ := cutValue(c.logical)
			p := parseHead(string(head))
			p.value = p.decode(value)
			c.properties = append(c.properties, p)
		}
	}
	c.logical, c.begun, c.soft, c.binary, c.ignoring, c.isAgent = nil, false, false, false, false, false
}

const maxProperties = 2000

// cutValue splits a line at the first colon outside quotes.
func cutValue(text []byte) (head, value []byte, found bool) {
	quoted := false
	for i, b := range text {
		switch {
		case b == '"':
			quoted = !quoted
		case b == ':' && !quoted:
			return text[:i], text[i+1:], true
		}
	}
	return bytes.Cut(text, []byte(":")) // a quote that is never closed is text
}

// parseHead reads what stands before the colon: [group.]name[;param…]. A bare
// parameter is an encoding or, in 2.1, a type.
func parseHead(head string) property {
	parts := splitOutside(head, ';')
	p := property{name: strings.ToLower(trim(parts[0])), params: map[string][]string{}}
	if group, name, found := strings.Cut(p.name, "."); found {
		p.group, p.name = group, name
	}
	for _, part := range parts[1:] {
		name, value, named := strings.Cut(part, "=")
		name = strings.ToLower(trim(name))
		if !named {
			value, name = name, "type"
			switch value {
			case "quoted-printable", "base64", "b", "7bit", "8bit":
				name = "encoding"
			}
		}
		for _, one := range splitOutside(value, ',') {
			// RFC 6350 quotes a list as a whole too: TYPE="work,voice".
			for inner := range strings.SplitSeq(strings.Trim(one, `"`), ",") {
				p.params[name] = append(p.params[name], strings.ToLower(trim(inner)))
			}
		}
	}
	return p
}

func (p property) has(param, value string) bool {
	return slices.Contains(p.params[param], value)
}

// splitOutside splits at separators that stand outside quotes.
func splitOutside(text string, separator byte) []string {
	var parts []string
	from, quoted := 0, false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}
