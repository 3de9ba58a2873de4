// Verifies an access token with go-oidc. go get github.com/coreos/go-oidc/v3
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Employee is what an application reads of a token; it says more.
type Employee struct {
	UserID string   `json:"userid"`
	Name   string   `json:"name"`
	Roles  []string `json:"roles"`
}

// The verifier tells access tokens from others by neither type nor name.
func isAccessToken(token string) bool {
	var header struct {
		Type string `json:"typ"`
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	return err == nil && json.Unmarshal(text, &header) == nil && header.Type == "at+jwt"
}

func employee(ctx context.Context, verifier *oidc.IDTokenVerifier, token string) (employee Employee, err error) {
	if !isAccessToken(token) {
		return employee, errors.New("not an access token")
	}
	verified, err := verifier.Verify(ctx, token)
	if err != nil {
		return employee, err
	}
	return employee, verified.Claims(&employee)
}

func main() {
	ctx := context.Background()
	audience := os.Getenv("SSO_AUDIENCE")
	if audience == "" {
		audience = "default"
	}
	// Once for the whole program: the provider keeps the keys.
	provider, err := oidc.NewProvider(ctx, os.Getenv("SSO_URL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"ES256"}})
	found, err := employee(ctx, verifier, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(found.UserID)
}
