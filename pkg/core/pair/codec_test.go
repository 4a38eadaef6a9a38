package pair_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// hash returns a hash that is told from others by n.
func hash(n int) pair.Hash {
	return pair.Hasher{Key: crm.NewSecret("key")}.Sum(fmt.Sprint(n))
}

// steady is a pair of n fields as most pairs are: living, in step, nothing begun.
func steady(n int) pair.Pair {
	p := pair.Pair{
		ID: "0190b3c2-6f1e-7a4e-9c0d-2f6f0c8d1b7a", Connection: "main", Kind: crm.Contact, State: pair.Living,
		HubSpot: "123456789012", Zoho: "4876876000000333013", KeyID: 1,
		ReadAt: noon, UpdatedAt: noon, HubSpotAt: noon, ZohoAt: noon, ZohoSeen: noon, ZohoWrote: noon, SyncedAt: noon,
	}
	for i := range n {
		p.Settle(pair.Slot(0xF0000000+i), pair.Base{HubSpot: hash(i), Zoho: hash(-i)})
	}
	return p
}

// busy is a pair with something in every place.
func busy() pair.Pair {
	p := steady(3)
	p.State, p.Duplicates, p.Successor = pair.Orphan, []string{"9", "10"}, "next"
	p.Gone, p.GoneAt, p.Invented = crm.Zoho, noon, hash(99)
	p.Begin(pair.Unfinished{System: crm.Zoho, Slot: 1, Hash: hash(5), At: noon})
	p.Begin(pair.Unfinished{System: crm.HubSpot, Slot: 2, Hash: hash(6), At: noon.Add(time.Millisecond)})
	p.Hold(7, pair.Held{System: crm.Zoho, Base: pair.Base{HubSpot: hash(1)}, Mapping: "0a1b2c3d", Hint: fault.HintDuplicate, Code: "DUPLICATE_DATA", Other: "12", Pending: true})
	p.Lease = pair.Lease{Owner: "owner", Until: noon.Add(time.Minute)}
	p.Counted = hash(77)
	p.Leave(crm.HubSpot, "3", "4")
	p.Leave(crm.Zoho, "5")
	p.Restrict(3, 8, 3)
	p.Decide(
		pair.Decision{At: noon, Field: "city", To: "zoho", Rule: "later", HubSpotAt: noon, ZohoAt: noon.Add(-time.Minute)},
		pair.Decision{At: noon, Field: "phone", To: "both", Rule: "unseen", Observed: true},
	)
	return p
}

func TestThirtyFieldsFitInto750Bytes(t *testing.T) {
	for n, most := range map[int]int{0: 150, 30: 750} {
		if got := len(steady(n).Encode()); got > most {
			t.Errorf("%d fields take %d bytes, at most %d wanted", n, got, most)
		}
	}
}

