package readmodels_test

import (
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What may stand between the constants of a statement. Each is made of constants itself,
// or names a parameter; a value that somebody gave is none of them.
var piecesOfSQL = []string{
	// the table as of a date, the place of a page, the scope of who asks
	"asOf.from(…)", "asOf.inOrder(…)", "a.from(…)", "a.AsOf.from(…)", "a.AsOf.inOrder(…)", "s.asked.AsOf.from(…)", "asOf.turned(…)", "asOf.first(…)", "m.scope.customer(…)", "m.scope.deal(…)",
	// package lists: of its allow-list, which the compiler keeps from variables
	"stated.Where", "stated.After", "stated.Order", "stated.Mark", "let.Where", "order", "mark",
	"limit",           // a whole number
	"counts", "found", // stated.Counts and stated.Ranked
	// a list's source, which is made of constants, and what follows from the scope
	"s.columns", "s.joins(…)", "s.narrow", "s.born", "s.source.columns", "s.source.joins(…)", "s.source.narrow", "s.table", "from", "born", "where", "beyond", "dealNames(…)", "isParked(…)",
}

var statement = regexp.MustCompile(`\b(SELECT|FROM|WHERE|JOIN|AND|ORDER BY|GROUP BY|LIMIT|UNION|IN)\b`)

// No statement of a list is written from what somebody asked: what is put between its
// constants is one of a few things that are known. (Package lists has its own way: its
// pieces of SQL are of a type that no variable converts to.)
func TestStatementsAreWrittenHere(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"list.go", "customers_list.go", "customers_search.go", "customers_tiers.go", "customers_query.go", "deals_list.go", "deals_query.go", "catalog_list.go", "catalog_query.go", "consents_query.go", "timeline_query.go", "access_query.go"} {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		constants := constantsOf(t)
		ast.Inspect(parsed, func(n ast.Node) bool {
			sum, is := n.(*ast.BinaryExpr)
			if !is || sum.Op != token.ADD {
				return true
			}
			parts := partsOf(sum)
			sql := slices.ContainsFunc(parts, func(p ast.Expr) bool {
				literal, is := p.(*ast.BasicLit)
				return is && statement.MatchString(literal.Value)
			})
			for _, part := range parts {
				text := spelled(set, part)
				_, literal := part.(*ast.BasicLit)
				if sql && !literal && !slices.Contains(piecesOfSQL, text) && !slices.Contains(constants, text) {
					t.Errorf("%s: %s stands in a statement", set.Position(part.Pos()), text)
				}
			}
			return false
		})
	}
}

func partsOf(e ast.Expr) []ast.Expr {
	if sum, is := e.(*ast.BinaryExpr); is && sum.Op == token.ADD {
		return append(partsOf(sum.X), partsOf(sum.Y)...)
	}
	return []ast.Expr{e}
}

// spelled is an expression as it is written, a call without its arguments.
func spelled(set *token.FileSet, e ast.Expr) string {
	call, is := e.(*ast.CallExpr)
	if is {
		e = call.Fun
	}
	var b strings.Builder
	_ = printer.Fprint(&b, set, e)
	if is {
		b.WriteString("(…)")
	}
	return b.String()
}

// constantsOf are the names of the package's constants.
func constantsOf(t *testing.T) []string {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, parser.SkipObjectResolution) //nolint:staticcheck // no build tags here
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range packages {
		for _, f := range p.Files {
			for _, d := range f.Decls {
				if decl, is := d.(*ast.GenDecl); is && decl.Tok == token.CONST {
					for _, spec := range decl.Specs {
						for _, name := range spec.(*ast.ValueSpec).Names {
							names = append(names, name.Name)
						}
					}
				}
			}
		}
	}
	return names
}
