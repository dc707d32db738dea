package embedded

import (
	"bytes"
	"math"
	"testing"

	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
)

func FuzzKeys(f *testing.F) {
	f.Add(uint64(1), int64(0), uint64(2), int64(math.MaxInt64), "a", "a\x00")
	f.Add(uint64(math.MaxUint64), int64(255), uint64(256), int64(256), "", "$$a")
	f.Fuzz(func(t *testing.T, s1 uint64, r1 int64, s2 uint64, r2 int64, n1, n2 string) {
		if r1 < 0 || r2 < 0 {
			t.Skip("revisions are never negative")
		}
		if s, r, ok := revisionOf(revisionKey(s1, r1)); !ok || s != s1 || r != r1 {
			t.Errorf("%d, %d became %d, %d", s1, r1, s, r)
		}
		if p, ok := positionOf(eventKey(s1)); !ok || p != s1 {
			t.Errorf("position %d became %d", s1, p)
		}
		order := 0
		switch {
		case s1 < s2 || s1 == s2 && r1 < r2:
			order = -1
		case s1 > s2 || r1 > r2:
			order = 1
		}
		if got := bytes.Compare(revisionKey(s1, r1), revisionKey(s2, r2)); got != order {
			t.Errorf("keys of %d@%d and %d@%d compare as %d", s1, r1, s2, r2, got)
		}
		if got := bytes.Equal(nameKey(n1), nameKey(n2)); got != (n1 == n2) {
			t.Errorf("keys of %q and %q are equal: %v", n1, n2, got)
		}
		keys := [][]byte{eventKey(s1), revisionKey(s1, r1), idKey(s1, uuid.UUID{}), nameKey(n1), storeKey(n1)}
		for i, a := range keys {
			for _, b := range keys[i+1:] {
				if a[0] == b[0] {
					t.Errorf("%q and %q are of one kind", a, b)
				}
			}
		}
	})
}

// FuzzRecord holds the stored form and the frame around it against protobuf's own
// reading of them.
func FuzzRecord(f *testing.F) {
	f.Add("a", int64(0), uint64(1), int64(0), "type", true, []byte("data"), []byte("meta"), make([]byte, 16), false)
	f.Add("", int64(math.MaxInt64), uint64(math.MaxUint64), int64(-5), "", false, []byte(nil), []byte(nil), bytes.Repeat([]byte{255}, 16), true)
	f.Fuzz(func(t *testing.T, stream string, revision int64, position uint64, created int64, kind string, json bool, data, metadata, id []byte, form bool) {
		if revision < 0 || len(id) != 16 || created == math.MinInt64 {
			t.Skip("nothing that append lets through")
		}
		p := &proposal{id: uuid.UUID(id), kind: kind, json: json, data: data, metadata: metadata}
		value := appendRecord(nil, stream, revision, position, created, p)
		r, err := parseRecord(value, true)
		if err != nil {
			t.Fatal(err)
		}
		if r.id != p.id || string(r.stream) != stream || r.revision != revision || r.created != created ||
			string(r.kind) != kind || !bytes.Equal(r.data, data) {
			t.Errorf("read %+v", r)
		}
		resp := &streamspb.ReadResp{}
		if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(appendEventFrame(nil, value, position, idForm(form)), resp); err != nil {
			t.Skip("a type that is not UTF-8, which no client can have sent")
		}
		e := resp.GetEvent().GetEvent()
		if string(e.GetStreamIdentifier().GetStreamName()) != stream || e.GetStreamRevision() != uint64(revision) ||
			e.GetCommitPosition() != position || e.GetPreparePosition() != position || e.GetMetadata()[metadataType] != kind ||
			!bytes.Equal(e.GetData(), data) || !bytes.Equal(e.GetCustomMetadata(), metadata) ||
			resp.GetEvent().GetCommitPosition() != position {
			t.Errorf("frame %v", resp)
		}
		got := incomingOf(&streamspb.BatchAppendReq_ProposedMessage{Id: e.GetId()})
		if got.fault != nil || got.id != p.id {
			t.Errorf("id %v, %v", got.id, got.fault)
		}
		if (e.GetId().GetString_() != "") != form {
			t.Errorf("id in the form %v", e.GetId())
		}
	})
}

// FuzzDamage reads what was never written: it must be an error or a record, never
// a panic.
func FuzzDamage(f *testing.F) {
	f.Add(appendRecord(nil, "a", 1, 2, 3, &proposal{kind: "x", data: []byte("d")}))
	f.Fuzz(func(_ *testing.T, value []byte) {
		_, _ = parseRecord(value, false)
		_, _ = parseRecord(value, true)
	})
}

// FuzzMetadata parses what clients may write to a metadata stream.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"$maxCount":3,"$maxAge":9223372036854775807,"$tb":-1}`))
	f.Add([]byte(`{"$tb":9223372036854775807}`))
	f.Add([]byte(`[null]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := parseRetention(data)
		if r.maxCount < 0 || r.maxAge < 0 || r.truncateBefore < 0 {
			t.Errorf("%s gives %+v", data, r)
		}
		out, ok := undeleted(data, 7)
		if !ok {
			return
		}
		if got := parseRetention(out); got.truncateBefore != 7 && got != (retention{}) {
			t.Errorf("%s became %s", data, out)
		}
	})
}

func TestCheckpointFrame(t *testing.T) {
	t.Parallel()
	resp := &streamspb.ReadResp{}
	if err := proto.Unmarshal(appendCheckpointFrame(nil, 300), resp); err != nil {
		t.Fatal(err)
	}
	want := &streamspb.ReadResp{Content: &streamspb.ReadResp_Checkpoint_{
		Checkpoint: &streamspb.ReadResp_Checkpoint{CommitPosition: 300, PreparePosition: 300},
	}}
	if diff := cmp.Diff(want.String(), resp.String()); diff != "" {
		t.Error(diff)
	}
}
