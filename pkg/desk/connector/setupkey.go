package connector

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/config"
)

// rest is how long after a pause the last function may still be at work: it notices within a minute, and ends within another.
const rest = 2 * time.Minute

type setupKeyCommand struct {
	FirstKeyLost bool `help:"The first key is lost for good: go on with the one that is handed over, whatever its fingerprint, or with none, and forget who was erased, and whose STOP stands on no contact."`
}

// Help is what --help adds.
func (setupKeyCommand) Help() string {
	return `Stores a new PAIR_KEY, made here and shown to nobody, once the stack has been paused for two minutes. Every base is unknown from then on, until its record is next looked at: a field that is cleared before is filled again from the other side. What is found by its hash, as who was erased or wants no messages, stays with the first key, which is stored behind the new one: read docs/operate.md first. Where the stored one is missing or damaged, the old one is handed over (PAIR_KEY), whole or the first key alone; where the stored one has another first key, that is refused without --first-key-lost. Raise the parameter PairKeyId and deploy before connector resume, or old hashes are taken for edits; connector sync hubspot --all then has every pair looked at.

Examples:

    connector setup key --stack crm-connector --plan
    connector pause --stack crm-connector && sleep 120 && connector setup key --stack crm-connector`
}

// Run exchanges the key of the hashes.
func (c setupKeyCommand) Run(ctx context.Context, s *session) error {
	st, err := s.stack(ctx, toChange)
	if err != nil {
		return err
	}
	if !slices.Contains(st.Needs, settings.PairKey) {
		return wrongf("%s asks for no %s", st.Name, settings.PairKey)
	}
	m, err := s.mode(ctx, st)
	if err != nil {
		return err
	}
	_, at, _ := strings.Cut(m.Why, " ")
	paused, bad := time.Parse(time.RFC3339, at)
	switch {
	case m.Mode != crm.Off || bad != nil:
		return fmt.Errorf("a function that is at work would go on with the old key: connector pause %s first, then wait two minutes", s.at())
	case s.Now().Before(paused.Add(rest)):
		return fmt.Errorf("a function that is still at work would go on with the old key: run this again from %s on", paused.Add(rest).UTC().Format(time.RFC3339))
	}
	s.unused([]entry{{name: settings.PairKey, from: forever}})
	keys, how, err := s.nextKeys(ctx, st, c.FirstKeyLost)
	if err != nil {
		return err
	}
	next, err := s.freeKeyID(ctx, st)
	if err != nil {
		return err
	}
	if err := s.keepKeyID(ctx, st, next); err != nil { // first: nothing may go on with another key under the old number
		return err
	}
	if err := s.storeSecret(ctx, st, settings.PairKey, keys, how); err != nil {
		return err
	}
	if err := s.noteMark(ctx, st, keys); err != nil { // until then the stack knows the one before too
		return err
	}
	s.next("set PairKeyId=%d in samconfig.toml, deploy (%s), then connector resume %s, then connector sync hubspot --all %[3]s", next, redeploy, s.at())
	if next == 1 {
		s.note("%d is the highest PairKeyId: it goes on with 1, and what nobody has touched since the key of that number is taken for an edit", mostKeyID)
	}
	return nil
}

// nextKeys returns a new key with the first one behind it, and how that came about.
func (s *session) nextKeys(ctx context.Context, st *Stack, lost bool) (crm.Secret, string, error) {
	first, err := s.firstKey(ctx, st, lost)
	if err != nil {
		return crm.Secret{}, "", err
	}
	key, err := s.random(ownBytes[settings.PairKey])
	if err != nil {
		return crm.Secret{}, "", err
	}
	if first.IsZero() {
		s.note("there is no first key to go on with: who was erased, and whose STOP stands on no contact, is not known any more (docs/operate.md, PAIR_KEY)")
		return key, madeNow, nil
	}
	return crm.NewSecret(key.Reveal() + "," + first.Reveal()), "with the first key behind it " + madeNow, nil
}

