package connector

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// issuerSetting is the setting by which a stack has the routes that tokens open.
const issuerSetting = "CONVERSIONS_JWT_ISSUER"

type tokenCommand struct {
	Subject string        `help:"For whom the token is: the sender, whose events never meet another's. Without it only the key is seen to." placeholder:"NAME"`
	Scope   []string      `help:"What it allows; several with commas: conversioni:scrivi, metriche:leggi, costi:scrivi, ingressi:scrivi, messaggi:invia." enum:"conversioni:scrivi,metriche:leggi,costi:scrivi,ingressi:scrivi,messaggi:invia"`
	Life    time.Duration `help:"How long it holds, an hour at most." default:"1h"`
	Key     string        `help:"File of the private key, for ES256 and RS256; it is made where there is none; conversions-key.pem unless given." default:"conversions-key.pem" placeholder:"FILE" type:"path"`
	NewKey  bool          `help:"Make another key, or add the one in the file of --key. The one before it is accepted until the next."`
	JWKS    bool          `help:"Print the public key set of the file." name:"jwks"`
}

// Help is what --help adds.
func (tokenCommand) Help() string {
	return `Tokens open the routes of conversions, metrics, costs, entries and messages. The parameter ConversionsJwtIssuer switches the routes on and names who makes tokens; ConversionsJwtAlgorithm says how they are signed (here: CONVERSIONS_JWT_ISSUER, CONVERSIONS_JWT_ALGORITHM).

HS256, for a single sender whom you trust: stack and sender share a secret, which is made and stored as CONVERSIONS_JWT_SECRET when there is none. A token is minted with the one that the stack has, whatever stands in the environment or the secret file here; to store one of yours, run connector token --secret-file FILE without --subject. ES256 and RS256: the private key stays in a file of yours (--key), which the sender gets to make tokens with; the stack stores the public key alone. With ConversionsJwksUrl it stores none: publish there what --jwks prints.

The token goes to standard output and nowhere else; everything else is told on standard error. Whoever has it may do what it allows until it ends, and nothing ends it sooner but another key. Issuer and subject together are the tenant: connector conversions names senders by it. Before it is printed, a token is proven as the door will prove it; a key set is asked whether it has the key.

A key that the door cannot use (a secret of less than 32 bytes, a key of RSA of less than 2048 bits, one of another algorithm) is not stored: with it every caller is answered 503, whichever key he uses. One that is stored already --new-key leaves out.

Examples:

    connector token --stack crm-connector
    connector token --subject shop --scope conversioni:scrivi --stack crm-connector
    connector token --subject shop --scope metriche:leggi,costi:scrivi --life 10m --desk http://127.0.0.1:8080
    connector token --jwks --key conversions-key.pem --stack crm-connector > jwks.json
    connector token --new-key --key conversions-key-2.pem --stack crm-connector --plan`
}

// signer is what tokens are signed with.
type signer struct {
	key    any // *ecdsa.PrivateKey, *rsa.PrivateKey or, for HS256, []byte
	public any // nil for HS256
	id     string
}

// Run sees to the key, and mints a token.
func (c tokenCommand) Run(ctx context.Context, s *session) error {
	st, deployed, err := s.deployed(ctx)
	if err != nil {
		return err
	}
	if deployed && c.Subject != "" && st.Setting(ctx, issuerSetting) != "" {
		s.setsUp = false // the token is for the door that stands
	}
	set := s.reader(ctx)
	b := set.Bearer()
	if err := set.Err(); err != nil {
		return wrongf("%v", err)
	}
	switch {
	case c.JWKS && b.Algorithm == "HS256":
		return wrongf("HS256 has no public key: set CONVERSIONS_JWT_ALGORITHM to ES256 or RS256")
	case c.Subject != "" && len(c.Scope) == 0:
		return wrongf("say with --scope what the token allows")
	case c.Subject != "" && b.Issuer == "":
		return wrongf("%s is not set: deploy with the parameter ConversionsJwtIssuer, or set it in the environment of this command", issuerSetting)
	case c.Subject != "" && b.Subjects != nil && !slices.Contains(b.Subjects, c.Subject):
		return wrongf("%s is not among CONVERSIONS_JWT_SUBJECTS: the door would refuse the token", c.Subject)
	case c.Life < time.Second || c.Life > conversions.MaxLifetime:
		return wrongf("--life is from 1s to %s", conversions.MaxLifetime)
	}
	out := s.Stdout
	s.Stdout = s.Stderr // the token stands alone
	defer func() { s.Stdout = out }()
	sign, err := c.signer(ctx, s, st, b)
	if err != nil || sign.key == nil {
		return err
	}
	if c.JWKS {
		return c.keySet(s, out, sign, b.Algorithm)
	}
	if c.Subject == "" {
		s.next("connector token --subject NAME --scope %s %s", conversions.ScopeEvents, s.at())
		return nil
	}
	if s.flags.Plan {
		return s.change("a token is made for "+c.Subject+", for "+c.Life.String(), nil)
	}
	return c.print(ctx, s, st, b, sign, func(token string) error {
		_, err := fmt.Fprintln(out, token)
		return err
	})
}

