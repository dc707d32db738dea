package http

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/projections/readmodels"
)

// lineKeys say what the keys of a report's lines look like. A key that no line could
// ever have is a mistake, and answered as one: no events behind it would look like a
// figure of nothing.
type lineKeys struct {
	fit  func(key string) bool
	look string // in a sentence, to whose key does not fit
}

// orNone lets the line without a key have events too.
func (k lineKeys) orNone() lineKeys {
	fit := k.fit
	return lineKeys{func(key string) bool { return key == "" || fit(key) }, k.look + ", or empty for the line without one"}
}

func keysLike(pattern, look string) lineKeys {
	return lineKeys{regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString, look}
}

func keysOf[T ~string](values ...T) lineKeys {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	return lineKeys{func(key string) bool { return slices.Contains(names, key) }, strings.Join(names, ", ")}
}

var (
	monthKeys    = keysLike(`\d{4,}-(0[1-9]|1[0-2])`, "a month like 2026-03")
	quarterKeys  = keysLike(`\d{4,}-Q[1-4]`, "a quarter like 2026-Q1")
	yearKeys     = keysLike(`\d{4,}`, "a year like 2026")
	nameKeys     = keysLike(`(?s).*`, "any name")
	inOneKeys    = keysOf("all")
	categoryKeys = keysOf(domain.Pipeline, domain.BestCase, domain.Commit, domain.Closed)
	idKeys       = lineKeys{func(key string) bool {
		id, err := uuid.Parse(key)
		return err == nil && id.String() == key
	}, "an id, a UUID in lower case"}
	stageKeys = lineKeys{func(key string) bool { return domain.StageID(key).Valid() }, "a stage's id"}
	placeKeys = lineKeys{
		func(key string) bool { return key == readmodels.WonKey || stageKeys.fit(key) },
		stageKeys.look + ", or " + readmodels.WonKey,
	}
	sourceKeys = lineKeys{func(key string) bool {
		stage, _, parted := strings.Cut(key, ":")
		return parted && customer.LifecycleStage(stage).Valid()
	}, "a lifecycle stage and a source like lead:Google"}
	coverageKeys = keysLike(`[^:]+:[^:]+:[^:]+`, "a purpose, channel and status like newsletter:email:granted")
)

// always are the keys of a report whose lines are the same whatever it is asked.
func always[Q any](keys lineKeys) func(Q) lineKeys { return func(Q) lineKeys { return keys } }

// The keys of the reports that are asked for in several groupings.
var (
	salesKeys = map[readmodels.SalesGrouping]lineKeys{
		readmodels.InOne: inOneKeys, readmodels.ByMonth: monthKeys, readmodels.ByQuarter: quarterKeys, readmodels.ByYear: yearKeys,
		readmodels.ByOwner: idKeys.orNone(), readmodels.ByManager: idKeys.orNone(), readmodels.ByProduct: idKeys.orNone(),
		readmodels.ByOffice: nameKeys, readmodels.ByFamily: nameKeys,
	}
	forecastKeys = map[readmodels.ForecastGrouping]lineKeys{
		readmodels.ForecastInOne: inOneKeys, readmodels.ForecastByMonth: monthKeys.orNone(), readmodels.ForecastByOwner: idKeys.orNone(),
		readmodels.ForecastByCategory: categoryKeys.orNone(), readmodels.ForecastByStage: stageKeys.orNone(),
	}
	churnKeys = map[readmodels.ChurnGrouping]lineKeys{
		readmodels.ChurnByMonth: monthKeys, readmodels.ChurnByQuarter: quarterKeys, readmodels.ChurnByYear: yearKeys,
	}
)

// check refuses a key that no line can have.
func (k lineKeys) check(key string) error {
	if k.fit(key) {
		return nil
	}
	return &parameterFault{"key", "The key of a line is " + k.look + "."}
}
