package connector

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/conversation"
)

// forgotten is a stack of which somebody was erased: his tombstones are what is left of the pair. It returns his ids and the key.
func forgotten(t *testing.T) (b *bench, hub, zo string, key crm.Secret) {
	t.Helper()
	b = stage(t)
	hub, zo = b.rossi()
	b.want(ExitOK, "erase", "hubspot", hub)
	b.settle()
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
	return b, hub, zo, b.vault[settings.PairKey]
}

// damages are texts that cannot be the key, each made of one that is.
var damages = map[string]func(key string) string{
	"nothing":               func(string) string { return "" },
	"half of it":            func(key string) string { return key[:20] },
	"a blank in the middle": func(key string) string { return strings.Repeat("e", 64) + ", " + key },
	"a comma at the end":    func(key string) string { return key + "," },
	"three parts":           func(key string) string { return key + "," + key + "," + key },
}

// oldBack is what helps a stack that has pairs and lacks their key.
const oldBack = "put the old one back: connector setup hubspot --secret-file FILE --stack shop; only where it is lost for good make another: connector pause --stack shop, " +
	"after two minutes connector setup key --first-key-lost --stack shop, and deploy with the PairKeyId that it names"

// offering is a command line that hands over a key of the hashes.
func offering(t *testing.T, key string) []string {
	return []string{"setup", "hubspot", "--out", t.TempDir(), "--secret-file", file(t, "secrets.env", "PAIR_KEY="+key+"\n")}
}

func TestASecretIsReadWithoutTheWhiteSpaceAroundItAsTheFunctionsReadIt(t *testing.T) {
	b, hub, zo, _ := forgotten(t)
	right := maps.Clone(b.vault)
	for name, v := range right {
		b.vault[name] = crm.NewSecret(" " + v.Reveal() + "\r\n")
	}
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
	has(t, b.want(ExitOK, offering(t, right[settings.PairKey].Reveal())...), "as is  PAIR_KEY is stored, and stays")
}

func TestADamagedKeyOfTheHashesGivesWayToTheOldOneAndToNoOther(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			b, hub, zo, key := forgotten(t)
			b.vault[settings.PairKey] = crm.NewSecret(damage(key.Reveal()))
			_, all := b.examine()
			if !slices.ContainsFunc(all, func(f finding) bool {
				return f.Check == "secrets" && f.Level == levelFault && strings.HasPrefix(f.What, "PAIR_KEY ") && strings.HasPrefix(f.Mend, oldBack)
			}) {
				t.Errorf("%+v", all)
			}
			b.unchanged("a damaged key", func() {
				has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "so that nobody knows who was erased: "+oldBack)
				for _, line := range [][]string{{"setup", "hubspot", "--out", t.TempDir()}, {"setup", "zoho"}, {"setup", "zoho", "--plan"}} {
					has(t, b.want(ExitFinding, line...), "and shop has in its tables what was made with the right one. Nothing was stored; "+oldBack)
				}
			})
			has(t, b.want(ExitOK, offering(t, key.Reveal())...), "done   PAIR_KEY is stored as /shop/PAIR_KEY")
			has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
			if code, all := b.examine(); code != ExitOK {
				t.Errorf("%+v", all)
			}
		})
	}
}

func TestTheFirstKeyIsLeftOutOnlyWhereSomebodySaysThatItIsLost(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			b, _, _, key := forgotten(t)
			b.vault[settings.PairKey] = crm.NewSecret(damage(key.Reveal()))
			b.want(ExitOK, "pause")
			b.Clock.Advance(rest)
			b.unchanged("a first key that is not known", func() {
				for _, line := range [][]string{{"setup", "key"}, {"setup", "key", "--plan"}} {
					has(t, b.want(ExitFinding, line...), "the first key is not known", oldBack)
				}
				b.unlooked = errLost // not to know it is not to know that there are no pairs
				has(t, b.want(ExitFinding, "setup", "key"), "lost")
				b.unlooked = nil
			})
			has(t, b.want(ExitOK, "setup", "key", "--first-key-lost"), "note   there is no first key to go on with", "done   PAIR_KEY is stored as /shop/PAIR_KEY (made just now, shown to nobody)")
			if got := len(b.vault[settings.PairKey].Reveal()); got != 64 {
				t.Errorf("%d characters", got)
			}
		})
	}
	b, hub, zo, key := forgotten(t)
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	has(t, b.want(ExitOK, "setup", "key", "--first-key-lost"), "with the first key behind it") // it is there all the same
	if !strings.HasSuffix(b.vault[settings.PairKey].Reveal(), ","+key.Reveal()) {
		t.Error("the first key is gone")
	}
	b.told["PAIR_KEY_ID"] = "2"
	b.want(ExitOK, "resume")
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
}