// print mints a token, proves it, and hands it to standard output.
func (c tokenCommand) print(ctx context.Context, s *session, st *Stack, b settings.Bearer, sign signer, tell func(string) error) error {
	token, err := mint(b, sign, c.Subject, c.Scope, s.Now(), c.Life)
	if err != nil {
		return err
	}
	tenant, err := s.prove(ctx, st, b, sign, token, conversions.Scope(c.Scope[0]))
	if err != nil {
		return fmt.Errorf("the door would refuse the token: %w", err)
	}
	until := s.Now().Add(c.Life).UTC().Format(time.RFC3339)
	s.show("tenant", tenant)
	s.show("expires", until)
	s.note("it holds until %s; %s is the tenant %s", until, c.Subject, tenant)
	if s.flags.JSON {
		s.show("token", token)
		return nil
	}
	return tell(token)
}

// mint makes a token with everything that the door asks for, and nothing else.
func mint(b settings.Bearer, sign signer, subject string, scopes []string, now time.Time, life time.Duration) (string, error) {
	t := jwt.NewWithClaims(jwt.GetSigningMethod(b.Algorithm), jwt.MapClaims{
		"iss": b.Issuer, "aud": b.Audience, "sub": subject, "scope": strings.Join(scopes, " "), "iat": now.Unix(), "exp": now.Add(life).Unix(),
	})
	if sign.id != "" {
		t.Header["kid"] = sign.id
	}
	return t.SignedString(sign.key)
}

// prove reads a token as the door does, with the keys that the stack has: the stored ones, or the one that is published.
func (s *session) prove(ctx context.Context, st *Stack, b settings.Bearer, sign signer, token string, scope conversions.Scope) (conversion.Tenant, error) {
	var keys conversions.Keys = conversions.Given{Algorithm: b.Algorithm, Secrets: func(ctx context.Context) ([]crm.Secret, error) {
		all, err := s.there(ctx, st, settings.ConversionsJWTSecret)
		var out []crm.Secret
		for _, v := range several(all) {
			out = append(out, crm.NewSecret(v))
		}
		return out, err
	}}
	if b.KeySet != "" {
		keys = conversions.One{Public: sign.public}
	}
	there := &conversions.Tokens{Algorithm: b.Algorithm, Issuer: b.Issuer, Audience: b.Audience, Subjects: b.Subjects, Keys: keys, Now: s.Now}
	return there.Verify(ctx, http.Header{"Authorization": {"Bearer " + token}}, scope)
}

