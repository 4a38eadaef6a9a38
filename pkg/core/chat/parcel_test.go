package chat_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	faults "crm-connector/pkg/core/fault"
)

// shows compares values by their text.
var shows = cmp.Transformer("text", func(v crm.Value) string { return fmt.Sprint(v.Known()) + v.Text() })

func parcel(updates ...chat.Update) chat.Parcel {
	return chat.Parcel{Connection: "main", ReceivedAt: noon, Trace: "trace", Updates: updates}
}

func said(user, phone, id, text string) chat.Update {
	from := chat.Person{}
	if user != "" {
		from.User = crm.Text(user)
	}
	if phone != "" {
		from.Phone = crm.Text(phone)
	}
	return chat.Update{Account: "1", Number: "2", Message: &chat.Message{ID: crm.Text(id), At: noon, From: from, Type: chat.TypeText, Text: crm.Text(text)}}
}

func told(id string, state chat.State) chat.Update {
	return chat.Update{Account: "1", Number: "2", Status: &chat.Status{ID: crm.Text(id), State: state, At: noon}}
}

// opened reads every entry back.
func opened(t interface{ Fatal(...any) }, entries []batch.Entry) []chat.Parcel {
	var out []chat.Parcel
	for _, e := range entries {
		p, err := chat.Open(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func TestWhatIsPackedComesOutWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := rapid.SliceOfN(rapid.Custom(anUpdate), 1, 8).Draw(t, "updates")
		entries, tooLarge := chat.Pack(parcel(sent...))
		if len(tooLarge) > 0 {
			t.Fatalf("%d are too large", len(tooLarge))
		}
		var got []chat.Update
		for _, p := range opened(t, entries) {
			if p.V != chat.Version || p.Connection != "main" || p.Trace != "trace" || !p.ReceivedAt.Equal(noon) {
				t.Fatalf("the envelope reads %d %s %s", p.V, p.Connection, p.Trace)
			}
			got = append(got, p.Updates...)
		}
		byName := func(a, b chat.Update) int { return strings.Compare(a.Identity(), b.Identity()) }
		slices.SortStableFunc(sent, byName)
		slices.SortStableFunc(got, byName)
		if diff := cmp.Diff(sent, got, shows); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAPackedMessageHoldsOnlyWhatAQueueCarries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, _ := chat.Pack(parcel(rapid.SliceOfN(rapid.Custom(anUpdate), 1, 4).Draw(t, "updates")...))
		for _, e := range entries {
			if !utf8.ValidString(e.Body) || strings.ContainsFunc(e.Body, refused) {
				t.Fatalf("%q", e.Body)
			}
			for _, id := range []string{e.Group, e.Dedup} {
				if id == "" || len(id) > 128 || strings.Trim(id, "0123456789abcdef") != "" {
					t.Fatalf("an id of a queue is %q", id)
				}
			}
		}
	})
}

