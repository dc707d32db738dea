package importing

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
)

// maxRecord is how long one record may be, in bytes. A longer line is read past
// and its row refused, so that memory stays flat whatever a file holds.
const maxRecord = 1 << 20

// line is one physical line without its end.
type line struct {
	number int
	text   []byte
	cut    bool // it was longer than maxRecord and is not whole
}

// lines hands out the physical lines of a file. Lines end in LF or CRLF, also
// with several CRs, or in CR alone when the file has no LF in its first 64 KiB.
type lines struct {
	in     *bufio.Reader
	end    byte
	number int
	back   []line // given back, to be handed out again, last one first
}

func newLines(r io.Reader) *lines {
	in := bufio.NewReaderSize(r, sampleSize)
	sample, _ := in.Peek(sampleSize) // what is wrong shows again at the first read
	l := &lines{in: in, end: '\n'}
	if bytes.IndexByte(sample, '\n') < 0 && bytes.IndexByte(sample, '\r') >= 0 {
		l.end = '\r'
	}
	return l
}

// sampleSize is how much of a file's start is looked at to guess its ways.
const sampleSize = 64 << 10

// next gives the next line, and io.EOF after the last.
func (l *lines) next() (line, error) {
	if n := len(l.back); n > 0 {
		again := l.back[n-1]
		l.back = l.back[:n-1]
		return again, nil
	}
	read := line{number: l.number + 1}
	for {
		part, err := l.in.ReadSlice(l.end)
		if room := maxRecord - len(read.text); len(part) > room {
			part, read.cut = part[:room], true
		}
		read.text = append(read.text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(read.text) > 0, err == nil:
			l.number++
			read.text = bytes.TrimSuffix(read.text, []byte{l.end})
			read.text = bytes.TrimRight(read.text, "\r")
			return read, nil
		}
		return line{}, err
	}
}

// giveBack makes next hand out these lines again, in this order.
func (l *lines) giveBack(again []line) {
	for _, one := range slices.Backward(again) {
		l.back = append(l.back, one)
	}
}