func TestAnExchangeGoesOnWithAFirstKeyThatIsHandedOver(t *testing.T) {
	b, hub, zo, key := forgotten(t)
	delete(b.vault, settings.PairKey)
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	b.unchanged("no key", func() {
		has(t, b.want(ExitUsage, "setup", "key", "--secret-file", file(t, "secrets.env", "PAIR_KEY=canary\n")), "PAIR_KEY has less than 32 characters")
	})
	has(t, b.want(ExitOK, "setup", "key", "--secret-file", file(t, "secrets.env", "PAIR_KEY="+key.Reveal()+"\n")), "with the first key behind it")
	if !strings.HasSuffix(b.vault[settings.PairKey].Reveal(), ","+key.Reveal()) {
		t.Error("the first key is gone")
	}
	b.told["PAIR_KEY_ID"] = "2"
	b.want(ExitOK, "resume")
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
}

func TestADamagedKeyIsMadeAnewWhereNothingWasMadeWithIt(t *testing.T) {
	b := stage(t)
	b.vault[settings.PairKey] = crm.NewSecret("short")
	has(t, b.want(ExitOK, "setup", "zoho"), "done   PAIR_KEY is stored as /shop/PAIR_KEY (made just now, shown to nobody)")
	if got := len(b.vault[settings.PairKey].Reveal()); got != 64 {
		t.Errorf("%d characters", got)
	}
}

// noted has the stack know a key by its fingerprint, or none.
func (b *bench) noted(key crm.Secret) {
	b.t.Helper()
	if key.IsZero() {
		rows, err := b.Tables[sandbox.Config].Get(b.t.Context(), row.Key{Part: "config", Sort: config.KeyMark})
		b.must(err)
		b.must(b.Tables[sandbox.Config].Put(b.t.Context(), row.Put{Key: rows[0].Key, If: rows[0].Version, Delete: true}))
		return
	}
	h, err := pair.NewHasher(key, 0)
	b.must(err)
	b.set(config.KeyMark, markOf(h))
}

// mark is what the stack knows its key by, "" for nothing.
func (b *bench) mark() string { return b.configured(config.KeyMark) }

// configured is what the table of settings holds.
func (b *bench) configured(name string) string {
	b.t.Helper()
	rows, err := b.Tables[sandbox.Config].Get(b.t.Context(), row.Key{Part: "config", Sort: name})
	b.must(err)
	return string(rows[0].Value)
}

// another is a key of another stack.
var another = strings.Repeat("f", 64)

// exchanged is a stack whose key was exchanged after somebody was erased.
func exchanged(t *testing.T) (b *bench, hub, zo, first, whole string) {
	t.Helper()
	b, hub, zo, key := forgotten(t)
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	b.want(ExitOK, "setup", "key")
	b.told["PAIR_KEY_ID"] = "2"
	b.want(ExitOK, "resume")
	return b, hub, zo, key.Reveal(), b.vault[settings.PairKey].Reveal()
}

func TestNoOtherKeyIsTakenInThePlaceOfTheOneThatIsLost(t *testing.T) {
	b, hub, zo, first, whole := exchanged(t)
	delete(b.vault, settings.PairKey)
	newer, _, _ := strings.Cut(whole, ",")
	const half, other = "is one part alone of the key with which the hashes of shop were made", "is another key than the one with which the hashes of shop were made"
	for key, why := range map[string]string{newer: half, first: half, another: other, first + "," + newer: other, another + "," + first: other, newer + "," + another: other} {
		b.unchanged("another key", func() {
			out := b.want(ExitUsage, offering(t, key)...)
			has(t, out, "PAIR_KEY as it is handed over "+why+": nothing was stored. Hand over the old one, whole (docs/operate.md, PAIR_KEY)")
			hasNot(t, out, key)
		})
	}
	b.unlooked = errLost // not to know it is not to know that there are none
	b.unchanged("a look that fails", func() { has(t, b.want(ExitFinding, offering(t, another)...), "lost") })
	b.unlooked = nil
	b.want(ExitOK, offering(t, whole)...)
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
}

