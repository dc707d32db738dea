// Package employee is who works here: the people who own customers and deals,
// with their office and manager. It is small enough for one file beside this.
//
//	(none) ──Register──▶ registered ──ChangeDetails──▶ registered
package employee