// several are secrets that are in use at once, the newest first.
func several(all crm.Secret) []string {
	var out []string
	for v := range strings.SplitSeq(all.Reveal(), ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// signer sees to it that there is a key, and that the stack has its side of it. It has no key where --plan kept it from making one.
func (c tokenCommand) signer(ctx context.Context, s *session, st *Stack, b settings.Bearer) (signer, error) {
	if b.Algorithm == "HS256" {
		return c.shared(ctx, s, st, b)
	}
	var stored []string
	if b.KeySet == "" {
		there, err := s.there(ctx, st, settings.ConversionsJWTSecret)
		if err != nil {
			return signer{}, err
		}
		stored = several(there)
		if err := s.unlike(settings.ConversionsJWTSecret, there); err != nil {
			return signer{}, err
		}
		if err := c.sound(s, b, stored); err != nil {
			return signer{}, err
		}
	}
	key, err := c.private(s, b, len(stored) > 0)
	if err != nil || key == nil {
		return signer{}, err
	}
	sign := signer{key: key, public: key.Public()}
	sign.id = thumbprint(sign.public)
	der, err := x509.MarshalPKIXPublicKey(sign.public)
	if err != nil {
		return signer{}, err
	}
	public := base64.StdEncoding.EncodeToString(der)
	switch what := conversions.Unfit(b.Algorithm, public); {
	case what != "":
		return signer{}, wrongf("%s %s: the door would not use it", c.Key, what)
	case b.KeySet != "":
		s.nothing("the door takes the keys of " + b.KeySet + ": publish there what --jwks prints")
		c.published(ctx, s, b, sign)
		return sign, nil
	}
	return sign, c.publish(ctx, s, st, b, stored, public)
}

// published looks before a token is made whether the key set has its key. It may be published later, or be out of reach from here.
func (c tokenCommand) published(ctx context.Context, s *session, b settings.Bearer, sign signer) {
	if c.Subject == "" {
		return
	}
	_, err := conversions.NewKeySet(b.KeySet, b.Algorithm, &http.Client{Transport: s.HTTP, Timeout: 10 * time.Second}, s.Now).Key(ctx, sign.id)
	switch {
	case errors.Is(err, door.ErrForged):
		s.note("%s does not have the key of %s yet: the door refuses the token until what --jwks prints is published there", b.KeySet, c.Key)
	case err != nil:
		s.note("whether %s has the key of %s is not known: %v", b.KeySet, c.Key, err)
	}
}

// fitting are the stored keys with which the door proves tokens of an algorithm, public ones on one line each, and what is wrong with
// the others, "" where there are none.
func fitting(algorithm string, stored []string) (fit []string, what string) {
	for _, key := range stored {
		if why := conversions.Unfit(algorithm, key); why != "" {
			what = why
			continue
		}
		fit = append(fit, cmp.Or(conversions.OneLine(key), key))
	}
	return fit, what
}

// sound is an error where a stored key is of no use to the door, which then answers 503 to those of the others too, unless --new-key
// leaves it out.
func (c tokenCommand) sound(s *session, b settings.Bearer, stored []string) error {
	_, what := fitting(b.Algorithm, stored)
	switch {
	case what == "":
		return nil
	case c.NewKey:
		s.note("what is stored %s, and is left out", what)
		return nil
	}
	line := "connector token --new-key "
	if b.Algorithm != "HS256" {
		line += "--key " + c.Key + " "
	}
	return fmt.Errorf("%s %s, so that every caller is answered 503: correct ConversionsJwtAlgorithm, or have a key stored without it: %s", settings.ConversionsJWTSecret, what, line+s.at())
}

// publish stores a public key, with --new-key before the newest of those that are stored.
func (c tokenCommand) publish(ctx context.Context, s *session, st *Stack, b settings.Bearer, stored []string, public string) error {
	fit, what := fitting(b.Algorithm, stored)
	before := slices.DeleteFunc(slices.Clone(fit), func(key string) bool { return key == public })
	switch has := len(before) < len(fit); {
	case has && c.NewKey && what == "":
		return wrongf("the stack has the key of %s already: name with --key a file that is not there yet, or one that holds another key", c.Key)
	case has && !c.NewKey:
		s.nothing(settings.ConversionsJWTSecret + " is stored")
		return nil
	case len(stored) > 0 && !c.NewKey:
		return wrongf("the stack has another public key than that of %s: name the file of its key with --key, or add this one: connector token --new-key --key %s %s", c.Key, c.Key, s.at())
	case len(before) > 0:
		public += "," + before[0]
	}
	if what := shape(settings.ConversionsJWTSecret, crm.NewSecret(public)); what != "" {
		return wrongf("%s %s", settings.ConversionsJWTSecret, what)
	}
	return s.storeSecret(ctx, st, settings.ConversionsJWTSecret, crm.NewSecret(public), "(public)")
}

// shared is the secret of HS256. Where the stack has one, a token is minted with that, whatever stands here, and --new-key puts one
// that is made here before it.
func (c tokenCommand) shared(ctx context.Context, s *session, st *Stack, b settings.Bearer) (signer, error) {
	name := settings.ConversionsJWTSecret
	there, err := s.there(ctx, st, name)
	if err != nil {
		return signer{}, err
	}
	handed, err := s.secret(name, false)
	if err != nil {
		return signer{}, err
	}
	stored := several(there)
	has := len(stored) > 0
	mints := has && c.Subject != "" && !st.Running
	if mints || c.NewKey || handed.IsZero() {
		if err := c.sound(s, b, stored); err != nil {
			return signer{}, err
		}
	}
	switch {
	case has && c.NewKey:
		stored, err = c.exchange(ctx, s, st, b, there)
	case mints:
		s.nothing(name + " is stored")
		err = s.unlike(name, there)
	default:
		if _, err = s.admit(ctx, st, nil, entry{name: name, from: own, unfit: unfitFor(b.Algorithm)}); err == nil {
			there, err = s.there(ctx, st, name)
			stored = several(there)
		}
	}
	if err != nil || len(stored) == 0 || c.NewKey && s.flags.Plan {
		return signer{}, err
	}
	return signer{key: []byte(stored[0])}, nil
}

// unfitFor says why one of several keys is of no use for an algorithm.
func unfitFor(algorithm string) func(text string) string {
	return func(text string) string {
		_, what := fitting(algorithm, several(crm.NewSecret(text)))
		return what
	}
}

// exchange puts a new secret before the newest of those that are stored and of use, and returns both.
func (tokenCommand) exchange(ctx context.Context, s *session, st *Stack, b settings.Bearer, there crm.Secret) ([]string, error) {
	name := settings.ConversionsJWTSecret
	handed, err := s.secret(name, false)
	if err != nil {
		return nil, err
	}
	if !handed.IsZero() && handed.Reveal() != there.Reveal() {
		return nil, wrongf("--new-key makes the secret itself, and another than the stored one is handed over here: leave %s out of the environment and of --secret-file; to store one of yours, connector token --secret-file FILE %s, with %s= yours, a comma, the one before it",
			name, s.at(), name)
	}
	made, err := s.random(ownBytes[name])
	if err != nil {
		return nil, err
	}
	fit, _ := fitting(b.Algorithm, several(there))
	both := append([]string{made.Reveal()}, fit[:min(len(fit), 1)]...)
	return both, s.storeSecret(ctx, st, name, crm.NewSecret(strings.Join(both, ",")), madeNow)
}

// private reads the private key, or makes one where there is no file, but not beside one that the stack has unless it is asked to. It
// is nil where --plan kept it from making it.
func (c tokenCommand) private(s *session, b settings.Bearer, other bool) (crypto.Signer, error) {
	algorithm := b.Algorithm
	text, err := os.ReadFile(c.Key)
	switch {
	case err == nil && c.NewKey && b.KeySet != "": // nobody knows here which keys are published
		return nil, wrongf("%s holds a key: name with --key a file that is not there yet", c.Key)
	case err != nil && errors.Is(err, fs.ErrNotExist) && other && !c.NewKey:
		return nil, wrongf("the stack has a public key, and %s is not there: name the file of its key with --key, or have another made: connector token --new-key --key %s %s", c.Key, c.Key, s.at())
	case err == nil:
		return readKey(text, algorithm, c.Key)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, wrongf("--key: %v", err)
	}
	var key crypto.Signer
	err = s.change(fmt.Sprintf("%s holds a new private key for %s", c.Key, algorithm), func() error {
		if key, err = newKey(algorithm, s.Random); err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(c.Key, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Close())
	})
	return key, err
}

func newKey(algorithm string, random io.Reader) (crypto.Signer, error) {
	if algorithm == "RS256" {
		return rsa.GenerateKey(random, 3072)
	}
	return ecdsa.GenerateKey(elliptic.P256(), random)
}

// readKey reads a private key: PKCS #8, or as openssl writes the two kinds alone.
func readKey(text []byte, algorithm, file string) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, wrongf("%s holds no key: PEM is expected", file)
	}
	var key any
	var err error
	switch block.Type {
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if err == nil && algorithm == "ES256" && k.Curve == elliptic.P256() {
			return k, nil
		}
	case *rsa.PrivateKey:
		if err == nil && algorithm == "RS256" {
			return k, nil
		}
	}
	return nil, wrongf("%s holds no private key for %s", file, algorithm)
}

