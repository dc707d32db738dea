package projections

import "strings"

// failures joins why builds were given up.
func (f *feed) failures() error {
	var errs modelErrors
	for _, s := range f.shadows {
		if s.err != nil {
			errs = append(errs, modelError{s.projection.Name(), s.err})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// modelErrors are why a task has given up some of its read models.
type (
	modelErrors []modelError
	modelError  struct {
		name string
		err  error
	}
)

func (all modelErrors) Error() string {
	each := make([]string, len(all))
	for i, of := range all {
		each[i] = of.name + ": " + of.err.Error()
	}
	return strings.Join(each, "\n")
}

// Unwrap gives the reasons.
func (all modelErrors) Unwrap() []error {
	each := make([]error, len(all))
	for i, of := range all {
		each[i] = of.err
	}
	return each
}
