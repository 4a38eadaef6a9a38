package pair_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
)

func TestAHashIsKeyedAndKeepsItsPartsApart(t *testing.T) {
	h := pair.Hasher{Key: crm.NewSecret("key"), KeyID: 1}
	seen := map[pair.Hash]string{}
	for name, sum := range map[string]pair.Hash{
		"ab": h.Sum("ab"), "a b": h.Sum("a", "b"), "ab and nothing": h.Sum("ab", ""), "nothing and ab": h.Sum("", "ab"), "no part": h.Sum(),
		"another key": pair.Hasher{Key: crm.NewSecret("other")}.Sum("ab"),
		"a value":     h.Raw(crm.Zoho, "city", crm.Text("Roma")), "another system": h.Raw(crm.HubSpot, "city", crm.Text("Roma")),
		"another field": h.Raw(crm.Zoho, "town", crm.Text("Roma")), "an empty value": h.Raw(crm.Zoho, "city", crm.Empty()),
	} {
		if other, taken := seen[sum]; taken || !sum.Known() {
			t.Errorf("%s hashes like %q: %x", name, other, sum)
		}
		seen[sum] = name
	}
	if h.Raw(crm.Zoho, "city", crm.Unknown()).Known() {
		t.Error("an unknown value has a hash")
	}
	if again := (pair.Hasher{Key: crm.NewSecret("key"), KeyID: 2}); again.Sum("ab") != h.Sum("ab") {
		t.Error("the same key gives another hash")
	}
}

func TestANameStaysTheSameWhenTheKeyOfValuesIsExchanged(t *testing.T) {
	before := pair.Hasher{Key: crm.NewSecret("first"), KeyID: 1}
	after := pair.Hasher{Key: crm.NewSecret("second"), KeyID: 2, Names: crm.NewSecret("first")}
	if before.Sum("tombstone", "1") != after.Sum("tombstone", "1") {
		t.Error("the name is another")
	}
	value := crm.Text("Roma")
	if before.Raw(crm.Zoho, "city", value) == after.Raw(crm.Zoho, "city", value) {
		t.Error("the value is still hashed with the first key")
	}
	if after.Raw(crm.Zoho, "city", value) != (pair.Hasher{Key: crm.NewSecret("second")}).Raw(crm.Zoho, "city", value) {
		t.Error("the first key has a part in the hash of a value")
	}
}

