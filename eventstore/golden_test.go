package eventstore

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/importrun"
	"crm/domain/interaction"
	"crm/domain/webhook"
)

var update = flag.Bool("update", false, "write the golden files that are missing; existing ones are never touched")

// golden is a file of testdata/events: the very bytes that are stored.
type golden struct {
	Data     json.RawMessage `json:"data"`
	Metadata json.RawMessage `json:"metadata"`
}

func goldenPath(eventType string, version int) string {
	return filepath.Join("testdata", "events", fmt.Sprintf("%s.v%d.json", eventType, version))
}

func parseGolden(path string) (golden, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return golden{}, fmt.Errorf("%w: run go test ./eventstore -run TestGolden -update", err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		return golden{}, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

func TestGolden(t *testing.T) {
	t.Parallel()
	c := newCodec(registered, retired)
	for _, s := range registered {
		t.Run(s.eventType, func(t *testing.T) {
			t.Parallel()
			newest := goldenPath(s.eventType, s.version)
			if _, err := os.Stat(newest); os.IsNotExist(err) && *update {
				writeGolden(t, c, s, newest)
			}
			for version := 1; version <= s.version; version++ {
				g, err := parseGolden(goldenPath(s.eventType, version))
				if err != nil {
					t.Fatal(err)
				}
				event, _, meta := c.decode(s.eventType, g.Data, g.Metadata)
				if u, bad := event.(domain.Unreadable); bad {
					t.Fatalf("version %d is no longer readable: %s", version, u.Why)
				}
				if version < s.version {
					continue
				}
				if field := zeroField(reflect.ValueOf(event), s.eventType); field != "" {
					t.Errorf("the golden does not show %s", field)
				}
				if field := zeroField(reflect.ValueOf(meta), "metadata"); field != "" {
					t.Errorf("the golden does not show %s", field)
				}
				data, metadata, err := c.encode(event, meta)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(g.Data), string(data)); diff != "" {
					t.Errorf("the stored shape changed; that takes a new version and an upcast (-golden +now):\n%s", diff)
				}
				if diff := cmp.Diff(string(g.Metadata), string(metadata)); diff != "" {
					t.Errorf("the stored metadata changed (-golden +now):\n%s", diff)
				}
			}
		})
	}
}

// TestGoldenFilesAreAllRead finds a file whose event or version is no longer
// registered.
func TestGoldenFilesAreAllRead(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, s := range registered {
		for version := 1; version <= s.version; version++ {
			known[goldenPath(s.eventType, version)] = true
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "events", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		if !known[file] {
			t.Errorf("%s was stored once, but nothing reads it", file)
		}
	}
}

// TestEveryEventHasItsCategory: an aggregate whose category is not on the list has
// streams that may be deleted.
func TestEveryEventHasItsCategory(t *testing.T) {
	t.Parallel()
	for _, shape := range registered {
		if category, _, _ := strings.Cut(shape.eventType, "."); !slices.Contains(domain.Categories, category) {
			t.Errorf("domain.Categories lacks %s, of which %s is", category, shape.eventType)
		}
	}
}

// TestEveryEventIsRegistered looks for EventType methods in the source of the
// aggregates, so that forgetting a new event fails here and not in production.
func TestEveryEventIsRegistered(t *testing.T) {
	t.Parallel()
	declared := map[string]bool{}
	files, err := filepath.Glob(filepath.Join("..", "domain", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "domaintest") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range syntax.Decls {
			method, ok := declaration.(*ast.FuncDecl)
			if !ok || method.Recv == nil || method.Name.Name != "EventType" {
				continue
			}
			literal, ok := method.Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s: EventType must return a literal", file)
			}
			eventType, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			declared[eventType] = true
		}
	}
	known := map[string]bool{}
	for _, s := range registered {
		known[s.eventType] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(known))); diff != "" {
		t.Errorf("declared in domain and registered here differ (-domain +registry):\n%s", diff)
	}
}

func writeGolden(t *testing.T, c *codec, s shape, path string) {
	t.Helper()
	var meta domain.Meta
	fill(reflect.ValueOf(&meta).Elem(), "metadata")
	empty, err := s.decode([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	event := reflect.New(reflect.TypeOf(empty)).Elem()
	fill(event, "")
	data, metadata, err := c.encode(event.Interface().(domain.Event), meta)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Appendf(nil, "{\n\"data\": %s,\n\"metadata\": %s\n}\n", data, metadata)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bytes.NewReader(text).WriteTo(file); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// samples are believable values of the types that are more than text.
var samples = func() map[reflect.Type]any {
	all := map[reflect.Type]any{}
	for _, v := range []any{
		time.Date(2026, 11, 22, 9, 30, 15, 123456000, time.UTC), uuid.MustParse("0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21"),
		domain.Currency("EUR"), domain.Date("2026-12-24"), domain.Quantity(2500), domain.BestCase, domain.StageID("proposal_sent"),
		consent.Email, consent.ByLegitimateInterest,
		customer.Person, customer.SalesQualified, customer.Phone, customer.Number, customer.WorksAt,
		deal.LostToPrice,
		interaction.Call, interaction.Outbound, interaction.Interested, interaction.Satisfied,
		webhook.Fingerprint("9f86d081884c7d65"), webhook.Gone,
		importrun.Mapping{Name: "vcard", SHA256: strings.Repeat("9f86d081", 8)},
		importrun.File{Name: "Åses contacts.vcf", Size: 12_345, SHA256: strings.Repeat("60303ae2", 8)},
		importrun.BadFile,
	} {
		all[reflect.TypeOf(v)] = v
	}
	return all
}()

// fill gives v and all within it a value that is not zero.
func fill(v reflect.Value, name string) {
	if sample, ok := samples[v.Type()]; ok {
		v.Set(reflect.ValueOf(sample))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), strings.ToLower(v.Type().Field(i).Name))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), fmt.Sprintf("%s %d", name, i+1))
		}
	case reflect.String:
		v.SetString(name + " & Søn")
	case reflect.Int, reflect.Int64:
		v.SetInt(75)
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("no sample of " + v.Type().String())
	}
}

// zeroField names a field within v that has its zero value, if there is one.
func zeroField(v reflect.Value, path string) string {
	if _, leaf := samples[v.Type()]; !leaf {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if zero := zeroField(v.Field(i), path+"."+v.Type().Field(i).Name); zero != "" {
					return zero
				}
			}
			return ""
		case reflect.Slice:
			for i := range v.Len() {
				if zero := zeroField(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); zero != "" {
					return zero
				}
			}
		default: // a leaf
		}
	}
	if v.IsZero() {
		return path
	}
	return ""
}