func TestAStoredKeyThatIsAnotherOneIsNamedAndGivesWayToTheOldOne(t *testing.T) {
	b, hub, zo, first, whole := exchanged(t)
	for key, why := range map[string]string{another: "is another key than the one", first: "is one part alone of the key"} {
		b.vault[settings.PairKey] = crm.NewSecret(key)
		code, all := b.examine()
		if code != ExitFinding || !slices.ContainsFunc(all, func(f finding) bool {
			return f.Check == "key" && f.Level == levelFault && strings.HasPrefix(f.What, "PAIR_KEY "+why) && strings.HasPrefix(f.Mend, oldBack)
		}) {
			t.Errorf("exit %d, %+v", code, all)
		}
		b.unchanged("another key", func() {
			has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "PAIR_KEY "+why, "so that nobody knows who was erased: "+oldBack)
			has(t, b.want(ExitFinding, "setup", "zoho"), "PAIR_KEY "+why, "Nothing was stored; "+oldBack)
		})
		b.want(ExitOK, offering(t, whole)...)
		if b.vault[settings.PairKey].Reveal() != whole {
			t.Error("the old one is not stored")
		}
		has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
	}
}

func TestAnExchangeGoesOnWithNoFirstKeyButTheNotedOne(t *testing.T) {
	b, hub, zo, first, _ := exchanged(t)
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	b.vault[settings.PairKey] = crm.NewSecret(another)
	other := file(t, "secrets.env", "PAIR_KEY="+strings.Repeat("d", 64)+"\n")
	b.unchanged("another first key", func() {
		has(t, b.want(ExitFinding, "setup", "key"), "PAIR_KEY is another key than the one", "so that the first key is not known", oldBack)
		has(t, b.want(ExitUsage, "setup", "key", "--secret-file", other), "PAIR_KEY as it is handed over is another key than the one")
	})
	has(t, b.want(ExitOK, "setup", "key", "--secret-file", file(t, "secrets.env", "PAIR_KEY="+first+"\n")), "with the first key behind it")
	b.told["PAIR_KEY_ID"] = "3"
	b.want(ExitOK, "resume")
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	delete(b.vault, settings.PairKey) // and where somebody knows better than the fingerprint
	b.want(ExitOK, "setup", "key", "--first-key-lost", "--secret-file", other)
	if !strings.HasSuffix(b.vault[settings.PairKey].Reveal(), ","+strings.Repeat("d", 64)) {
		t.Error("what was handed over is not the first key")
	}
}

func TestTheFingerprintOfAKeyIsNotedByTheFirstRunThatFindsNone(t *testing.T) {
	for name, line := range map[string][]string{"doctor": {"doctor"}, "setup zoho": {"setup", "zoho"}, "setup hubspot": {"setup", "hubspot", "--out", t.TempDir()}} {
		b := stage(t)
		b.rossi()
		b.set(config.Portal, "62515")
		want := b.mark()
		b.noted(crm.Secret{})
		b.unchanged(name+" --plan", func() { b.want(ExitOK, append(line, "--plan")...) })
		b.want(ExitOK, line...)
		if got := b.mark(); got != want || strings.Contains(got, b.vault[settings.PairKey].Reveal()[:8]) {
			t.Errorf("%s notes %q, want %q", name, got, want)
		}
		b.unchanged(name+" again", func() { b.want(ExitOK, line...) })
	}
	b := stage(t)
	b.noted(crm.Secret{})
	b.tables = func(name string, to Table) Table {
		if name == sandbox.Config {
			return unwritten{to, config.KeyMark}
		}
		return to
	}
	if code, all := b.examine(); code != ExitOK || !slices.ContainsFunc(all, func(f finding) bool { return f.Check == "key" && f.Level == levelNote }) { // a look that may not write
		t.Errorf("exit %d, %+v", code, all)
	}
}

