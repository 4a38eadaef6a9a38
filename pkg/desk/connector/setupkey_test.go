package connector

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
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
					has(t, b.want(ExitFinding, line...), "and shop has in its table pairs what was made with the right one. Nothing was stored; "+oldBack)
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