func TestAPairComesBackAsItWasWritten(t *testing.T) {
	for _, want := range []pair.Pair{{}, steady(0), steady(30), busy()} {
		got, err := pair.Decode(want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestAPairOfTheFirstVersionIsRead(t *testing.T) {
	want := busy()
	want.Counted, want.Decided, want.Former, want.Restricted = pair.Hash{}, nil, nil, nil
	old := want.Encode()
	old = old[:len(old)-1] // no decisions, not even their number
	old[0] = 1
	got, err := pair.Decode(old)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAPairRemembersOnceWhatItWentOnWithout(t *testing.T) {
	var p pair.Pair
	p.Leave(crm.HubSpot, "1", "", "2", "1")
	p.Leave(crm.Zoho, "1")
	p.Leave(crm.HubSpot, "2")
	if diff := cmp.Diff([]pair.Side{{System: crm.HubSpot, Key: "1"}, {System: crm.HubSpot, Key: "2"}, {System: crm.Zoho, Key: "1"}}, p.Former); diff != "" {
		t.Error(diff)
	}
	q := p.Clone()
	if !q.Unleave(crm.HubSpot, "2") || q.Unleave(crm.HubSpot, "2") || len(q.Former) != 2 {
		t.Errorf("%v", q.Former)
	}
	q.Former[0].Key = "9"
	if p.Former[0].Key != "1" {
		t.Error("a copy shares what the pair went on without")
	}
}

func TestAPairRemembersItsLastDecisions(t *testing.T) {
	var p pair.Pair
	for i := range 2 * pair.MaxDecided {
		p.Decide(pair.Decision{Field: crm.Field(fmt.Sprint(i))})
	}
	if len(p.Decided) != pair.MaxDecided || p.Decided[0].Field != "15" || p.Decided[pair.MaxDecided-1].Field != "8" {
		t.Errorf("%+v", p.Decided)
	}
}

func TestAnyPairComesBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyPair().Draw(t, "pair")
		bytes := want.Encode()
		got, err := pair.Decode(bytes)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
		if string(got.Encode()) != string(bytes) {
			t.Fatal("the same pair has two encodings")
		}
	})
}

func TestACutOrLengthenedRowIsNoPair(t *testing.T) {
	for _, p := range []pair.Pair{{}, steady(30), busy()} {
		bytes := p.Encode()
		for n := range bytes {
			if got, err := pair.Decode(bytes[:n]); !errors.Is(err, pair.ErrEncoding) || got.ID != "" || got.Base != nil {
				t.Fatalf("cut to %d of %d bytes: %+v, %v", n, len(bytes), got, err)
			}
		}
		if _, err := pair.Decode(append(bytes, 0)); !errors.Is(err, pair.ErrEncoding) {
			t.Errorf("a byte too many: %v", err)
		}
	}
}

func TestARowOfALaterVersionIsNotGuessedAt(t *testing.T) {
	bytes := busy().Encode()
	for _, v := range []byte{0, 3, 255} {
		bytes[0] = v
		if _, err := pair.Decode(bytes); !errors.Is(err, pair.ErrEncoding) {
			t.Errorf("version %d: %v", v, err)
		}
	}
}

func TestACountThatTheBytesCannotHoldIsRefused(t *testing.T) {
	// Version, three empty texts, state, two empty texts, and then a count of 2^63 duplicates.
	for _, count := range [][]byte{
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, {0x80, 0x80}, {0x05}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
	} {
		if _, err := pair.Decode(append([]byte{1, 0, 0, 0, 1, 0, 0}, count...)); !errors.Is(err, pair.ErrEncoding) {
			t.Errorf("% x: %v", count, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range []pair.Pair{{}, steady(2), busy()} {
		f.Add(p.Encode())
	}
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := pair.Decode(in)
		if err != nil {
			if !errors.Is(err, pair.ErrEncoding) {
				t.Fatal(err)
			}
			return
		}
		again, err := pair.Decode(p.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("what was read is written as something else: %s", diff)
		}
	})
}

// anyPair draws pairs as Decode gives them back: times in UTC and whole milliseconds, nothing for what is empty.
func anyPair() *rapid.Generator[pair.Pair] {
	text := rapid.StringN(0, 12, -1)
	sides := rapid.SampledFrom([]crm.System{"", crm.HubSpot, crm.Zoho})
	hashes := rapid.Custom(func(t *rapid.T) (h pair.Hash) {
		copy(h[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "hash"))
		return h
	})
	times := rapid.Custom(func(t *rapid.T) time.Time {
		// Year 1 to year 9999; 1970 itself stands for "never".
		ms := rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "ms")
		if ms == 0 {
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	})
	bases := rapid.Custom(func(t *rapid.T) pair.Base {
		return pair.Base{HubSpot: hashes.Draw(t, "hubspot"), Zoho: hashes.Draw(t, "zoho")}
	})
	slots := rapid.Custom(func(t *rapid.T) pair.Slot { return pair.Slot(rapid.Uint32().Draw(t, "slot")) })
	unfinished := rapid.Custom(func(t *rapid.T) pair.Unfinished {
		return pair.Unfinished{System: sides.Draw(t, "system"), Slot: slots.Draw(t, "slot"), Hash: hashes.Draw(t, "hash"), At: times.Draw(t, "at")}
	})
	held := rapid.Custom(func(t *rapid.T) pair.Held {
		return pair.Held{
			System: sides.Draw(t, "system"), Base: bases.Draw(t, "base"), Mapping: text.Draw(t, "mapping"), Hint: fault.Hint(text.Draw(t, "hint")),
			Code: text.Draw(t, "code"), Other: text.Draw(t, "other"), Pending: rapid.Bool().Draw(t, "pending"),
		}
	})
	decided := rapid.Custom(func(t *rapid.T) pair.Decision {
		return pair.Decision{
			At: times.Draw(t, "at"), Field: crm.Field(text.Draw(t, "field")), To: text.Draw(t, "to"), Rule: text.Draw(t, "rule"),
			HubSpotAt: times.Draw(t, "hubspotAt"), ZohoAt: times.Draw(t, "zohoAt"), Observed: rapid.Bool().Draw(t, "observed"),
		}
	})
	return rapid.Custom(func(t *rapid.T) pair.Pair {
		p := pair.Pair{
			ID: text.Draw(t, "id"), Connection: text.Draw(t, "connection"), Kind: crm.Kind(text.Draw(t, "kind")),
			State:   rapid.SampledFrom([]pair.State{pair.Living, pair.Creating, pair.Orphan, pair.Superseded}).Draw(t, "state"),
			HubSpot: text.Draw(t, "hubspot"), Zoho: text.Draw(t, "zoho"), Successor: text.Draw(t, "successor"),
			Gone: sides.Draw(t, "gone"), GoneAt: times.Draw(t, "goneAt"), KeyID: rapid.Byte().Draw(t, "keyID"), Invented: hashes.Draw(t, "invented"),
			ReadAt: times.Draw(t, "readAt"), UpdatedAt: times.Draw(t, "updatedAt"), HubSpotAt: times.Draw(t, "hubspotAt"), ZohoAt: times.Draw(t, "zohoAt"),
			ZohoSeen: times.Draw(t, "zohoSeen"), ZohoWrote: times.Draw(t, "zohoWrote"), SyncedAt: times.Draw(t, "syncedAt"),
			Lease: pair.Lease{Owner: text.Draw(t, "owner"), Until: times.Draw(t, "until")},
		}
		p.Duplicates = append(p.Duplicates, rapid.SliceOfN(text, 0, 3).Draw(t, "duplicates")...) // nil when there are none
		p.Leave(sides.Draw(t, "left"), rapid.SliceOfN(text, 0, 3).Draw(t, "former")...)
		for _, u := range rapid.SliceOfN(unfinished, 0, 4).Draw(t, "unfinished") {
			p.Begin(u)
		}
		for s, b := range rapid.MapOfN(slots, bases, 0, 5).Draw(t, "bases") {
			p.Settle(s, b)
		}
		for s, h := range rapid.MapOfN(slots, held, 0, 3).Draw(t, "held") {
			p.Hold(s, h)
		}
		p.Counted = hashes.Draw(t, "counted")
		p.Decide(rapid.SliceOfN(decided, 0, pair.MaxDecided+1).Draw(t, "decided")...)
		if len(p.Decided) == 0 {
			p.Decided = nil
		}
		return p
	})
}
