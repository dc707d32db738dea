package apikey_test

import (
	"fmt"
	"strings"
	"time"

	"crm/domain/apikey"
)

func Example() {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	events, err := apikey.Decider.Decide(apikey.State{}, apikey.Issue{
		Name: "web-shop", Terms: apikey.Terms{Role: apikey.Sales}, Secret: apikey.Digest(strings.Repeat("0", 64)), Now: now,
	})
	state := apikey.Decider.Fold(events...)
	fmt.Println(events[0].EventType(), state.Live(now), err)
	// Output: apikey.issued true <nil>
}