// members are those of a public key in a key set (RFC 7518 §6), which its thumbprint is made of too.
func members(public any) map[string]string {
	text := base64.RawURLEncoding.EncodeToString
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil || len(point) != 65 {
			break
		}
		return map[string]string{"kty": "EC", "crv": "P-256", "x": text(point[1:33]), "y": text(point[33:])}
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "n": text(k.N.Bytes()), "e": text(big.NewInt(int64(k.E)).Bytes())}
	}
	return nil
}

// thumbprint is the name of a key that is made of the key itself (RFC 7638 §3): the members in order, without a blank.
func thumbprint(public any) string {
	canonical, err := json.Marshal(members(public))
	if err != nil {
		panic(err) // texts only
	}
	sum := sha256.Sum256(canonical)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// keySet prints the key set (RFC 7517 §5) with the public key, with --json as a part of the answer, which is then such a set too.
func (tokenCommand) keySet(s *session, out io.Writer, sign signer, algorithm string) error {
	key := members(sign.public)
	key["use"], key["alg"], key["kid"] = "sig", algorithm, sign.id
	keys := []any{key}
	s.show("keys", keys)
	if s.flags.JSON {
		return nil
	}
	text, err := json.MarshalIndent(map[string]any{"keys": keys}, "", "  ")
	if err != nil {
		panic(err) // texts only
	}
	_, err = fmt.Fprintln(out, string(text))
	return err
}
