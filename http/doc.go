// Package http is how it is asked.
package http
