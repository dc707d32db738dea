// Package projections turns the log into Postgres tables that answer questions.
package projections