func TestAHashNeedsNoMemory(t *testing.T) {
	h := pair.Hasher{Key: crm.NewSecret("second"), KeyID: 2, Names: crm.NewSecret("first")}
	value := crm.Text("Roma")
	if n := testing.AllocsPerRun(100, func() { h.Raw(crm.Zoho, "city", value); h.Sum("tombstone", "1") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAHashIsTheStandardLibrarysHMAC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringN(0, 100, 140).Draw(t, "key")
		parts := rapid.SliceOfN(rapid.StringN(0, 300, 700), 0, 5).Draw(t, "parts")
		mac := hmac.New(sha256.New, []byte(key))
		for _, p := range parts {
			mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
			mac.Write([]byte(p))
		}
		if got, want := (pair.Hasher{Key: crm.NewSecret(key)}).Sum(parts...), pair.Hash(mac.Sum(nil)[:8]); got != want {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

func TestAStoredHashMeansTheSameInTheNextRelease(t *testing.T) {
	h := pair.Hasher{Key: crm.NewSecret("key")}
	want := pair.Hash{0x03, 0x5a, 0x6e, 0xa4, 0x25, 0x46, 0x6a, 0x4a}
	if got := h.Raw(crm.Zoho, "city", crm.Text("Roma")); got != want {
		t.Errorf("%#v: every stored base would look edited", got)
	}
	if got := pair.SlotOf("city", "city", "Mailing_City"); got != 0x776d148a {
		t.Errorf("%#x: every stored base would be lost", uint32(got))
	}
}

func TestAFieldThatIsMappedAnewStartsWithoutABase(t *testing.T) {
	slots := map[pair.Slot]bool{}
	for _, names := range [][3]string{{"city", "city", "City"}, {"city", "town", "City"}, {"city", "city", "Town"}, {"town", "city", "City"}, {"", "citycity", "City"}, {"city", "", "cityCity"}} {
		slots[pair.SlotOf(crm.Field(names[0]), names[1], names[2])] = true
	}
	if len(slots) != 6 {
		t.Errorf("%d slots of 6", len(slots))
	}
}

func TestAPairKnowsItsHalves(t *testing.T) {
	p := pair.Pair{Kind: crm.Company, HubSpot: "1", Zoho: "2"}
	if p.Record(crm.HubSpot) != (crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: "1"}) || p.Record(crm.Zoho) != (crm.ID{System: crm.Zoho, Module: crm.Companies, Key: "2"}) {
		t.Errorf("%v and %v", p.Record(crm.HubSpot), p.Record(crm.Zoho))
	}
	b := pair.Base{HubSpot: hash(1), Zoho: hash(2)}
	if b.Of(crm.HubSpot) != hash(1) || b.Of(crm.Zoho) != hash(2) {
		t.Error("the sides of a base are mixed up")
	}
}

func TestALeaseKeepsOthersOutUntilItEnds(t *testing.T) {
	held := pair.Pair{Lease: pair.Lease{Owner: "a", Until: noon}}
	for _, tt := range []struct {
		name  string
		pair  pair.Pair
		owner string
		at    time.Time
		want  bool
	}{
		{"nobody has it", pair.Pair{}, "b", noon, false},
		{"somebody else, a moment before its end", held, "b", noon.Add(-1), true},
		{"somebody else, at its end", held, "b", noon, false},
		{"its owner", held, "a", noon.Add(-1), false},
		{"given back", pair.Pair{Lease: pair.Lease{Until: noon}}, "b", noon.Add(-1), false},
	} {
		if got := tt.pair.Leased(tt.owner, tt.at); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestAnAnswerForgetsItsOwnWritesAndNoOthers(t *testing.T) {
	first, second := noon, noon.Add(time.Second)
	p := pair.Pair{}
	p.Begin(pair.Unfinished{System: crm.Zoho, Slot: 1, Hash: hash(1), At: first})
	p.Begin(pair.Unfinished{System: crm.Zoho, Slot: 1, Hash: hash(2), At: second})
	p.Begin(pair.Unfinished{System: crm.Zoho, Slot: 2, Hash: hash(3), At: second})
	p.Begin(pair.Unfinished{System: crm.HubSpot, Slot: 1, Hash: hash(4), At: second})

	p.Answered(crm.Zoho, second.In(time.FixedZone("", 3600)))
	if !p.Wrote(crm.Zoho, 1, hash(1)) || p.Wrote(crm.Zoho, 1, hash(2)) || p.Open(2) || !p.Wrote(crm.HubSpot, 1, hash(4)) {
		t.Errorf("%+v", p.Unfinished)
	}
	if p.Wrote(crm.Zoho, 2, hash(1)) || p.Wrote(crm.HubSpot, 1, hash(1)) || p.Wrote(crm.Zoho, 1, pair.Hash{}) {
		t.Error("a write of something else counts")
	}
}

func TestAnUnfinishedWriteIsRememberedForADay(t *testing.T) {
	for age, want := range map[time.Duration]bool{0: true, pair.UnfinishedFor - 1: true, pair.UnfinishedFor: false, 2 * pair.UnfinishedFor: false} {
		p := pair.Pair{}
		p.Begin(pair.Unfinished{System: crm.Zoho, Slot: 1, Hash: hash(1), At: noon})
		p.Expire(noon.Add(age))
		if p.Open(1) != want {
			t.Errorf("after %s: %v", age, p.Open(1))
		}
	}
}

func TestAFieldThatComesToRestIsHeldNoLonger(t *testing.T) {
	p := pair.Pair{}
	p.Hold(1, pair.Held{System: crm.Zoho})
	p.Hold(2, pair.Held{System: crm.Zoho})
	p.Settle(1, pair.Base{HubSpot: hash(1)})
	if _, held := p.Held[1]; held || p.Base[1].HubSpot != hash(1) || len(p.Held) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestAFieldIsToBeRestrictedUntilItComesToRest(t *testing.T) {
	var p pair.Pair
	p.Restrict(1, 2, 1)
	p.Restrict(2)
	c := p.Clone()
	p.Settle(1, pair.Base{HubSpot: hash(1)})
	if !slices.Equal(p.Restricted, []pair.Slot{2}) || !slices.Equal(c.Restricted, []pair.Slot{1, 2}) {
		t.Errorf("%v, the copy %v", p.Restricted, c.Restricted)
	}
}

func TestForgettingLeavesWhoIsWhoAndNothingOfTheValues(t *testing.T) {
	// UpdatedAt stays: that HubSpot showed the record as of that moment is no less true, and tells a stale read.
	was := busy()
	p := was.Clone()
	p.Forget()
	want := pair.Pair{
		ID: was.ID, Connection: was.Connection, Kind: was.Kind, State: was.State, HubSpot: was.HubSpot, Zoho: was.Zoho, Duplicates: was.Duplicates, Former: was.Former,
		Successor: was.Successor, Gone: was.Gone, GoneAt: was.GoneAt, KeyID: was.KeyID, Invented: was.Invented,
		Restricted: was.Restricted, UpdatedAt: was.UpdatedAt, SyncedAt: was.SyncedAt, Lease: was.Lease, Counted: was.Counted, Decided: was.Decided,
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestACloneSharesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPair().Draw(t, "pair")
		p.Settle(1, pair.Base{})
		p.Hold(2, pair.Held{})
		p.Begin(pair.Unfinished{})
		p.Duplicates = append(p.Duplicates, "d")
		before := string(p.Encode())
		c := p.Clone()
		if string(c.Encode()) != before {
			t.Fatal("the clone is another pair")
		}
		c.Base[1], c.Held[2], c.Unfinished[0], c.Duplicates[0] = pair.Base{HubSpot: hash(1)}, pair.Held{Code: "x"}, pair.Unfinished{Slot: 9}, "changed"
		if string(p.Encode()) != before {
			t.Fatal("a change of the clone changed the pair")
		}
	})
}
