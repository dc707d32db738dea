// Command client is an application that relies on the API through a client that a
// public generator (oapi-codegen) made of its document, and on nothing else of this
// repository: it is a module of its own, so that it cannot. .ci/client/run makes the
// client, which is not committed, and runs this against the server at CRM_SERVER with
// the key in the file CRM_CLIENT_KEY_FILE.
//
// It does what every application does: create under an Idempotency-Key and again, read
// its own write, change, and be refused. It ends with exit code 1 and the server's
// answer where that is not the documented one.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"client/crm"
)

func main() {
	if err := smoke(context.Background(), os.Getenv("CRM_SERVER"), os.Getenv("CRM_CLIENT_KEY_FILE")); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
	fmt.Println("a generated client registers, opens, wins, reads its own write and is refused as documented")
}

func smoke(ctx context.Context, server, keyFile string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	client, err := crm.NewClientWithResponses(server, crm.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
		return nil
	}))
	if err != nil {
		return err
	}
	name, once := "Ada Lovelace", "client-smoke-register"
	register := func() (*crm.CustomerRegisterResponse, error) {
		return client.CustomerRegisterWithResponse(ctx, &crm.CustomerRegisterParams{IdempotencyKey: &once},
			crm.RegisterCustomerBody{Kind: "person", Name: &name})
	}
	registered, err := register()
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if registered.JSON201 == nil {
		return fmt.Errorf("register: %s", registered.Body)
	}
	again, err := register()
	if err != nil {
		return fmt.Errorf("register again: %w", err)
	}
	if again.JSON201 == nil || again.JSON201.ID != registered.JSON201.ID {
		return fmt.Errorf("register again: %s", again.Body)
	}
	card, err := client.CustomerCardWithResponse(ctx, registered.JSON201.ID, &crm.CustomerCardParams{MinPosition: &registered.JSON201.Position})
	if err != nil {
		return fmt.Errorf("card: %w", err)
	}
	if card.JSON200 == nil || card.JSON200.Name == nil || *card.JSON200.Name != name {
		return fmt.Errorf("card: %s", card.Body)
	}
	deal, err := client.DealOpenWithResponse(ctx, nil, crm.OpenDealBody{Title: "Lamps", Customer: &registered.JSON201.ID})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if deal.JSON201 == nil {
		return fmt.Errorf("open: %s", deal.Body)
	}
	won, err := client.DealWinWithResponse(ctx, deal.JSON201.ID, nil, crm.WinBody{})
	if err != nil {
		return fmt.Errorf("win: %w", err)
	}
	if won.JSON200 == nil || won.JSON200.Events != 1 {
		return fmt.Errorf("win: %s", won.Body)
	}
	lost, err := client.DealLoseWithResponse(ctx, deal.JSON201.ID, nil, crm.LoseBody{})
	if err != nil {
		return fmt.Errorf("lose: %w", err)
	}
	if lost.ApplicationProblemJSONDefault == nil || lost.ApplicationProblemJSONDefault.Type != "/problems/deal-not-open" {
		return fmt.Errorf("lose: %s", lost.Body)
	}
	return nil
}
