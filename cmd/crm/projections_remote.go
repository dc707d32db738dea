package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"crm/projections"
)

// remoteModels has a server look after the read models.
type remoteModels struct {
	client      *http.Client
	server, key string
}

// Builds asks for the builds of all read models.
func (m *remoteModels) Builds(ctx context.Context) ([]projections.BuildStatus, error) {
	var answer struct{ Data []projections.BuildStatus }
	err := m.ask(ctx, http.MethodGet, "/builds", nil, &answer)
	return answer.Data, err
}

// Rebuild has read models rebuilt. When ctx ends the server goes on.
func (m *remoteModels) Rebuild(ctx context.Context, names []string, keep bool, tell func(projections.Progress)) error {
	query := url.Values{}
	if keep {
		query.Set("no_swap", "true")
	}
	_, err := m.job(ctx, namesInPath(names)+"/rebuild", query, tell)
	return err
}

// Verify has read models verified.
func (m *remoteModels) Verify(ctx context.Context, names []string, keys int, tell func(projections.Progress)) ([]projections.Comparison, error) {
	job, err := m.job(ctx, namesInPath(names)+"/verify", url.Values{"keys": {fmt.Sprint(keys)}}, tell)
	return job.Comparisons, err
}

// Diff has two versions compared.
func (m *remoteModels) Diff(ctx context.Context, name string, before, after, keys int, tell func(projections.Progress)) (projections.Comparison, error) {
	job, err := m.job(ctx, "/"+url.PathEscape(name)+"/diff",
		url.Values{"before": {fmt.Sprint(before)}, "after": {fmt.Sprint(after)}, "keys": {fmt.Sprint(keys)}}, tell)
	if err != nil {
		return projections.Comparison{}, err
	}
	if len(job.Comparisons) != 1 {
		return projections.Comparison{}, errors.New("the server's answer holds no comparison")
	}
	return job.Comparisons[0], nil
}

// Rollback has a read model rolled back. When ctx ends the server goes on.
func (m *remoteModels) Rollback(ctx context.Context, name string, tell func(projections.Progress)) (int, error) {
	job, err := m.job(ctx, "/"+url.PathEscape(name)+"/rollback", nil, tell)
	return job.Version, err
}

// Cancel cancels.
func (m *remoteModels) Cancel(ctx context.Context, name string) (int, error) {
	var answer struct{ Dropped int }
	err := m.ask(ctx, http.MethodPost, "/"+url.PathEscape(name)+"/cancel", nil, &answer)
	return answer.Dropped, err
}

func namesInPath(names []string) string {
	if len(names) == 0 {
		return "/all"
	}
	return "/" + url.PathEscape(strings.Join(names, ","))
}

// job starts a job and follows it to its end. When ctx ends the job goes on.
func (m *remoteModels) job(ctx context.Context, path string, query url.Values, tell func(projections.Progress)) (projections.Job, error) {
	var job projections.Job
	if err := m.ask(ctx, http.MethodPost, path, query, &job); err != nil {
		return job, err
	}
	for job.State == projections.JobRunning {
		if err := m.follow(ctx, &job, tell); err != nil {
			return job, fmt.Errorf("the server went away while it worked: %w; once it is back, crm projections list tells how far it is, and what was begun to be read it goes on with", err)
		}
	}
	if job.State == projections.JobFailed {
		return job, fmt.Errorf("the server says: %s", job.Failure)
	}
	return job, nil
}

// follow reads the job's events until the stream ends, which it does now and then.
func (m *remoteModels) follow(ctx context.Context, job *projections.Job, tell func(projections.Progress)) error {
	response, err := m.send(ctx, http.MethodGet, "/jobs/"+job.ID.String()+"/events", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	for {
		line, err := lines.ReadBytes('\n')
		if data, is := bytes.CutPrefix(line, []byte("data: ")); is {
			if err := json.Unmarshal(data, job); err != nil {
				return fmt.Errorf("the server's answer: %w", err)
			}
			tell(job.Progress)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // come back
			return nil
		default:
			return err
		}
	}
}

func (m *remoteModels) ask(ctx context.Context, method, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	response, err := m.send(ctx, method, path, query)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	return nil
}

// send sends a request without a body.
func (m *remoteModels) send(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	at := strings.TrimSuffix(m.server, "/") + "/v1/projections" + path
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return nil, err
	}
	return send(m.client, m.key, request)
}