// refused are the characters that SQS refuses.
func refused(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

func TestTextThatIsNotUTF8IsMended(t *testing.T) {
	entries, _ := chat.Pack(parcel(said("IT.1", "", "w", "a\xffb\x00\uFFFFc")))
	if got := opened(t, entries)[0].Updates[0].Message.Text.Text(); got != "a\uFFFDb\x00\uFFFFc" {
		t.Errorf("%q", got)
	}
}

func TestAThousandUpdatesFitIntoThirtyTwoMessagesWithEveryConversationInOrder(t *testing.T) {
	var updates []chat.Update
	for i := range chat.MaxUpdates {
		id := fmt.Sprint("wamid.", i)
		switch i % 3 {
		case 0:
			updates = append(updates, said(fmt.Sprint("IT.", i%77), "", id, fmt.Sprint(i)))
		case 1:
			updates = append(updates, said("", fmt.Sprint(393470000000+i%77), id, fmt.Sprint(i)))
		default:
			updates = append(updates, told(fmt.Sprint("sent.", i%50), chat.Sent))
		}
	}
	entries, tooLarge := chat.Pack(parcel(updates...))
	if len(entries) > chat.MaxMessages || len(tooLarge) > 0 {
		t.Fatalf("%d messages, %d too large", len(entries), len(tooLarge))
	}
	groups, last, count := map[string]bool{}, map[chat.Person]int{}, 0
	for i, p := range opened(t, entries) {
		if groups[entries[i].Group] {
			t.Error("two messages for one group")
		}
		groups[entries[i].Group] = true
		statuses := false
		for _, u := range p.Updates {
			count++
			if chat.Shard(u) != chat.Shard(p.Updates[0]) {
				t.Fatal("two shards in one message")
			}
			if u.Status != nil {
				statuses = true
				continue
			}
			var n int
			if _, err := fmt.Sscan(u.Message.Text.Text(), &n); err != nil || n < last[u.Message.From] || statuses {
				t.Fatalf("message %d after %d, after statuses %t", n, last[u.Message.From], statuses)
			}
			last[u.Message.From] = n
		}
	}
	if count != chat.MaxUpdates {
		t.Errorf("%d updates came out", count)
	}
}

func TestAThousandOrdinaryUpdatesTakeFourCallsToTheQueue(t *testing.T) {
	var updates []chat.Update
	for i := range chat.MaxUpdates {
		updates = append(updates, said(fmt.Sprint("IT.1349120865530274", i), "393471234567", fmt.Sprintf("wamid.HBgMMzkzNDcxMjM0NTY3FQIAEhgU%024dAA==", i), strings.Repeat("Buongiorno ", 20)))
	}
	entries, _ := chat.Pack(parcel(updates...))
	calls, n, size := 0, batch.MaxEntries, 0
	for _, e := range entries {
		if n == batch.MaxEntries || size+len(e.Body) > batch.MaxBytes {
			calls, n, size = calls+1, 0, 0
		}
		n, size = n+1, size+len(e.Body)
	}
	if calls > 4 {
		t.Errorf("%d messages take %d calls", len(entries), calls)
	}
}

func TestMessagesGoBeforeWhatIsOnlyStatuses(t *testing.T) {
	entries, _ := chat.Pack(parcel(told("a", chat.Sent), told("b", chat.Sent), told("c", chat.Sent), said("IT.1", "", "w", "x")))
	if p := opened(t, entries)[0]; p.Updates[0].Message == nil {
		t.Errorf("first is %+v", p.Updates[0])
	}
}

func TestAShardThatIsTooLargeBecomesSeveralMessagesInOrder(t *testing.T) {
	var updates []chat.Update
	for i := range 60 {
		updates = append(updates, said("IT.1", "", fmt.Sprint(i), strings.Repeat("x", 60_000)))
	}
	entries, tooLarge := chat.Pack(parcel(updates...))
	if len(tooLarge) > 0 || len(entries) != 4 {
		t.Fatalf("%d messages", len(entries))
	}
	n := 0
	for i, p := range opened(t, entries) {
		if len(entries[i].Body) > chat.MaxParcel || entries[i].Group != entries[0].Group || i > 0 && entries[i].Dedup == entries[0].Dedup {
			t.Errorf("message %d: %d bytes, group %s, dedup %s", i, len(entries[i].Body), entries[i].Group, entries[i].Dedup)
		}
		for _, u := range p.Updates {
			if u.Message.ID.Text() != fmt.Sprint(n) {
				t.Fatalf("%s instead of %d", u.Message.ID.Text(), n)
			}
			n++
		}
	}
	if n != 60 {
		t.Errorf("%d updates", n)
	}
}

// However three megabytes are shared out among a thousand updates and their people, the delivery becomes no more messages.
func TestADeliveryOfTheLargestSizeFitsIntoThirtyTwoMessagesHoweverItIsSharedOut(t *testing.T) {
	chance, most := rand.New(rand.NewPCG(1, 1)), 0
	for run := range 24 {
		left := 3 << 20
		var updates []chat.Update
		add := func(who, size int) {
			size = min(size, left, chat.MaxParcel-2000)
			left -= max(size, 300)
			updates = append(updates, said(fmt.Sprint("IT.", who), "393471234567", fmt.Sprint("wamid.", len(updates)), strings.Repeat("xxxx\n", max(size-300, 0)/6)))
		}
		for i := range 3 * chat.Shards { // somebody of every shard
			add(i, 300)
		}
		sizes := [][]int{{3000}, {60_000}, {300, 3000, 990_000}, {400_000, 600_000}, {300, 1_500_000}, {300, 3000, 60_000, 400_000, 600_000, 990_000}}[run%6]
		for left > 300 && len(updates) < chat.MaxUpdates {
			add(chance.IntN(1+run/6), sizes[chance.IntN(len(sizes))])
		}
		entries, tooLarge := chat.Pack(parcel(updates...))
		if most = max(most, len(entries)); len(entries) > chat.MaxMessages || len(tooLarge) > 0 {
			t.Errorf("run %d: %d messages, %d too large", run, len(entries), len(tooLarge))
		}
	}
	if most <= chat.Shards {
		t.Errorf("%d messages at most: no shard was ever cut", most)
	}
}

func TestAnUpdateThatFitsNowhereIsHandedBack(t *testing.T) {
	big, small := said("IT.1", "", "1", strings.Repeat("\x00", chat.MaxParcel/6)), said("IT.1", "", "2", "x")
	entries, tooLarge := chat.Pack(parcel(big, small))
	if len(entries) != 1 || len(tooLarge) != 1 || tooLarge[0].Identity() != big.Identity() || len(opened(t, entries)[0].Updates) != 1 {
		t.Errorf("%d messages, %d too large", len(entries), len(tooLarge))
	}
	exact := said("IT.1", "", "3", strings.Repeat("x", chat.MaxParcel-2000))
	if entries, tooLarge = chat.Pack(parcel(exact)); len(tooLarge) != 0 || len(entries[0].Body) > chat.MaxParcel {
		t.Error("one that just fits is not sent")
	}
}

func TestAnUpdateIsNamedByWhatItIsAndNotByHowItCame(t *testing.T) {
	a := said("IT.1", "", "wamid.A", "one")
	again := said("", "39347", "wamid.A", "one")
	if a.Identity() != again.Identity() {
		t.Error("the same message has two names")
	}
	for _, other := range []chat.Update{said("IT.1", "", "wamid.B", "one"), told("wamid.A", chat.Sent), told("wamid.A", chat.Read)} {
		if other.Identity() == a.Identity() {
			t.Errorf("%+v has the name of another", other)
		}
	}
	if strings.Contains(a.Identity(), "wamid") {
		t.Error("a name shows the message's id, which holds a phone number")
	}
	in := func(phone string) chat.Update {
		u := told("wamid.A", chat.Read)
		u.Status.Group, u.Status.To.Phone = crm.Text("group"), crm.Text(phone)
		return u
	}
	if in("1").Identity() == in("2").Identity() {
		t.Error("two members of a group have read it, not one")
	}
}

func TestAPersonStaysInOneShardAndAStatusGoesWithItsMessage(t *testing.T) {
	if chat.Shard(said("IT.1", "39347", "a", "")) != chat.Shard(said("IT.1", "", "b", "")) {
		t.Error("a person with and without phone has two shards")
	}
	failed := told("wamid.A", chat.Failed)
	sent := told("wamid.A", chat.Sent)
	sent.Status.To.User = crm.Text("IT.1")
	if chat.Shard(failed) != chat.Shard(sent) {
		t.Error("statuses of one message have two shards")
	}
	seen := map[int]int{}
	for i := range 6400 {
		seen[chat.Shard(said(fmt.Sprint("IT.", i), "", "a", ""))]++
	}
	for n, count := range seen {
		if n < 0 || n >= chat.Shards || count < 100 || count > 320 {
			t.Errorf("shard %d has %d of 6400 persons", n, count)
		}
	}
	if len(seen) != chat.Shards {
		t.Errorf("%d shards", len(seen))
	}
}

func TestAMessageOfALaterVersionGoesBackAndAnyOtherIsOurFault(t *testing.T) {
	for body, later := range map[string]bool{
		`{"v":2,"connection":"main","updates":[{"m":{"i":"w","y":"text"}}]}`:                            true,
		`{"v":2,"connection":7,"updates":{}}`:                                                           true,
		`{"v":1,"connection":"main","updates":[]}`:                                                      false,
		`{"v":1,"connection":"main","updates":[{}]}`:                                                    false,
		`{"v":1,"connection":"main","updates":[{"m":{}}]}`:                                              false,
		`{"v":1,"connection":"main","updates":[{"s":{"i":"w"}}]}`:                                       false,
		`{"v":1,"connection":"main","updates":[{"m":{"i":"canary","y":"t"},"s":{"i":"w","s":"sent"}}]}`: false,
		`{"v":1,"connection":"main","updates":[{"m":{"i":7,"y":"text"}}]}`:                              false,
		`{"v":1,"updates":[{"m":{"i":"w","y":"text"}}]}`:                                                false,
		`{"connection":"main"}`:                                                                         false, `[]`: false, `null`: false, ``: false, `canary`: false,
	} {
		_, err := chat.Open(body)
		if errors.Is(err, batch.ErrLater) != later || !later && faults.KindOf(err) != faults.Ours || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s gives %v", body, err)
		}
	}
	p, err := chat.Open(`{"v":1,"new":[1],"connection":"main","updates":[{"n":"2","new":{},"m":{"i":"w","y":"text","x":"hi","zz":7}}]}`)
	if err != nil || p.Updates[0].Message.Text.Text() != "hi" {
		t.Errorf("unknown fields are not ignored: %v", err)
	}
}

