package importing

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime/quotedprintable"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// decode gives a property's value as UTF-8 text. Bytes that are not valid in the
// charset they claim become U+FFFD; bytes that claim none and are not UTF-8 are
// read as Windows-1252, which is what programs of the time of 2.1 wrote.
func (p property) decode(value []byte) string {
	if p.has("encoding", "quoted-printable") {
		// What the decoder stumbles over stays as it is: "=" is also just a sign.
		plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(string(value))))
		if err == nil {
			value = plain
		}
	}
	var charset encoding.Encoding
	if names := p.params["charset"]; len(names) > 0 {
		charset, _ = htmlindex.Get(names[0])
	}
	if charset == nil && len(p.params["charset"]) == 0 && !utf8.Valid(value) {
		charset = charmap.Windows1252
	}
	if charset != nil {
		if plain, err := charset.NewDecoder().Bytes(value); err == nil {
			value = plain
		}
	}
	return strings.ToValidUTF8(string(value), "\ufffd")
}

// text is the value as a reader would read it.
func (p property) text() string { return unescape(p.value, p.plain) }

// parts are the components of a structured value: N, ORG, ADR.
func (p property) parts() []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(p.value); i++ {
		switch {
		case p.value[i] == '\\' && i+1 < len(p.value):
			part.WriteString(p.value[i : i+2])
			i++
		case p.value[i] == ';':
			parts = append(parts, trim(unescape(part.String(), p.plain)))
			part.Reset()
		default:
			part.WriteByte(p.value[i])
		}
	}
	return append(parts, trim(unescape(part.String(), p.plain)))
}

// unescape takes the backslashes away. Programs escape more than the standards
// ask for (Gmail: http\://). A plain text, of 2.1, keeps those before letters.
func unescape(text string, plain bool) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		switch next := text[i+1]; {
		case (next == 'n' || next == 'N') && !plain:
			out.WriteByte('\n')
		case strings.IndexByte(`;,:\"`, next) >= 0:
			out.WriteByte(next)
		default:
			out.WriteByte('\\')
			continue
		}
		i++
	}
	return out.String()
}

// record names the card's texts and lists, as doc.go tells.
func (c *card) record() *record {
	r := &record{fields: fields{}, lists: map[string][]fields{}}
	plain, labels := false, map[string]string{}
	for _, p := range c.properties {
		switch p.name {
		case "version":
			plain = strings.HasPrefix(trim(p.value), "2")
		case "x-ablabel":
			label := strings.TrimSuffix(strings.TrimPrefix(trim(p.text()), "_$!<"), ">!$_")
			labels[p.group] = strings.ToLower(label)
		}
	}
	var notes []string
	for _, p := range c.properties {
		p.plain = plain
		item := p.item()
		if label := labels[p.group]; p.group != "" && label != "" {
			item["label"] = label
		}
		if item["value"] == "" {
			continue
		}
		r.lists[p.name] = append(r.lists[p.name], item)
		if p.name == "note" {
			notes = append(notes, item["value"])
		}
	}
	for name, items := range r.lists {
		for key, value := range items[0] {
			if key == "value" {
				r.fields[name] = value
			} else {
				r.fields[name+"."+key] = value
			}
		}
	}
	r.fields["note"] = strings.Join(notes, "\n\n")
	r.fields["kind"] = cardKind(r)
	r.fields["fingerprint"] = c.fingerprint()
	return r
}

// item is one property as an item of the list of its name.
func (p property) item() fields {
	item := fields{"value": trim(p.text()), "label": p.label()}
	if p.has("type", "pref") || slices.Equal(p.params["pref"], []string{"1"}) {
		item["primary"] = "true"
	}
	parts := p.parts()
	for len(parts) < 7 {
		parts = append(parts, "")
	}
	switch p.name {
	case "n":
		item["family"], item["given"], item["additional"], item["prefix"], item["suffix"] = parts[0], parts[1], parts[2], parts[3], parts[4]
		item["value"] = joined(" ", parts[3], parts[1], parts[2], parts[0], parts[4])
	case "org":
		item["value"], item["unit"] = parts[0], joined(", ", parts[1:]...)
	case "adr":
		item["street"] = joined(", ", strings.Split(joined("\n", parts[0], parts[1], parts[2]), "\n")...)
		item["city"], item["region"], item["postal_code"], item["country"] = parts[3], parts[4], parts[5], parts[6]
		item["value"] = joined(", ", item["street"], joined(" ", parts[5], parts[3]), parts[4], parts[6])
	case "tel":
		item["value"] = phoneOfURI(item["value"])
	case "email":
		if scheme, rest, found := strings.Cut(item["value"], ":"); found && strings.EqualFold(scheme, "mailto") {
			item["value"] = rest
		}
	case "bday":
		if day, ok := dayOf(item["value"]); ok {
			item["value"], item["date"] = day, day
		} else {
			item["text"] = item["value"]
		}
	}
	return item
}

// label is what the types say: "work", "home fax", "mobile". Types that say how
// a value is transmitted and not what it is for are left out.
func (p property) label() string {
	var words []string
	for _, word := range []string{"work", "home", "cell", "fax", "pager", "main", "car", "other"} {
		if p.has("type", word) {
			if word == "cell" {
				word = "mobile"
			}
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// joined joins what is not blank.
func joined(separator string, parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part = trim(part); part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, separator)
}

// phoneOfURI reads a tel: URI (RFC 3966) as a number that people would type.
func phoneOfURI(value string) string {
	scheme, rest, found := strings.Cut(value, ":")
	if !found || !strings.EqualFold(trim(scheme), "tel") {
		return value
	}
	parameters := strings.Split(rest, ";")
	number := parameters[0]
	for _, parameter := range parameters[1:] {
		name, value, _ := strings.Cut(parameter, "=")
		switch strings.ToLower(name) {
		case "ext":
			number += " ext. " + value
		case "phone-context":
			if strings.HasPrefix(value, "+") {
				number = value + " " + number
			}
		}
	}
	return number
}

var day = regexp.MustCompile(`^(\d{4})-?(\d{2})-?(\d{2})(?:[T ].*)?$`)

// dayOf reads a date of birth. One without a year or day is none.
func dayOf(text string) (string, bool) {
	found := day.FindStringSubmatch(trim(text))
	if found == nil {
		return "", false
	}
	date := found[1] + "-" + found[2] + "-" + found[3]
	_, err := time.Parse(time.DateOnly, date)
	return date, err == nil
}

// cardKind is "organization", "person" or what else KIND says ("group"). A card
// without any name but with an ORG is the organisation's.
func cardKind(r *record) string {
	switch kind := strings.ToLower(r.fields["kind"]); {
	case kind == "org", strings.EqualFold(r.fields["x-abshowas"], "COMPANY"):
		return "organization"
	case kind != "" && kind != "individual":
		return kind
	case r.fields["fn"] == "" && r.fields["n"] == "" && r.fields["org"] != "":
		return "organization"
	}
	return "person"
}

// fingerprint tells cards without a UID apart. It covers what was said of the
// contact, in any order, and not which program wrote the card and when.
func (c *card) fingerprint() string {
	var said []string
	for _, p := range c.properties {
		switch p.name {
		case "version", "rev", "prodid", "uid":
		default:
			said = append(said, p.name+"\x00"+p.label()+"\x00"+p.value)
		}
	}
	slices.Sort(said)
	sum := sha256.Sum256([]byte(strings.Join(said, "\x01")))
	return hex.EncodeToString(sum[:16])
}
