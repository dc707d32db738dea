// Package importingtest has the files that tests of the import read: the data
// sets that the built-in mappings are for, and generated files like them.
//
//	dir := importingtest.Sales.Generate(t, 1000)
//	if real, ok := importingtest.Sales.Real(t); ok {
//		dir = real
//	}
//
// Generated files have the headers of the real ones and their kinds of dirt:
// misspellings, blanks, "Select" for nothing chosen, subsidiaries above their
// parents, three versions of vCard with three kinds of line ends. The same number
// of rows gives the same files, byte for byte.
//
// [Rows] reads a CSV file with encoding/csv, which the importer does not use: what
// the importer is compared with is counted by other means.
package importingtest
