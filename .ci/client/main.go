// Command client is an application that relies on the API through a client that a
// public generator made of its document, and on nothing else of this repository. It
// is the smoke test of both: .ci/client/run.
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
	registered, err := client.CustomerRegisterWithResponse(ctx, &crm.CustomerRegisterParams{IdempotencyKey: &once},
		crm.RegisterCustomerBody{Kind: "person", Name: &name})
	if err != nil || registered.JSON201 == nil {
		return fmt.Errorf("register: %w %+v", err, registered)
	}
	again, err := client.CustomerRegisterWithResponse(ctx, &crm.CustomerRegisterParams{IdempotencyKey: &once},
		crm.RegisterCustomerBody{Kind: "person", Name: &name})
	if err != nil || again.JSON201 == nil || again.JSON201.ID != registered.JSON201.ID {
		return fmt.Errorf("register again: %w %+v", err, again)
	}
	card, err := client.CustomerCardWithResponse(ctx, registered.JSON201.ID, &crm.CustomerCardParams{MinPosition: &registered.JSON201.Position})
	if err != nil || card.JSON200 == nil || card.JSON200.Name == nil || *card.JSON200.Name != name {
		return fmt.Errorf("card: %w %s", err, card.Body)
	}
	deal, err := client.DealOpenWithResponse(ctx, nil, crm.OpenDealBody{Title: "Lamps", Customer: &registered.JSON201.ID})
	if err != nil || deal.JSON201 == nil {
		return fmt.Errorf("open: %w %s", err, deal.Body)
	}
	won, err := client.DealWinWithResponse(ctx, deal.JSON201.ID, nil, crm.WinBody{})
	if err != nil || won.JSON200 == nil || won.JSON200.Events != 1 {
		return fmt.Errorf("win: %w %s", err, won.Body)
	}
	lost, err := client.DealLoseWithResponse(ctx, deal.JSON201.ID, nil, crm.LoseBody{})
	if err != nil || lost.ApplicationProblemJSONDefault == nil || lost.ApplicationProblemJSONDefault.Type != "/problems/deal-not-open" {
		return fmt.Errorf("lose: %w %s", err, lost.Body)
	}
	return nil
}