func TestAStackWithoutPairsTakesAnyKeyAndNotesIt(t *testing.T) {
	b := stage(t)
	delete(b.vault, settings.PairKey)
	has(t, b.want(ExitOK, offering(t, another)...), "done   PAIR_KEY is stored", "done   the fingerprint of PAIR_KEY is noted")
	b.rossi()
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
}

// halted pauses a stack for as long as an exchange of its key wants, and has the next run draw other randomness than the last.
func (b *bench) halted() {
	b.t.Helper()
	b.want(ExitOK, "pause")
	b.Clock.Advance(rest)
	b.chance++
}

// handing is a secret file that hands over a key of the hashes.
func handing(t *testing.T, key string) string { return file(t, "secrets.env", "PAIR_KEY="+key+"\n") }

// firstIs checks which key names are hashed with.
func (b *bench) firstIs(first string) {
	b.t.Helper()
	if now, behind, _ := strings.Cut(b.vault[settings.PairKey].Reveal(), ","); behind != first || now == first {
		b.t.Errorf("of %d and %d characters the second part is not the first key", len(now), len(behind))
	}
}

func TestAFirstKeyThatTurnsUpAfterItWasGivenUpIsTheFirstOneAgain(t *testing.T) {
	b, hub, zo, key := forgotten(t)
	delete(b.vault, settings.PairKey)
	b.halted()
	b.want(ExitOK, "setup", "key", "--first-key-lost")
	b.told["PAIR_KEY_ID"] = "2"
	b.want(ExitOK, "resume")
	hasNot(t, b.run("link", hub, zo, "--plan").out, "erased")
	b.halted()
	has(t, b.want(ExitOK, "setup", "key", "--first-key-lost", "--secret-file", handing(t, key.Reveal())),
		"note   the first key is the one that is handed over, and no more the stored one: who was erased under that, and whose STOP stands on no contact, is not known any more", "with the first key behind it")
	b.firstIs(key.Reveal())
	b.told["PAIR_KEY_ID"] = "3"
	b.want(ExitOK, "resume")
	has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
}

func TestAnExchangeDropsNoFirstKeyThatIsHandedOver(t *testing.T) {
	for noted, mark := range map[string]crm.Secret{"no mark": {}, "the mark of the stored one": crm.NewSecret(another)} {
		t.Run(noted, func(t *testing.T) {
			b, hub, zo, key := forgotten(t)
			b.vault[settings.PairKey] = crm.NewSecret(another)
			b.noted(mark)
			b.halted()
			const why = "PAIR_KEY as it is handed over has another first key than the one that is stored, with which the exchange goes on: nothing was stored. " +
				"Leave it out; only where it is the right one, and what is stored is not: connector setup key --first-key-lost --secret-file FILE --stack shop"
			b.unchanged("another first key", func() {
				for _, given := range []string{key.Reveal(), strings.Repeat("e", 64) + "," + key.Reveal()} {
					out := b.want(ExitUsage, "setup", "key", "--secret-file", handing(t, given))
					has(t, out, why)
					hasNot(t, out, given)
					has(t, b.want(ExitUsage, "setup", "key", "--plan", "--secret-file", handing(t, given)), why)
				}
				b.env[settings.PairKey] = key.Reveal()
				has(t, b.want(ExitUsage, "setup", "key"), why)
				delete(b.env, settings.PairKey)
			})
			has(t, b.want(ExitOK, "setup", "key", "--first-key-lost", "--secret-file", handing(t, key.Reveal())), "with the first key behind it")
			b.firstIs(key.Reveal())
			b.told["PAIR_KEY_ID"] = "2"
			b.want(ExitOK, "resume")
			has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
		})
	}
	b, _, _, first, whole := exchanged(t)
	for _, given := range []string{first, whole} { // the stored one again
		b.halted()
		hasNot(t, b.want(ExitOK, "setup", "key", "--secret-file", handing(t, given)), "note ")
		b.firstIs(first)
	}
}

func TestWhereNothingWasMadeWithAKeyNoFingerprintHasTheFirstOneDropped(t *testing.T) {
	b := stage(t)
	b.noted(crm.NewSecret(another))
	was := b.vault[settings.PairKey].Reveal()
	b.halted()
	b.want(ExitOK, "setup", "key")
	b.firstIs(was)
	b.noted(crm.NewSecret(another))
	delete(b.vault, settings.PairKey)
	b.halted()
	b.want(ExitOK, "setup", "key", "--secret-file", handing(t, strings.Repeat("d", 64)))
	b.firstIs(strings.Repeat("d", 64))
}

