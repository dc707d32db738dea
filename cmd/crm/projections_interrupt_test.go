package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who interrupts a rebuild that a server does is told that the server goes on.
func TestInterruptedRebuildOfAServer(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, `{"id":"0190a5a0-0000-7000-8000-000000000001","task":"rebuild","state":"running"}`)
			return
		}
		interrupt()
		<-r.Context().Done()
	}))
	defer server.Close()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("a-key-that-is-long-enough-for-anybody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rebuild := modelsRebuild{modelsTarget: modelsTarget{Server: server.URL, KeyFile: key}}
	err := rebuild.Run(ctx, streams{out: io.Discard, err: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "the server goes on") {
		t.Errorf("interrupted: %v", err)
	}
}
