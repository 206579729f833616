package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are those that a token may be signed with. What is not here is refused:
// none, and HMAC, whose key whoever verifies would have to share.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// byCurve are the algorithms that a curve is for.
var byCurve = map[string]jose.SignatureAlgorithm{"P-256": jose.ES256, "P-384": jose.ES384, "P-521": jose.ES512}

const (
	maxKeys     = 128
	shortestRSA = 2048
	longestRSA  = 8192
	edText      = 45 // characters of an Ed25519 key in base64url, with its quotes
)

// parseKeys reads a JSON Web Key Set. Keys that this program could not verify with are
// passed over, since providers publish keys for other uses in the same set.
func parseKeys(set []json.RawMessage) ([]jose.JSONWebKey, error) {
	if len(set) > maxKeys {
		return nil, fmt.Errorf("the provider has %d keys, more than %d", len(set), maxKeys)
	}
	var out []jose.JSONWebKey
	for _, raw := range set {
		if k, ok := parseKey(raw); ok {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the provider has %d keys, and none that signatures can be verified with", len(set))
	}
	return out, nil
}

// parseKey reads a public key. A private one is not looked at: it proves nothing any
// more, and to have it tested for being prime would cost seconds.
func parseKey(raw json.RawMessage) (k jose.JSONWebKey, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields["d"] != nil || k.UnmarshalJSON(raw) != nil || k.Use != "" && k.Use != "sig" {
		return k, false
	}
	var only jose.SignatureAlgorithm // that such a key is for
	switch public := k.Key.(type) {
	case *rsa.PublicKey:
		size := public.N.BitLen()
		return k, size >= shortestRSA && size <= longestRSA
	case *ecdsa.PublicKey:
		only = byCurve[public.Curve.Params().Name]
	case ed25519.PublicKey:
		only = jose.EdDSA
		if len(fields["x"]) != edText { // the library fills up what is short, and anybody signs for such a key
			return k, false
		}
	default:
		return k, false
	}
	if k.Algorithm == "" {
		k.Algorithm = string(only)
	}
	return k, k.Algorithm == string(only)
}

// verifies answers the token's payload if the key made its signature, by the algorithm
// that the token names and the key is for.
func verifies(k jose.JSONWebKey, token *jose.JSONWebSignature) ([]byte, bool) {
	if k.Algorithm != "" && k.Algorithm != token.Signatures[0].Header.Algorithm {
		return nil, false
	}
	payload, err := token.Verify(k)
	return payload, err == nil
}