// stopped is a stack without a pair on which a stranger wrote STOP. It returns who is known by his number: the contact of his messages.
func stopped(t *testing.T) (b *bench, known func() string) {
	t.Helper()
	b = stage(t, func(o *sandbox.WorldOptions) { o.WhatsApp = &whatsapptest.Options{}; o.Mapping.PhoneRegion = "IT" })
	_, err := b.WhatsApp.Meet("Anna", "393331110001").Say(whatsapptest.DefaultNumber, "STOP")
	b.must(err)
	b.settle()
	if n := b.Tables[sandbox.Pairs].Len(); n > 0 {
		t.Fatalf("%d rows of pairs", n)
	}
	return b, func() string {
		h, err := pair.NewHasher(b.vault[settings.PairKey], 1)
		b.must(err)
		p := conversation.People{Store: b.Tables["chats"], Hasher: h}
		contact, err := p.Contact(t.Context(), crm.DefaultConnection, p.Names(crm.DefaultConnection, "IT", crm.Text("+393331110001"))[0])
		b.must(err)
		return contact
	}
}

func TestAKeyIsNotMadeAnewWhereSomebodyWroteOnWhatsAppBeforeThereIsAPair(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			b, known := stopped(t)
			right, anna := b.vault[settings.PairKey], known()
			if anna == "" {
				t.Fatal("nobody knows who wrote")
			}
			b.vault[settings.PairKey] = crm.NewSecret(damage(right.Reveal()))
			_, all := b.examine()
			if !slices.ContainsFunc(all, func(f finding) bool {
				return f.Check == "secrets" && f.Level == levelFault && strings.HasPrefix(f.Mend, oldBack)
			}) {
				t.Errorf("%+v", all)
			}
			b.unchanged("a damaged key", func() {
				has(t, b.want(ExitFinding, "setup", "hubspot", "--out", t.TempDir()), "and shop has in its tables what was made with the right one. Nothing was stored; "+oldBack)
				has(t, b.want(ExitUsage, offering(t, another)...), "is another key than the one with which the hashes of shop were made")
			})
			b.want(ExitOK, offering(t, right.Reveal())...)
			if got := known(); got != anna {
				t.Errorf("the contact of who wrote is %q, want %q", got, anna)
			}
		})
	}
	b, _ := stopped(t)
	b.vault[settings.PairKey] = crm.NewSecret("short")
	b.halted()
	b.unchanged("a damaged key", func() { has(t, b.want(ExitFinding, "setup", "key"), "the first key is not known", oldBack) })
}

func TestAFingerprintThatWasNotedBeforeAnythingWasMadeGivesWayToThatOfTheStoredKey(t *testing.T) {
	b := stage(t)
	right := b.mark()
	b.noted(crm.NewSecret(another)) // of a key that somebody exchanged past connector
	b.unchanged("doctor --plan", func() { b.want(ExitOK, "doctor", "--plan") })
	b.want(ExitOK, "doctor")
	if got := b.mark(); got != right {
		t.Errorf("noted is %q, want %q", got, right)
	}
	b.rossi()
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("%+v", all)
	}
	b.noted(crm.NewSecret(another))
	b.unchanged("doctor, once there is a pair", func() { has(t, b.want(ExitFinding, "doctor"), "PAIR_KEY is another key than the one") })
}

