package importing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cards reads a file of cards; a bad one is its reason under "!".
func cards(t *testing.T, file string) []*record {
	t.Helper()
	r := newVCardReader(strings.NewReader(file))
	var all []*record
	for {
		rec, err := r.next()
		bad, isBad := errors.AsType[*badRow](err)
		switch {
		case errors.Is(err, io.EOF):
			return all
		case isBad:
			all = append(all, &record{line: bad.line, fields: fields{"!": bad.reason}})
		case err != nil:
			t.Fatal(err)
		default:
			all = append(all, rec)
		}
	}
}

func TestVCard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, card string
		want       fields // of the texts
	}{
		{"3.0", "VERSION:3.0\nFN:Ann Lee\nN:Lee;Ann;Mary;Dr.;MSc", fields{
			"fn": "Ann Lee", "n": "Dr. Ann Mary Lee MSc", "n.family": "Lee", "n.given": "Ann", "n.prefix": "Dr.", "kind": "person",
		}},
		{"folded in a word", "VERSION:3.0\nFN:Ann L\n ee\nTITLE:a\n\tb\n  c", fields{"fn": "Ann Lee", "title": "ab c"}},
		{"folded over CRCRLF and an empty line", "VERSION:3.0\r\r\nFN:Ann L\r\r\n\r\r\n ee\r\r", fields{"fn": "Ann Lee"}},
		{"escapes", `VERSION:3.0` + "\n" + `FN:a\, b\; c\\d\Ne` + "\n" + `URL:http\://x.org` + "\n" + `N:Le\;e;A\,nn;;;`, fields{
			"fn": "a, b; c\\d\ne", "url": "http://x.org", "n.family": "Le;e", "n.given": "A,nn",
		}},
		{"2.1 keeps backslashes before letters", "VERSION:2.1\nFN:C:\\new\\; x", fields{"fn": "C:\\new; x"}},
		{"bare types", "VERSION:2.1\nFN:x\nTEL;WORK;FAX;PREF:12 345", fields{"tel": "12 345", "tel.label": "work fax", "tel.primary": "true"}},
		{"types in lists, quoted and in any case", "VERSION:4.0\nFN:x\nTEL;VALUE=uri;TYPE=\"Work,VOICE\";type=CELL:tel:+1-418-656-9254;ext=102", fields{
			"tel": "+1-418-656-9254 ext. 102", "tel.label": "work mobile", "tel.primary": "",
		}},
		{"a preference of 1", "VERSION:4.0\nFN:x\nEMAIL;PREF=1:mailto:a@b.c", fields{"email": "a@b.c", "email.primary": "true"}},
		{"a tel URI with a context", "VERSION:4.0\nFN:x\nTEL:tel:7042;phone-context=+1201555", fields{"tel": "+1201555 7042"}},
		{"quoted-printable with soft breaks", "VERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=91=\n=C3=91 =3D=\nx\nNOTE:n", fields{"fn": "ÑÑ =x", "note": "n"}},
		{"quoted-printable as a bare type, in ISO-8859-1", "VERSION:2.1\nFN;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:J=FCrgen", fields{"fn": "Jürgen"}},
		{"a soft break before an empty line", "VERSION:2.1\nORG;ENCODING=QUOTED-PRINTABLE:x=\n\nFN:y", fields{"org": "x", "fn": "y"}},
		{"a soft break before the end", "VERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE:x=", fields{"fn": "x"}},
		{"broken quoted-printable stays", "VERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE:100=ZZ", fields{"fn": "100=ZZ"}},
		{"eight bits without a charset", "VERSION:2.1\nFN:J\xfcrgen", fields{"fn": "Jürgen"}},
		{"bytes that the charset does not have", "VERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=91=80", fields{"fn": "Ñ\ufffd"}},
		{"a photo, folded", "VERSION:3.0\nPHOTO;ENCODING=b;TYPE=JPEG:AAAA\n BBBB\n CC==\nFN:x", fields{"photo": "", "fn": "x"}},
		{"a photo, not folded, ended by an empty line", "VERSION:2.1\nPHOTO;BASE64:\nAAAA\nBBBB==\n\nFN:x", fields{"photo": "", "fn": "x"}},
		{"a photo of several MiB", "VERSION:3.0\nPHOTO;ENCODING=b:" + strings.Repeat("A", 3<<20) + "\nFN:x", fields{"fn": "x"}},
		{"groups and Apple's labels", "VERSION:3.0\nFN:x\nitem1.URL:http://x.org\nitem1.X-ABLabel:_$!<HomePage>!$_", fields{"url": "http://x.org", "url.label": "homepage"}},
		{"a colon in a quoted parameter", "VERSION:4.0\nFN:x\nADR;LABEL=\"a: b\";TYPE=work:;;s;c;r;1;l", fields{"adr.street": "s", "adr.label": "work"}},
		{"an address", "VERSION:3.0\nFN:x\nADR:PO 1;Floor 2;Main St\\nHouse;Town;State;123;Land", fields{
			"adr.street": "PO 1, Floor 2, Main St, House", "adr.city": "Town", "adr.region": "State", "adr.postal_code": "123", "adr.country": "Land",
			"adr": "PO 1, Floor 2, Main St, House, 123 Town, State, Land",
		}},
		{"an address of nothing", "VERSION:3.0\nFN:x\nADR:;;;;;;", fields{"adr": ""}},
		{"an organisation with units", "VERSION:3.0\nFN:x\nORG:IBM;Accounting;Dungeon", fields{"org": "IBM", "org.unit": "Accounting, Dungeon", "kind": "person"}},
		{"without any name it is the organisation", "VERSION:3.0\nFN:\nN:;;;;\nORG:IBM", fields{"fn": "", "kind": "organization"}},
		{"KIND", "VERSION:4.0\nFN:IBM\nKIND:org", fields{"kind": "organization"}},
		{"a group is neither", "VERSION:4.0\nFN:all\nKIND:group", fields{"kind": "group"}},
		{"Apple's companies", "VERSION:3.0\nFN:IBM\nORG:IBM;\nX-ABShowAs:COMPANY", fields{"kind": "organization"}},
		{"birthdays", "VERSION:3.0\nFN:x\nBDAY:19800322", fields{"bday.date": "1980-03-22"}},
		{"birthdays with a time", "VERSION:3.0\nFN:x\nBDAY;VALUE=date-time:1980-03-22T00:00:00Z", fields{"bday.date": "1980-03-22"}},
		{"birthdays without a year", "VERSION:4.0\nFN:x\nBDAY:--0203", fields{"bday.date": "", "bday.text": "--0203"}},
		{"birthdays that cannot be", "VERSION:4.0\nFN:x\nBDAY:20230230", fields{"bday.date": "", "bday.text": "20230230"}},
		{"notes", "VERSION:3.0\nFN:x\nNOTE:a\nNOTE:b", fields{"note": "a\n\nb"}},
		{"an agent's card", "VERSION:2.1\nAGENT:\nBEGIN:VCARD\nVERSION:2.1\nFN:agent\nEND:VCARD\nFN:x", fields{"fn": "x"}},
		{"no FN and no N", "VERSION:2.1\nEMAIL;PREF:a@b.c", fields{"fn": "", "email": "a@b.c", "kind": "person"}},
		{"no colon", "VERSION:3.0\nFN:x\nwhat", fields{"!": "line 4 is no property: it has no colon"}},
		{"NUL", "VERSION:3.0\nFN:x\x00", fields{"!": "line 3 holds a NUL byte"}},
		{"too long", "VERSION:3.0\nNOTE:" + strings.Repeat("x", maxRecord), fields{"!": "line 3 is longer than 1 MiB"}},
		{"too many", "VERSION:3.0\n" + strings.Repeat("TEL:123\n", maxProperties+1) + "FN:x", fields{"!": "the card has more than 2000 properties"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := "BEGIN:vCard\n" + test.card + "\nEND:vCard\nBEGIN:VCARD\nFN:next\nEND:VCARD"
			got := cards(t, file)
			if len(got) != 2 || got[1].text("fn") != "next" {
				t.Fatalf("%d cards, %v", len(got), got)
			}
			for name, want := range test.want {
				if diff := cmp.Diff(want, got[0].fields[name]); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

func TestVCardFiles(t *testing.T) {
	t.Parallel()
	const file = "stray\nmore\nBEGIN:VCARD\nFN:a\nBEGIN:VCARD\nFN:b\r\nEND:VCARD\r\n\nbegin:vcard\nfn:c\nend:vcard\nBEGIN:VCARD\nFN:d\n"
	var got []string
	for _, card := range cards(t, file) {
		got = append(got, fmt.Sprintf("%d %s%s", card.line, card.fields["fn"], card.fields["!"]))
	}
	want := []string{"1 the text stands outside of a card", "3 the card has no END", "5 b", "9 c", "12 the card has no END"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A card without UID is known again however it was written down.
func TestVCardFingerprint(t *testing.T) {
	t.Parallel()
	same := cards(t, "BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nTEL;TYPE=home:1234\nREV:1\nPHOTO;ENCODING=b:AA\nEND:VCARD\n"+
		"BEGIN:VCARD\r\nVERSION:2.1\r\nTEL;HOME:12\r\n 34\r\nFN:Ann\r\nREV:2\r\nEND:VCARD\r\n"+
		"BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nTEL;TYPE=work:1234\nEND:VCARD\n")
	if a, b, c := same[0].fields["fingerprint"], same[1].fields["fingerprint"], same[2].fields["fingerprint"]; a != b || a == c {
		t.Errorf("fingerprints %s %s %s", a, b, c)
	}
}

// FuzzVCard checks that the reader ends, gives valid text, and that what stands
// in one card does not keep the next from being read.
func FuzzVCard(f *testing.F) {
	for _, seed := range []string{
		"BEGIN:VCARD\nVERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE:=C3=91=\n=C3\nEND:VCARD\n", "BEGIN:VCARD\nAGENT:\nBEGIN:VCARD\n",
		"BEGIN:VCARD\nPHOTO;BASE64:\nAAA\n\nX:\\", "item1.ADR;TYPE=\"a:b:;;;\n c;\"", "BEGIN:VCARD\r\r\nTEL;VALUE=uri:tel:;=\r",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		last := 0
		for _, card := range cards(t, string(file)) {
			if card.line <= last {
				t.Fatalf("line %d after line %d", card.line, last)
			}
			last = card.line
			for name, text := range card.fields {
				if strings.ToValidUTF8(text, "") != text {
					t.Fatalf("%q: %q", name, text)
				}
			}
		}
		if bytes.Contains(bytes.ToLower(file), []byte("agent")) || bytes.ContainsRune(file, '\r') {
			return // an agent may be open, and the file's lines may end in CR
		}
		after := cards(t, string(file)+"\nEND:VCARD\nBEGIN:VCARD\nFN:next\nEND:VCARD\n")
		if len(after) == 0 || after[len(after)-1].fields["fn"] != "next" {
			t.Fatalf("the card after it is lost: %v", after)
		}
	})
}
