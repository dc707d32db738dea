package http_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkRegister is a command from the request to the answer, on a log in
// memory and without a network.
func BenchmarkRegister(b *testing.B) {
	w := newWorld(b)
	body := `{"kind":"person","name":"Ada","contact_points":[{"kind":"email","value":"ada@example.org"}],"touchpoint":{"source":"Google"}}`
	b.ReportAllocs()
	for b.Loop() {
		request := httptest.NewRequest(http.MethodPost, "/v1/customers", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+key)
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusCreated {
			b.Fatal(recorder.Code, recorder.Body)
		}
	}
}

// BenchmarkBatch is the same 100 times in one request.
func BenchmarkBatch(b *testing.B) {
	w := newWorld(b)
	entry := `{"command":"customer.register","body":{"kind":"person","name":"Ada","touchpoint":{"source":"Google"}}}`
	body := `{"commands":[` + strings.Repeat(entry+",", 99) + entry + `]}`
	b.ReportAllocs()
	for b.Loop() {
		request := httptest.NewRequest(http.MethodPost, "/v1/commands", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+key)
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Code, recorder.Body)
		}
	}
}
