package authfile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

const (
	// TokenPrefix is what tokens begin with that are made here, so that those who
	// search for secrets that leaked find them.
	TokenPrefix = "skein_"
	// tokenBytes are the random bytes of a token.
	tokenBytes = 32
	// MaxToken is how many bytes a token has at most.
	MaxToken = 512
)

// NewToken makes a token: [TokenPrefix] and 256 random bits in base64url (RFC 4648,
// section 5).
func NewToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash returns the SHA-256 of a token in hexadecimal digits, as the file has it. A
// hash so fast is enough because nobody can try all tokens that have 128 bits or
// more; see [CheckToken].
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// CheckToken says why a text cannot be used as a token.
func CheckToken(token string) error {
	switch {
	case token == "":
		return errors.New("the token is empty")
	case len(token) > MaxToken:
		return fmt.Errorf("the token has more than %d bytes", MaxToken)
	case !Printable(token):
		return errors.New("the token has spaces, or characters that a header cannot hold")
	case len(token) < 22: // 128 bits of base64
		return errors.New("the token is shorter than 22 characters, and could be guessed; topologyctl token new makes one")
	}
	return nil
}

// Printable tells whether all characters are visible ASCII.
func Printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
