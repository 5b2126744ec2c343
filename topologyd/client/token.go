package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxToken bounds what is read of a token's file, in bytes.
const maxToken = 64 << 10

// token returns the bearer token, "" for none. A file is read each time: whoever
// replaces tokens replaces the file, and a watch that is opened again needs the new
// one.
func (c *Config) token() (string, error) {
	token := c.Token
	if c.TokenFile != "" {
		f, err := os.Open(c.TokenFile)
		if err != nil {
			return "", fmt.Errorf("read token: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		b, err := io.ReadAll(io.LimitReader(f, maxToken))
		if err != nil {
			return "", fmt.Errorf("read token: %w", err)
		}
		if token = strings.TrimSpace(string(b)); token == "" {
			return "", fmt.Errorf("read token: %s is empty", c.TokenFile)
		}
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the token has a character that no token has")
	}
	return token, nil
}