// firstKey is the key that names are hashed with: of the stored secret, or where that can be none of the one that is handed over. One
// that is handed over goes before it where the first key is said to be lost, and is never dropped without a word. It is zero where
// neither has one, which is an error unless nothing was made with a key yet, or it is said to be lost.
func (s *session) firstKey(ctx context.Context, st *Stack, lost bool) (crm.Secret, error) {
	there, err := s.there(ctx, st, settings.PairKey)
	if err != nil {
		return crm.Secret{}, err
	}
	given, err := s.handedKey()
	if err != nil {
		return crm.Secret{}, err
	}
	stored, handed := firstOf(there), firstOf(given)
	two := !stored.IsZero() && !handed.IsZero() && stored.Reveal() != handed.Reveal()
	if lost && !handed.IsZero() {
		if two {
			s.note("the first key is the one that is handed over, and no more the stored one: who was erased under that, and whose STOP stands on no contact, is not known any more (docs/operate.md, PAIR_KEY)")
		}
		return handed, nil
	}
	known, err := s.knowsFirst(ctx, st, stored)
	switch {
	case err != nil:
		return crm.Secret{}, err
	case known && two:
		return crm.Secret{}, wrongf("%s as it is handed over has another first key than the one that is stored, with which the exchange goes on: nothing was stored. "+
			"Leave it out; only where it is the right one, and what is stored is not: connector setup key --first-key-lost --secret-file FILE %s (docs/operate.md, PAIR_KEY)", settings.PairKey, s.at())
	case known:
		return stored, nil
	}
	if known, err = s.knowsFirst(ctx, st, handed); known || err != nil {
		return handed, err
	}
	hashed, err := st.hashed(ctx)
	if err != nil || !hashed || lost {
		return crm.Secret{}, err
	}
	if err := s.otherKey(ctx, st, given); err != nil {
		return crm.Secret{}, err
	}
	what, err := s.notTheKey(ctx, st, there)
	if err == nil {
		err = fmt.Errorf("%s %s, so that the first key is not known, and %s has in its tables what was made with it. Nothing was stored; %s", settings.PairKey, what, st.Name, s.keyBack())
	}
	return crm.Secret{}, err
}

// handedKey is the key that is handed over, zero where none is.
func (s *session) handedKey() (crm.Secret, error) {
	given, err := s.secret(settings.PairKey, false)
	if what := wrongKey(given); err == nil && what != "" && !given.IsZero() {
		err = wrongf("%s %s", settings.PairKey, what)
	}
	return given, err
}

// firstOf is the part of a key that names are hashed with, zero of what can be no key.
func firstOf(key crm.Secret) crm.Secret {
	h, err := pair.NewHasher(key, 0)
	if err != nil {
		return crm.Secret{}
	}
	return h.First()
}

// knowsFirst reports whether names may be hashed with a first key, as far as anybody knows.
func (s *session) knowsFirst(ctx context.Context, st *Stack, first crm.Secret) (bool, error) {
	if first.IsZero() {
		return false, nil
	}
	noted, err := s.marked(ctx, st)
	if err != nil {
		return false, err
	}
	if len(noted) == 0 || slices.ContainsFunc(noted, func(mark string) bool { return strings.HasPrefix(mark, fingerprint(first)) }) {
		return true, nil
	}
	hashed, err := st.hashed(ctx)
	return err == nil && !hashed, err
}

// fingerprint stands for one part of a key without telling it: what it makes of words that nothing else is made of.
func fingerprint(part crm.Secret) string {
	sum := pair.Hasher{Key: part}.Sum("fingerprint", settings.PairKey)
	return hex.EncodeToString(sum[:])
}

// markOf is what the stack knows a key by: the fingerprints of the first key and of the one in force.
func markOf(h pair.Hasher) string { return fingerprint(h.First()) + " " + fingerprint(h.Key) }

// marked returns the marks that are noted: none as before there is a table, two or more where the storing of another key broke off.
func (s *session) marked(ctx context.Context, st *Stack) ([]string, error) {
	if !s.stands {
		return nil, nil
	}
	r, err := s.rows(st).Get(ctx, config.KeyMark)
	return slices.Collect(strings.FieldsFuncSeq(string(r.Value), func(c rune) bool { return c == '\n' })), err
}

