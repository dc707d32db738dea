package importing

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// decoded gives r as UTF-8. A byte order mark decides first, then the declared
// encoding, then a look at the start of the file. Text declared or found to be
// UTF-8 is passed on as it is, also where it is not valid: the readers refuse
// the row it stands in.
func decoded(r io.Reader, declared string) (io.Reader, error) {
	in := bufio.NewReaderSize(r, sampleSize)
	sample, err := in.Peek(sampleSize)
	if err != nil && len(sample) == 0 && err != io.EOF { //nolint:errorlint // Peek gives io.EOF bare
		return nil, err
	}
	switch {
	case bytes.HasPrefix(sample, []byte("\xef\xbb\xbf")):
		_, err := in.Discard(3)
		return in, err
	case bytes.HasPrefix(sample, []byte("\xff\xfe")), bytes.HasPrefix(sample, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM).NewDecoder().Reader(in), nil
	}
	charset, err := encodingNamed(declared)
	if err != nil {
		return nil, err
	}
	if (declared == "" || declared == "auto") && looksWestern(sample) {
		charset = charmap.Windows1252
	}
	if charset == nil {
		return in, nil
	}
	return charset.NewDecoder().Reader(in), nil
}

// encodingNamed is nil for UTF-8 and for no name. ISO-8859-1 is read as
// Windows-1252, as the WHATWG Encoding Standard does: the two differ where
// ISO-8859-1 has control characters that no text holds.
func encodingNamed(name string) (encoding.Encoding, error) {
	switch strings.ToLower(name) {
	case "", "auto", "utf-8", "utf8":
		return nil, nil //nolint:nilnil // no transformation is the answer
	}
	charset, err := htmlindex.Get(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not the name of an encoding such as utf-8 or iso-8859-1", name)
	}
	return charset, nil
}

// looksWestern reports whether the sample is more likely Windows-1252 than
// UTF-8: it has bytes that UTF-8 does not allow, and more of them than well
// formed UTF-8 sequences, which by chance hardly occur in another encoding.
func looksWestern(sample []byte) bool {
	var wrong, right int
	for len(sample) > 0 {
		r, size := utf8.DecodeRune(sample)
		switch {
		case r == utf8.RuneError && size == 1:
			if !utf8.FullRune(sample) { // cut off by the end of the sample
				return wrong > right
			}
			wrong++
		case size > 1:
			right++
		}
		sample = sample[size:]
	}
	return wrong > right
}