// knows checks that the key of a stack that is paused tells who was erased.
func (b *bench) knows(hub, zo string) {
	b.t.Helper()
	rows, err := b.Tables[sandbox.Config].Get(b.t.Context(), row.Key{Part: "config", Sort: config.Mode})
	b.must(err)
	b.set(config.Mode, "observe")
	has(b.t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
	b.set(config.Mode, string(rows[0].Value))
}

// breaking is a stack that takes so many writes of config and of secrets, and no more.
type breaking struct{ left int }

func (br *breaking) write() error {
	if br.left--; br.left < 0 {
		return errLost
	}
	return nil
}

type breakingTable struct {
	Table
	*breaking
}

func (t breakingTable) Put(ctx context.Context, puts ...row.Put) error {
	if err := t.write(); err != nil {
		return err
	}
	return t.Table.Put(ctx, puts...)
}

type breakingVault struct {
	Vault
	*breaking
}

func (v breakingVault) Put(ctx context.Context, name string, s crm.Secret) error {
	if err := v.write(); err != nil {
		return err
	}
	return v.Vault.Put(ctx, name, s)
}

// breaks has a command line break off after so many writes, and reports whether it did.
func (b *bench) breaks(after int, line ...string) bool {
	b.t.Helper()
	br := &breaking{after}
	b.opener = func(ctx context.Context, w World, at Where) (*Stack, error) {
		st, err := b.open(ctx, w, at)
		st.Config, st.Vault = breakingTable{st.Config, br}, breakingVault{st.Vault, br}
		return st, err
	}
	defer func() { b.opener = nil }()
	return b.run(line...).code != ExitOK
}

func TestAnExchangeThatBreaksOffAnywhereLeavesAKeyThatTheStackKnows(t *testing.T) {
	writes := 0
	for broken := true; broken; writes++ {
		for _, between := range []string{"", "doctor", "setup hubspot"} {
			b, hub, zo, key := forgotten(t)
			b.halted()
			broken = b.breaks(writes, "setup", "key")
			switch between {
			case "doctor":
				_, all := b.examine()
				for _, f := range all {
					if f.Level == levelFault && !strings.HasPrefix(f.What, "PAIR_KEY was exchanged and has the number 2") {
						t.Errorf("after %d writes: %+v", writes, f)
					}
				}
			case "setup hubspot":
				has(t, b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir()), "as is  PAIR_KEY is stored, and stays")
			}
			b.knows(hub, zo)
			b.chance++
			b.want(ExitOK, "setup", "key")
			b.firstIs(key.Reveal())
			b.told["PAIR_KEY_ID"] = b.configured(config.KeyID)
			b.want(ExitOK, "resume")
			has(t, b.want(ExitFinding, "link", hub, zo, "--plan"), "erased")
			if code, all := b.examine(); code != ExitOK {
				t.Errorf("after %d writes: %+v", writes, all)
			}
			if strings.Contains(b.mark(), "\n") {
				t.Errorf("after %d writes two keys are known", writes)
			}
		}
	}
	if writes < 4 {
		t.Errorf("%d writes", writes)
	}
}

func TestAnExchangeSaysWhenTheSecretFileHoldsNoKey(t *testing.T) {
	b := stage(t)
	b.halted()
	const note = "note   --secret-file: nothing of it is taken here, which would be PAIR_KEY"
	has(t, b.want(ExitOK, "setup", "key", "--plan", "--secret-file", file(t, "secrets.env", "ZOHO_CLIENT_SECRET=sandbox-secret\n")), note)
	hasNot(t, b.want(ExitOK, "setup", "key", "--plan", "--secret-file", file(t, "secrets.env", "PAIR_KEY="+b.vault[settings.PairKey].Reveal()+"\n")), note)
}

func TestAnExchangeThatBreaksOffTakesTheOldKeyBack(t *testing.T) {
	b, hub, zo, key := forgotten(t)
	delete(b.vault, settings.PairKey)
	b.halted()
	for n := 0; b.vault[settings.PairKey].IsZero(); n++ { // broken off right before the new one is stored, among others
		if !b.breaks(n, "setup", "key", "--first-key-lost") || !b.vault[settings.PairKey].IsZero() {
			break
		}
		b.want(ExitOK, offering(t, key.Reveal())...)
		b.knows(hub, zo)
		delete(b.vault, settings.PairKey)
		b.unchanged("another key", func() { has(t, b.want(ExitUsage, offering(t, another)...), "is another key than the one") })
	}
}

func TestAKeyWhoseStoringBreaksOffIsKnownWhenPairsAreMadeWithIt(t *testing.T) {
	broken := true
	for n := 0; broken; n++ {
		b := stage(t)
		right := b.vault[settings.PairKey]
		delete(b.vault, settings.PairKey)
		b.noted(crm.NewSecret(another))
		line := offering(t, right.Reveal())
		if broken = b.breaks(n, line...); b.vault[settings.PairKey].IsZero() {
			continue
		}
		b.rossi()
		if code, all := b.examine(); code != ExitOK {
			t.Errorf("after %d writes: %+v", n, all)
		}
	}
}