// expect notes a key beside the one that is stored, before it takes its place: wherever that breaks off the stack knows what it has. A
// stack that has noted none accuses none.
func (s *session) expect(ctx context.Context, st *Stack, key crm.Secret) error {
	noted, err := s.marked(ctx, st)
	h, bad := pair.NewHasher(key, 0)
	if err != nil || bad != nil || len(noted) == 0 || slices.Contains(noted, markOf(h)) {
		return err
	}
	return s.rows(st).Set(ctx, config.KeyMark, []byte(strings.Join(append(noted, markOf(h)), "\n")))
}

// unmarked returns the mark of a key where it is not noted, or not alone, else "".
func (s *session) unmarked(ctx context.Context, st *Stack, key crm.Secret) (string, error) {
	noted, err := s.marked(ctx, st)
	h, bad := pair.NewHasher(key, 0)
	if err != nil || bad != nil || slices.Equal(noted, []string{markOf(h)}) {
		return "", err
	}
	return markOf(h), nil
}

// mark notes by what alone the stack knows its key.
func (s *session) mark(ctx context.Context, st *Stack, mark string) error {
	return s.rows(st).Set(ctx, config.KeyMark, []byte(mark))
}

// noteMark is mark for a command that says what it does, and does nothing twice.
func (s *session) noteMark(ctx context.Context, st *Stack, key crm.Secret) error {
	mark, err := s.unmarked(ctx, st, key)
	if err != nil || mark == "" {
		return err
	}
	return s.change("the fingerprint of "+settings.PairKey+" is noted: no other key is taken for it", func() error { return s.mark(ctx, st, mark) })
}

// markStored is noteMark for the key that is stored, once there is a table.
func (s *session) markStored(ctx context.Context, st *Stack) error {
	if !s.stands {
		return nil
	}
	there, err := s.there(ctx, st, settings.PairKey)
	if err != nil {
		return err
	}
	return s.noteMark(ctx, st, there)
}

// foreign says of a key that it is not the one that the stack is known to have made hashes with, "" where it may be.
func (s *session) foreign(ctx context.Context, st *Stack, key crm.Secret) (string, error) {
	if wrongKey(key) != "" {
		return "", nil // it is told as what can be no key at all
	}
	h, err := pair.NewHasher(key, 0)
	if err != nil {
		return "", err
	}
	noted, err := s.marked(ctx, st)
	if err != nil || len(noted) == 0 || slices.Contains(noted, markOf(h)) {
		return "", err
	}
	if hashed, err := st.hashed(ctx); err != nil || !hashed {
		return "", err
	}
	if h.Names.IsZero() && slices.ContainsFunc(noted, func(mark string) bool { return strings.Contains(mark, fingerprint(h.Key)) }) {
		return "is one part alone of the key with which the hashes of " + st.Name + " were made", nil
	}
	return "is another key than the one with which the hashes of " + st.Name + " were made", nil
}

// notTheKey says why what is stored is not the key of the hashes, "" where it is, as far as anybody knows.
func (s *session) notTheKey(ctx context.Context, st *Stack, stored crm.Secret) (string, error) {
	if what := wrongKey(stored); what != "" {
		return what, nil
	}
	return s.foreign(ctx, st, stored)
}

// otherKey refuses a key that is handed over and is not the stack's.
func (s *session) otherKey(ctx context.Context, st *Stack, given crm.Secret) error {
	what, err := s.foreign(ctx, st, given)
	if err == nil && what != "" {
		err = wrongf("%s as it is handed over %s: nothing was stored. Hand over the old one, whole (docs/operate.md, PAIR_KEY)", settings.PairKey, what)
	}
	return err
}

// wrongKey says why a stored text cannot be the key of the hashes, "" when it can.
func wrongKey(stored crm.Secret) string {
	if stored.IsZero() {
		return "is missing"
	}
	return shape(settings.PairKey, stored)
}

// keyID is the number of the key that the functions are told; what is not set is 1.
func (s *session) keyID(ctx context.Context) int {
	number, _ := strconv.Atoi(s.setting(ctx, "PAIR_KEY_ID"))
	return max(number, 1)
}

