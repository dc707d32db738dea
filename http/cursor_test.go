package http

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/projections/lists"
)

func TestCursorsComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	mark := lists.Mark{"2026-11-22 09:30:15.123456+00", uuid.New().String()}
	asked := question("customers", "Ä")
	cursor := pageAfter(asked, &mark).NextCursor
	got, err := markOf[lists.Mark](asked, *cursor)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&mark, got); diff != "" {
		t.Errorf("(-went +came)\n%s", diff)
	}
	if begin, err := markOf[lists.Mark](asked, ""); begin != nil || err != nil {
		t.Errorf("no cursor is the beginning, not %v, %v", begin, err)
	}
	if last := pageAfter[lists.Mark](asked, nil).NextCursor; last != nil {
		t.Errorf("the last page goes on at %q", *last)
	}
}

// A cursor is refused or was handed out; nothing else comes of any bytes.
func FuzzCursor(f *testing.F) {
	asked := question("employees")
	f.Add("", "x")
	f.Add(*pageAfter(asked, &lists.Mark{"Ada"}).NextCursor, "Ada")
	f.Fuzz(func(t *testing.T, cursor, name string) {
		mark, err := markOf[lists.Mark](asked, cursor)
		if (err == nil) != (mark != nil) && cursor != "" {
			t.Errorf("%q is %v, %v", cursor, mark, err)
		}
		if mark != nil && *pageAfter(asked, mark).NextCursor != cursor {
			t.Errorf("%q was never handed out", cursor)
		}
		if made, err := markOf[lists.Mark](asked, *pageAfter(asked, &lists.Mark{name}).NextCursor); err != nil || made == nil {
			t.Errorf("the cursor at %q is refused: %v", name, err)
		}
	})
}

func TestACursorWithALineBreakIsNotTheSame(t *testing.T) {
	t.Parallel()
	mark := "here"
	cursor := *pageAfter("list", &mark).NextCursor
	if again, err := markOf[string]("list", cursor); err != nil || *again != mark {
		t.Fatalf("got %v, %v", again, err)
	}
	if _, err := markOf[string]("list", cursor+"\n"); err == nil {
		t.Error("accepted")
	}
}
