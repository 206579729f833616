package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/json"
	"fmt"
	"math/big"
)

// algorithms are those that a token may be signed with. What is not here is refused:
// none, and HMAC, whose key whoever verifies would have to share.
var algorithms = map[string]algorithm{
	"RS256": {"RS256", "RSA", crypto.SHA256},
	"RS384": {"RS384", "RSA", crypto.SHA384},
	"RS512": {"RS512", "RSA", crypto.SHA512},
	"PS256": {"PS256", "RSA-PSS", crypto.SHA256},
	"PS384": {"PS384", "RSA-PSS", crypto.SHA384},
	"PS512": {"PS512", "RSA-PSS", crypto.SHA512},
	"ES256": {"ES256", "P-256", crypto.SHA256},
	"ES384": {"ES384", "P-384", crypto.SHA384},
	"ES512": {"ES512", "P-521", crypto.SHA512},
	"EdDSA": {"EdDSA", "OKP", 0},
}

const (
	maxKeys       = 128
	shortestRSA   = 2048
	longestRSA    = 8192
	leastExponent = 3
	mostExponent  = 1<<31 - 1
)

// key is one public key of a provider.
type key struct {
	id     string
	only   string // the algorithm that the provider names for it, or ""
	public crypto.PublicKey
}

// parseKeys reads a JSON Web Key Set. Keys that this program could not verify with are
// passed over, since providers publish keys for other uses in the same set.
func parseKeys(set []json.RawMessage) ([]key, error) {
	if len(set) > maxKeys {
		return nil, fmt.Errorf("the provider has %d keys, more than %d", len(set), maxKeys)
	}
	var out []key
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

func parseKey(raw json.RawMessage) (key, bool) {
	var f struct {
		Kind     string `json:"kty"`
		Use      string `json:"use"`
		ID       string `json:"kid"`
		Only     string `json:"alg"`
		Curve    string `json:"crv"`
		Modulus  string `json:"n"`
		Exponent string `json:"e"`
		X        string `json:"x"`
		Y        string `json:"y"`
	}
	if json.Unmarshal(raw, &f) != nil || f.Use != "" && f.Use != "sig" {
		return key{}, false
	}
	k := key{id: f.ID, only: f.Only}
	bytes := func(s string) []byte { b, _ := encoding.DecodeString(s); return b }
	switch f.Kind {
	case "RSA":
		n, e := new(big.Int).SetBytes(bytes(f.Modulus)), new(big.Int).SetBytes(bytes(f.Exponent))
		if n.BitLen() < shortestRSA || n.BitLen() > longestRSA || !e.IsInt64() || e.Int64() < leastExponent || e.Int64() > mostExponent || e.Bit(0) == 0 {
			return key{}, false
		}
		k.public = &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		curve := curves[f.Curve]
		if curve == nil {
			return key{}, false
		}
		size := (curve.Params().BitSize + 7) / 8
		x, y := bytes(f.X), bytes(f.Y)
		if len(x) != size || len(y) != size {
			return key{}, false
		}
		public, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...)) // on the curve, or an error
		if err != nil {
			return key{}, false
		}
		k.public = public
	case "OKP":
		x := bytes(f.X)
		if f.Curve != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return key{}, false
		}
		k.public = ed25519.PublicKey(x)
	default:
		return key{}, false
	}
	return k, true
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// verifies reports whether the key made the token's signature, by the algorithm that the
// token names and the key is for.
func (k key) verifies(t token) bool {
	a := t.algorithm
	if k.only != "" && k.only != a.name {
		return false
	}
	var digest []byte
	if a.hash != 0 {
		h := a.hash.New()
		h.Write([]byte(t.signed))
		digest = h.Sum(nil)
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		switch a.kind {
		case "RSA":
			return rsa.VerifyPKCS1v15(public, a.hash, digest, t.signature) == nil
		case "RSA-PSS":
			return rsa.VerifyPSS(public, a.hash, digest, t.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
	case *ecdsa.PublicKey:
		size := (public.Curve.Params().BitSize + 7) / 8
		if a.kind != public.Curve.Params().Name || len(t.signature) != 2*size {
			return false
		}
		return ecdsa.Verify(public, digest, new(big.Int).SetBytes(t.signature[:size]), new(big.Int).SetBytes(t.signature[size:]))
	case ed25519.PublicKey:
		return a.kind == "OKP" && ed25519.Verify(public, []byte(t.signed), t.signature)
	}
	return false
}