// keepKeyID notes the number that belongs to the next key: the stack does not go on before its functions are told it.
func (s *session) keepKeyID(ctx context.Context, st *Stack, number int) error {
	return s.change(fmt.Sprintf("the stack goes on with PairKeyId %d alone", number), func() error {
		return s.rows(st).Set(ctx, config.KeyID, []byte(strconv.Itoa(number)))
	})
}

// otherKeyID returns the number that was noted with the key that is stored, where the functions are told another one, else "".
func (s *session) otherKeyID(ctx context.Context, st *Stack) (string, error) {
	r, err := s.rows(st).Get(ctx, config.KeyID)
	if err != nil || r.Version == 0 || st.Running || string(r.Value) == strconv.Itoa(s.keyID(ctx)) {
		return "", err
	}
	return string(r.Value), nil
}

// numbered stops a command that lets the stack go on with a key under the number of another one: what was hashed with that is taken
// for edits.
func (s *session) numbered(ctx context.Context, st *Stack) error {
	noted, err := s.otherKeyID(ctx, st)
	if err == nil && noted != "" {
		err = fmt.Errorf("%s was exchanged and has the number %s, and the functions are told %d: set PairKeyId=%[2]s in samconfig.toml and deploy first (%[4]s), then run this again", settings.PairKey, noted, s.keyID(ctx), redeploy)
	}
	return err
}

// mostKeyID is the highest PairKeyId: a pair keeps it in one byte.
const mostKeyID = math.MaxUint8

// freeKeyID is the number of the next key: no key before it has it, also where the functions are told an old one since, or where the
// exchange before was never deployed.
func (s *session) freeKeyID(ctx context.Context, st *Stack) (int, error) {
	told := s.keyID(ctx)
	r, err := s.rows(st).Get(ctx, config.KeyID)
	if err != nil || r.Version == 0 {
		return nextKeyID(told), err
	}
	last, _ := strconv.Atoi(string(r.Value))
	if next := nextKeyID(last); next != told {
		return next, nil
	}
	return nextKeyID(told), nil
}

// nextKeyID is the number after another one.
func nextKeyID(number int) int {
	if number == mostKeyID {
		return 1
	}
	return number + 1
}

// pairKey is the key of the hashes, where the stack needs one. It is never exchanged on the way, not even for one that is handed
// over: with another key every base is unknown, and connector setup key says so.
func pairKey(st *Stack) []entry {
	if !slices.Contains(st.Needs, settings.PairKey) {
		return nil
	}
	return []entry{{name: settings.PairKey, from: forever}}
}

// first returns an error where a key that is nowhere, damaged or another stack's was there once: under another one with the same number what the
// stack keeps of values is taken for edits, and nobody who was erased is known.
func (s *session) first(ctx context.Context, st *Stack, name string) error {
	if !s.stands {
		return nil
	}
	hashed, err := st.hashed(ctx)
	if err != nil || !hashed {
		return err
	}
	there, err := s.there(ctx, st, name)
	if err != nil {
		return err
	}
	what, err := s.notTheKey(ctx, st, there)
	if err == nil {
		err = fmt.Errorf("%s %s, and %s has in its tables what was made with the right one. Nothing was stored; %s", name, what, st.Name, s.keyBack())
	}
	return err
}

// keyBack says how a stack that has something made with its key comes by that again.
func (s *session) keyBack() string {
	return fmt.Sprintf("put the old one back: connector %s --secret-file FILE %[2]s; only where it is lost for good make another: connector pause %[2]s, after two minutes connector setup key --first-key-lost %[2]s, and deploy with the PairKeyId that it names (docs/operate.md, PAIR_KEY)",
		setupOf(settings.PairKey), s.at())
}

// mendKey says what helps a stack whose key is missing or damaged. Where nobody can tell whether it has something made with one, it may.
func (s *session) mendKey(ctx context.Context, st *Stack) string {
	if hashed, err := st.hashed(ctx); err == nil && !hashed {
		return "connector " + setupOf(settings.PairKey) + " " + s.at() + " stores it"
	}
	return s.keyBack()
}