func TestNothingOfAnUpdateGetsIntoAFormatString(t *testing.T) {
	const canary = "canary"
	u := said(canary, canary, canary, canary)
	u.Message.From.Name, u.Message.Media.Filename = crm.Text(canary), crm.Text(canary)
	for _, text := range []string{fmt.Sprintf("%+v %#v", *u.Message, *u.Message), fmt.Sprint(parcel(u).Operation(u))} {
		if strings.Contains(text, canary) {
			t.Errorf("printed: %s", text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	entries, _ := chat.Pack(parcel(said("IT.1", "39347", "w", "text"), told("w", chat.Read)))
	for _, e := range entries {
		f.Add(e.Body)
	}
	f.Add(`{"v":2}`)
	f.Fuzz(func(t *testing.T, body string) {
		p, err := chat.Open(body)
		if err != nil {
			return
		}
		again, tooLarge := chat.Pack(p)
		if n := len(tooLarge); n > 0 {
			return
		}
		count := 0
		for _, q := range opened(t, again) {
			count += len(q.Updates)
		}
		if count != len(p.Updates) {
			t.Fatalf("%d updates of %d", count, len(p.Updates))
		}
	})
}

func BenchmarkPackAThousand(b *testing.B) {
	var updates []chat.Update
	for i := range 1000 {
		updates = append(updates, said(fmt.Sprint("IT.", i%100), "393471234567", fmt.Sprint("wamid.", i), "Buongiorno, è disponibile?"))
	}
	for b.Loop() {
		chat.Pack(parcel(updates...))
	}
}
