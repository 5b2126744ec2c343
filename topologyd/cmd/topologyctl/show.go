package main

import (
	"encoding/json"

	"github.com/skein-net/skein/topologyd/client"
)

// Outputs that are made for people; all others are the answer as it came.
const (
	outputText  = "text"
	outputTable = "table"
)

// question is what a command asks the server, and how its answer is shown.
type question[T any] struct {
	ask func(c *client.Client) (T, error)
	// raw is the answer as it came, text what people read of it.
	raw  func(T) json.RawMessage
	text func(T) []byte
}

// show asks, and prints the answer in an output.
func show[T any](a *app, output string, q question[T]) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	answer, err := q.ask(c)
	if err != nil {
		return err
	}
	if output != outputText && output != outputTable {
		return a.print(q.raw(answer), output)
	}
	_, err = a.env.Stdout.Write(q.text(answer))
	return err
}
