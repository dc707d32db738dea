package http

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// readyTimeout is how long a part may take to say that it is there.
const readyTimeout = 2 * time.Second

// live says that the process answers.
func live(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "live"})
}

// ready says whether every part answers that is needed. It names the parts, not what ails them.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	parts, status := map[string]string{}, http.StatusOK
	var mu sync.Mutex
	var asking sync.WaitGroup
	ask := func(name string, check func(context.Context) error, needed bool) {
		asking.Go(func() {
			err := check(ctx)
			mu.Lock()
			defer mu.Unlock()
			parts[name] = "ready"
			if err != nil {
				parts[name] = "away"
			}
			if err != nil && needed {
				status = http.StatusServiceUnavailable
				exchangeOf(r.Context()).fault = err
			}
		})
	}
	for name, check := range s.cfg.Ready {
		ask(name, check, true)
	}
	for name, check := range s.cfg.Details {
		ask(name, check, false)
	}
	asking.Wait()
	word := "ready"
	if status != http.StatusOK {
		word = "away"
		w.Header().Set("Retry-After", "1")
	}
	answer(w, status, struct {
		Status string            `json:"status"`
		Parts  map[string]string `json:"parts"`
	}{word, parts})
}
