package commands_test

import (
	"context"
	"fmt"
	"time"

	"crm/commands"
	"crm/domain"
	"crm/domain/deal"
	"crm/domain/domaintest"
	"crm/domain/pipeline"
)

// A command that is sent again is answered as the first time.
func ExampleHandler_Do() {
	ctx := context.Background()
	h := commands.New(domaintest.NewMemory(time.Now), commands.Config{})
	answers := h.DoAll(ctx, []commands.Ask{
		ask("define", domain.DefaultPipeline.UUID, pipeline.Define{Name: "Sales", Stages: []pipeline.Stage{
			{ID: "new", Name: "New", Probability: 10, Category: domain.Pipeline},
		}}),
		ask("open", id("deal"), deal.Open{Title: "Two lamps"}),
	})
	fmt.Println(answers[1].Receipt.Events, answers[1].Err)

	win := ask("win", id("deal"), deal.Win{Amount: domain.Money{Minor: 9800, Currency: "EUR"}})
	for range 2 {
		receipt, err := h.Do(ctx, win)
		fmt.Println(receipt.Revision, receipt.Events, err)
	}
	_, err := h.Do(ctx, ask("lose", id("deal"), deal.Lose{}))
	fmt.Println(err)

	// Output:
	// 1 <nil>
	// 1 1 <nil>
	// 1 1 <nil>
	// deal-not-open: The deal is closed. Reopen it first.
}
